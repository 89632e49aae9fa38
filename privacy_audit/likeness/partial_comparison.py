"""Likeness of parts of images to parts of patients.

Likeness is tanh(evidence): the correlation that a patch of the usual size
would need to be as telling as the common part that was found.
"""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.body_grid import fit_body_grid, pixel_fingerprint
from privacy_audit.images.image_reading import Pixels, read_pixels
from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.likeness.comparison import Nearest
from privacy_audit.likeness.likeness import measure_likeness
from privacy_audit.likeness.nulls import FEWEST_TRAIN_PATIENTS, Null
from privacy_audit.likeness.patch_search import (
    NOMINATED,
    PatchGallery,
    build_patch_gallery,
    search_patches,
)
from privacy_audit.likeness.similarity import map_edges

_PROBE_SLABS = 4


@dataclasses.dataclass(frozen=True)
class PartialReferences:
    """Real images, ready to be searched for parts.

    Attributes:
        images: the images.
        patients: their patients, each once, sorted.
        gallery: what is searched; its owners are places in `patients`.
    """

    images: tuple[AuditImage, ...]
    patients: tuple[str, ...]
    gallery: PatchGallery


class PartialComparer:
    """Compares parts of images.

    Of a volume, every slab of a reference is compared with four slabs of the
    probe. Reading and searching run in threads; the result does not depend on
    their number.
    """

    def __init__(self, workers: int) -> None:
        """Keep the number of workers.

        Args:
            workers: how many images are treated at the same time, at least 1.
        """
        self.workers = max(1, workers)

    def prepare(self, images: Sequence[AuditImage]) -> PartialReferences:
        """Read real images and make them searchable.

        Args:
            images: at least one.
        """
        with ThreadPoolExecutor(self.workers) as executor:
            views_of = list(executor.map(_read_views, images))
        patients = tuple(sorted({image.patient for image in images}))
        place = {patient: index for index, patient in enumerate(patients)}
        owners = [
            place[image.patient]
            for image, views in zip(images, views_of, strict=True)
            for _ in range(len(views))
        ]
        every = [view for views in views_of for view in views]
        return PartialReferences(
            tuple(images), patients, build_patch_gallery(every, np.array(owners))
        )

    def find_nearest(self, images: Sequence[AuditImage], references: PartialReferences) -> Nearest:
        """Give the patients that share most with each image; `similarity` is the likeness.

        Args:
            images: the probes.
            references: the real images.
        """

        def search_one(image: AuditImage) -> tuple[NDArray[np.float64], str]:
            pixels = read_pixels(image.name, image.paths)
            return self.compare_pixels(pixels, references), pixel_fingerprint(pixels)

        kept = min(NOMINATED, len(references.patients))
        columns = np.zeros((len(images), kept), dtype=np.int64)
        likeness = np.zeros((len(images), kept))
        prints = []
        with ThreadPoolExecutor(self.workers) as executor:
            for index, (row, fingerprint) in enumerate(executor.map(search_one, images)):
                columns[index] = np.argsort(-row, kind="stable")[:kept]
                likeness[index] = row[columns[index]]
                prints.append(fingerprint)
        return Nearest(tuple(images), tuple(prints), references.patients, columns, likeness)

    def compare_pixels(self, pixels: Pixels, references: PartialReferences) -> NDArray[np.float64]:
        """Give the likeness of one image in memory to each patient; 0 where none was looked for."""
        likeness = np.zeros(len(references.patients))
        views = _views(pixels, "in memory")
        chosen = np.unique(np.linspace(0, len(views) - 1, _PROBE_SLABS + 2).round().astype(int))
        # The ends of a volume show the least of the body.
        inner = chosen[1:-1] if len(chosen) > 2 else chosen
        for index in inner:
            for owner, overlap in search_patches(views[index], references.gallery).items():
                likeness[owner] = max(likeness[owner], np.tanh(overlap.evidence))
        return likeness


def measure_partial_null(
    comparer: PartialComparer,
    train: PartialReferences,
    *,
    null: ImageSet | None,
    holdout: ImageSet | None,
) -> Null:
    """Measure the best null at hand, as `nulls.measure_null` does for whole images.

    Args:
        comparer: does the comparing.
        train: the training patients.
        null: synthetic images of patients never trained on.
        holdout: real images of patients never trained on.
    """
    images = null or holdout
    own = None
    kind = "holdout" if null is None else "translated_holdout"
    if images is None:
        if len(train.patients) < FEWEST_TRAIN_PATIENTS:
            return Null("none", np.empty(0))
        kind = "train_left_out"
        images = ImageSet(train.images)
        own = {image.name: image.patient for image in train.images}
    nearest = comparer.find_nearest(images.images, train)
    units = measure_likeness(nearest, own, by_source=False)
    return Null(kind, np.array([unit.similarity.max() for unit in units]), units)


def _read_views(image: AuditImage) -> NDArray[np.float32]:
    return _views(read_pixels(image.name, image.paths), image.name)


def _views(pixels: Pixels, name: str) -> NDArray[np.float32]:
    """Give the edge maps of the slabs: (slabs, 2, GRID, GRID)."""
    return map_edges(fit_body_grid(pixels, name)).directions
