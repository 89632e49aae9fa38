"""An attacker who bends: can a released image be matched although it was warped?"""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from privacy_audit.attacks.linkage import NO_SOURCE_MAP, ONE_PATIENT
from privacy_audit.attacks.linkage_controls import (
    MOST_PLANTED,
    MOST_UNRELATED,
    Controls,
    change_contrast,
    judge_controls,
    spread_out,
)
from privacy_audit.attacks.linkage_judgement import (
    Attacker,
    Standing,
    judge_linkage,
    linkage_not_measured,
)
from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels, read_pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparison
from privacy_audit.likeness.deformable import complex_edges, register, warp_smoothly
from privacy_audit.likeness.posed_fields import (
    FieldGallery,
    Placement,
    build_field_gallery,
    place_on,
    place_upright,
)
from privacy_audit.verdict import CheckResult, Flag

_COARSE_CANDIDATES = 200
_FINE_CANDIDATES = 40
_PAIRS_AT_ONCE = 50
_WARPED_SHARES = (0.03, 0.06)
BENDING = Attacker(
    "linkage_deformable",
    "bending the two onto each other",
    "Bending is within the slices' planes.",
)


@dataclasses.dataclass(frozen=True)
class DeformableAttack:
    """Real images, ready to be bent onto.

    Attributes:
        gallery: their edge maps.
        workers: how many images are treated at the same time; changes no result.
    """

    gallery: FieldGallery
    workers: int = 1

    def compare(self, images: Sequence[AuditImage]) -> Comparison:
        """Give the likeness of images to each patient of the gallery, after bending.

        In [-1, 1], by how far a pair got: above 1/3 for the candidates that were
        registered finely, above -1/3 for those registered coarsely.

        Args:
            images: the probes.
        """

        def compare_one(image: AuditImage) -> NDArray[np.float64]:
            return self.compare_pixels(read_pixels(image.name, image.paths))

        with ThreadPoolExecutor(max(1, self.workers)) as executor:
            rows = list(executor.map(compare_one, images))
        return Comparison(
            probes=tuple(images),
            fingerprints=tuple("" for _ in images),
            patients=self.gallery.patients,
            similarity=np.array(rows).reshape(len(rows), -1),
        )

    def compare_pixels(self, pixels: Pixels) -> NDArray[np.float64]:
        """Give the likeness of one image in memory to each patient of the gallery."""
        edges = complex_edges(fit_body_grid(pixels, "in memory"))
        placements = (place_upright(edges, self.gallery), place_on(edges, self.gallery))
        rough = np.maximum(placements[0].similarity, placements[1].similarity)
        similarity = (rough - 2.0) / 3.0
        chosen = _highest(rough, _COARSE_CANDIDATES)
        coarse = np.stack([self._register(one, chosen, is_fine=False) for one in placements])
        similarity[chosen] = coarse.max(axis=0) / 3.0
        finest = _highest(coarse.max(axis=0), _FINE_CANDIDATES)
        for number, placement in enumerate(placements):
            better = chosen[finest[coarse.argmax(axis=0)[finest] == number]]
            similarity[better] = (self._register(placement, better, is_fine=True) + 2.0) / 3.0
        best = np.full(len(self.gallery.patients), -np.inf)
        np.maximum.at(best, self.gallery.patient_index, similarity)
        return best

    def _register(
        self, placement: Placement, chosen: NDArray[np.int64], *, is_fine: bool
    ) -> NDArray[np.float64]:
        scores = [np.empty(0)]
        for start in range(0, chosen.size, _PAIRS_AT_ONCE):
            pairs = placement.pairs(chosen[start : start + _PAIRS_AT_ONCE])
            registration = register(pairs.coarse_fixed, pairs.coarse_moving)
            if is_fine:
                registration = register(pairs.fixed, pairs.moving, registration.field)
            scores.append(registration.score)
        return np.concatenate(scores)


def prepare_deformable(images: Sequence[AuditImage], *, workers: int = 1) -> DeformableAttack:
    """Read real images and make them ready to be bent onto.

    Args:
        images: all real images: sources, training, holdout.
        workers: how many images are treated at the same time; changes no result.
    """

    def read(image: AuditImage) -> NDArray[np.complex64]:
        return complex_edges(fit_body_grid(read_pixels(image.name, image.paths), image.name))

    with ThreadPoolExecutor(max(1, workers)) as executor:
        return DeformableAttack(
            build_field_gallery(images, list(executor.map(read, images))), workers
        )


def measure_deformable_controls(
    attack: DeformableAttack,
    known: Sequence[AuditImage],
    unrelated: Sequence[AuditImage],
    *,
    seed: int,
) -> Controls:
    """Plant copies of known patients, undeformed and warped, and try unrelated images.

    Args:
        attack: of `prepare_deformable`.
        known: real images of patients in the gallery.
        unrelated: synthetic images of patients never trained on, else their real ones.
        seed: decides contrast, noise, warps and random sources.
    """
    chosen = spread_out(known, MOST_PLANTED)
    plain = _plant(attack, chosen, 0.0, seed)
    others = attack.compare(spread_out(unrelated, MOST_UNRELATED))
    reached = []
    for share in _WARPED_SHARES:
        warped = judge_controls(_plant(attack, chosen, share, seed), others, seed=seed)
        reached.append(
            f"{warped.planted_first} of {warped.planted} copies warped by {share:.0%} of the "
            "field of view"
        )
    reach = f"Of planted ones it linked {' and '.join(reached)}."
    return judge_controls(plain, others, seed=seed, reach=reach)


def check_linkage_deformable(
    attack: DeformableAttack,
    images: Sequence[AuditImage],
    source_of: Mapping[str, str] | None,
    controls: Controls,
    *,
    mode: str,
    seed: int,
) -> tuple[CheckResult, list[Flag]]:
    """Match each released image to the patients of a gallery, after bending.

    Args:
        attack: of `prepare_deformable`, with all real images.
        images: the released images.
        source_of: synthetic name -> source patient.
        controls: of `measure_deformable_controls`.
        mode: the release mode, for the wording alone.
        seed: for the intervals.

    Raises:
        AuditError: a source patient is not among the real patients.
    """
    if source_of is None:
        return linkage_not_measured(BENDING, NO_SOURCE_MAP), []
    if len(attack.gallery.patients) < 2:
        return linkage_not_measured(BENDING, ONE_PATIENT), []
    standing = Standing(is_invalid=False, controls=controls)
    released = attack.compare(images)
    return judge_linkage(BENDING, released, source_of, standing, mode=mode, seed=seed)


def _plant(
    attack: DeformableAttack, chosen: Sequence[AuditImage], share: float, seed: int
) -> Comparison:
    rows = []
    for number, image in enumerate(chosen):
        pixels = change_contrast(read_pixels(image.name, image.paths), [seed, number])
        if share > 0:
            values = warp_smoothly(pixels.values, share, [seed, number])
            pixels = Pixels(values, pixels.slice_gap_mm)
        rows.append(attack.compare_pixels(pixels))
    return Comparison(
        tuple(chosen), tuple("" for _ in chosen), attack.gallery.patients, np.array(rows)
    )


def _highest(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    return np.argsort(-values, kind="stable")[:most].astype(np.int64)
