"""An attacker with label maps alone: do the organs' shapes give the source away?"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from privacy_audit.attacks.linkage import NO_SOURCE_MAP, ONE_PATIENT
from privacy_audit.attacks.linkage_controls import (
    MOST_PLANTED,
    MOST_UNRELATED,
    Controls,
    judge_controls,
    spread_out,
)
from privacy_audit.attacks.linkage_judgement import (
    Attacker,
    Standing,
    judge_linkage,
    linkage_not_measured,
)
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparison
from privacy_audit.likeness.label_shapes import (
    blur_of_shapes,
    describe_organs,
    find_label_maps,
    read_label_map,
    read_organ_names,
)
from privacy_audit.likeness.shrinkage import shrunk_covariance
from privacy_audit.verdict import CheckResult, Flag

_SHAPE = Attacker(
    "linkage_shape", "the volumes, places and extents of the organs in the label maps alone"
)
_NO_CONTROLS = (
    "No patient whose answer is known, or none never trained on, has a label map, so nothing "
    "says whether the attack works. Put label maps of holdout patients into the folder, named "
    "like their images."
)
_NO_SOURCES = (
    "No source of a released image has a label map. Put label maps of the sources into the "
    "folder, named like their images."
)
_FEWEST_PATIENTS = 5
_LEAST_VARIANCE = 0.05
_MOVED_VOXELS = 2
_TURNED_DEGREES = 2.0


@dataclasses.dataclass(frozen=True)
class ShapeAttack:
    """Shapes of real patients, whitened by their own spread.

    Attributes:
        organs: value -> organ.
        images: the real images that have a label map.
        label_maps: name of a real image -> its label map.
        patients: each once, sorted.
        patient_index: (images,), into `patients`.
        centre: the mean shape vector; what is missing is replaced by it.
        whitening: (numbers, numbers).
        shapes: (images, numbers), whitened.
    """

    organs: Mapping[int, str]
    images: tuple[AuditImage, ...]
    label_maps: Mapping[str, Path]
    patients: tuple[str, ...]
    patient_index: NDArray[np.int64]
    centre: NDArray[np.float64]
    whitening: NDArray[np.float64]
    shapes: NDArray[np.float64]

    def compare(
        self, probes: Sequence[AuditImage], vectors: Sequence[NDArray[np.float64]]
    ) -> Comparison:
        """Give 1 / (1 + Mahalanobis distance) of shape vectors to each patient, best image.

        Args:
            probes: the images.
            vectors: the shape vector of each.
        """
        whitened = _fill(np.array(vectors), self.centre) @ self.whitening
        similarity = np.full((len(probes), len(self.patients)), -np.inf)
        for row, shape in enumerate(whitened):
            distance = np.linalg.norm(self.shapes - shape, axis=1)
            np.maximum.at(similarity[row], self.patient_index, 1.0 / (1.0 + distance))
        names = tuple("" for _ in probes)
        return Comparison(tuple(probes), names, self.patients, similarity)

    def describe(self, path: Path) -> NDArray[np.float64]:
        """Give the shape vector of a label map."""
        labels, spacing_mm = read_label_map(path, self.organs)
        return describe_organs(labels, spacing_mm, self.organs)


@dataclasses.dataclass(frozen=True)
class ReleasedLabels:
    """Label maps that are released.

    Attributes:
        images: the released images that have one.
        label_maps: name of such an image -> its label map.
        without_label_map: how many released images have none.
    """

    images: tuple[AuditImage, ...]
    label_maps: Mapping[str, Path]
    without_label_map: int


def prepare_shapes(images: Sequence[AuditImage], folder: Path) -> ShapeAttack | None:
    """Describe the organs of real patients and fit how they spread.

    Args:
        images: all real images: sources, training, holdout.
        folder: holds `labels.json` and a label map named like each image.

    Returns:
        None where fewer than 5 patients have a label map.

    Raises:
        AuditError: `labels.json` or a label map cannot be read.
    """
    organs = read_organ_names(folder)
    label_maps = find_label_maps(images, folder)
    labelled = tuple(image for image in images if image.name in label_maps)
    patients = tuple(sorted({image.patient for image in labelled}))
    if len(patients) < _FEWEST_PATIENTS:
        return None
    vectors = [
        describe_organs(*read_label_map(label_maps[image.name], organs), organs)
        for image in labelled
    ]
    return fit_shapes(labelled, vectors, organs, label_maps)


def fit_shapes(
    images: Sequence[AuditImage],
    vectors: Sequence[NDArray[np.float64]],
    organs: Mapping[int, str],
    label_maps: Mapping[str, Path],
) -> ShapeAttack:
    """Fit the attacker from shape vectors.

    Args:
        images: real images, of at least 2 patients.
        vectors: the shape vector of each.
        organs: value -> organ.
        label_maps: name of a real image -> its label map.

    Source: Mahalanobis distance with the shrunk correlation of the gallery.
    """
    patients = tuple(sorted({image.patient for image in images}))
    raw = np.array(vectors)
    seen = np.maximum(np.isfinite(raw).sum(axis=0), 1)
    centre = np.where(np.isfinite(raw), raw, 0.0).sum(axis=0) / seen
    filled = _fill(raw, centre)
    # What hardly differs between patients is told apart by the voxels alone.
    scale = 1.0 / np.sqrt(filled.var(axis=0) + blur_of_shapes(len(organs)) ** 2)
    values, axes = linalg.eigh(shrunk_covariance(filled * scale))
    whitening = (scale[:, np.newaxis] * axes) / np.sqrt(values + _LEAST_VARIANCE)
    return ShapeAttack(
        organs=organs,
        images=tuple(images),
        label_maps=label_maps,
        patients=patients,
        patient_index=np.array([patients.index(image.patient) for image in images]),
        centre=centre,
        whitening=whitening,
        shapes=filled @ whitening,
    )


def measure_shape_controls(
    attack: ShapeAttack, known: Sequence[AuditImage], unrelated: Sequence[AuditImage], *, seed: int
) -> Controls | None:
    """Plant label maps of known patients, moved and turned but not deformed, and unrelated ones.

    Args:
        attack: of `prepare_shapes`.
        known: real images; those without a label map are passed over.
        unrelated: real images of patients never trained on; likewise. Each is
            compared with everybody but its own patient.
        seed: for the random sources.

    Returns:
        None where no known image, or no unrelated one, has a label map.

    Raises:
        AuditError: a label map cannot be read.
    """
    chosen = spread_out(_labelled(attack, known), MOST_PLANTED)
    others = spread_out(_labelled(attack, unrelated), MOST_UNRELATED)
    if not chosen or not others:
        return None
    planted = [_describe_moved(attack, attack.label_maps[image.name]) for image in chosen]
    vectors = [attack.describe(attack.label_maps[image.name]) for image in others]
    return judge_controls(
        attack.compare(chosen, planted), attack.compare(others, vectors), seed=seed
    )


def find_released_labels(images: Sequence[AuditImage], folder: Path | None) -> ReleasedLabels:
    """Find the label maps of released images.

    Where a released image and a real one share a name, their label maps must lie in
    different folders, or the real one's would be taken for the released one's.

    Args:
        images: the released images.
        folder: holds a label map named like each image; None where none are released.
    """
    label_maps = {} if folder is None else find_label_maps(images, folder)
    labelled = tuple(image for image in images if image.name in label_maps)
    return ReleasedLabels(labelled, label_maps, len(images) - len(labelled))


def check_linkage_shape(
    attack: ShapeAttack | None,
    labels: ReleasedLabels,
    source_of: Mapping[str, str] | None,
    controls: Controls | None,
    *,
    mode: str,
    seed: int,
) -> tuple[CheckResult, list[Flag]]:
    """Match the label map of each released image to the patients of a gallery.

    Released images whose source has no label map are counted and left out.

    Args:
        attack: of `prepare_shapes`, with all real images; None where they have no label maps.
        labels: of `find_released_labels`.
        source_of: synthetic name -> source patient.
        controls: of `measure_shape_controls`; None with `attack` None, or where no
            control has a label map.
        mode: the release mode, for the wording alone.
        seed: for the intervals.

    Raises:
        AuditError: a label map cannot be read.
    """
    if not labels.images:
        why = "No released image has a label map. Give their folder where label maps are released."
        return linkage_not_measured(_SHAPE, why, verdict="not_applicable"), []
    if source_of is None:
        return linkage_not_measured(_SHAPE, NO_SOURCE_MAP), []
    if attack is None:
        return linkage_not_measured(_SHAPE, _no_gallery_sentence()), []
    if len(attack.patients) < 2:
        return linkage_not_measured(_SHAPE, ONE_PATIENT), []
    images = [image for image in labels.images if source_of.get(image.name) in attack.patients]
    left_out = len(labels.images) - len(images)
    details = {
        "without_label_map": labels.without_label_map,
        "source_without_label_map": left_out,
    }
    if not images or controls is None:
        why = _NO_CONTROLS if images else _NO_SOURCES
        return linkage_not_measured(_SHAPE, why, details=details), []
    vectors = [attack.describe(labels.label_maps[image.name]) for image in images]
    standing = Standing(is_invalid=False, controls=controls, details=details)
    return judge_linkage(
        dataclasses.replace(_SHAPE, limits=_left_out_sentence(left_out)),
        attack.compare(images, vectors),
        source_of,
        standing,
        mode=mode,
        seed=seed,
    )


def _left_out_sentence(left_out: int) -> str:
    if left_out == 0:
        return ""
    return f"{left_out} released label maps were left out, as their source has none."


def _no_gallery_sentence() -> str:
    return (
        f"Label maps are released, but fewer than {_FEWEST_PATIENTS} real patients have one to "
        "compare with. Put label maps of the real images into the folder, named like them."
    )


def _labelled(attack: ShapeAttack, images: Sequence[AuditImage]) -> tuple[AuditImage, ...]:
    return tuple(image for image in images if image.name in attack.label_maps)


def _describe_moved(attack: ShapeAttack, path: Path) -> NDArray[np.float64]:
    """Describe a label map that lies elsewhere and a little turned."""
    labels, spacing_mm = read_label_map(path, attack.organs)
    turned = ndimage.rotate(labels, _TURNED_DEGREES, (0, 1), reshape=False, order=0)
    moved = np.roll(turned, (_MOVED_VOXELS, -_MOVED_VOXELS), axis=(0, 1))
    return describe_organs(moved, spacing_mm, attack.organs)


def _fill(vectors: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(vectors), vectors, centre)
