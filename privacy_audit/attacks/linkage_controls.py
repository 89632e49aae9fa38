"""Images whose answer is known: whether an attacker finds what is there, and only that."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.image_reading import Pixels, read_pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparer, Comparison, References, merge_columns
from privacy_audit.statistics import clopper_pearson

REQUIRED_RANK_ONE = 0.9
MOST_PLANTED = 10
MOST_UNRELATED = 40
_KNOTS = 9
_CONTRAST_SPREAD = 0.1
_NOISE_SPREAD = 0.03
_AIR_BELOW_HU = -200.0


@dataclasses.dataclass(frozen=True)
class Controls:
    """What an attacker did with images whose answer is known.

    Attributes:
        planted: undeformed copies of known patients that were tried.
        planted_first: how many of them were matched to their patient.
        unrelated: images without a source in the gallery, given a random one.
        unrelated_first: how many of them "matched".
        chance: one by the number of patients to choose from.
        reach: a sentence on how much change the attacker bears; may be empty.
    """

    planted: int
    planted_first: int
    unrelated: int
    unrelated_first: int
    chance: float
    reach: str = ""

    @property
    def planted_found(self) -> bool:
        """Whether nearly all undeformed copies were matched."""
        return self.planted > 0 and self.planted_first >= REQUIRED_RANK_ONE * self.planted

    @property
    def unrelated_interval(self) -> tuple[float, float]:
        """The 95 % interval of rank-1 of the unrelated images."""
        return clopper_pearson(self.unrelated_first, self.unrelated)

    @property
    def unrelated_at_chance(self) -> bool:
        """Whether the interval of the unrelated images contains chance."""
        low, high = self.unrelated_interval
        return low <= self.chance <= high

    @property
    def explanation(self) -> str:
        """Sentences for the reader."""
        found = (
            f"Of {self.planted} undeformed copies, {self.planted_first} were "
            "matched to their patient."
        )
        if not self.planted_found:
            found += f" At least {REQUIRED_RANK_ONE:.0%} should be: the attack does not work here."
        if self.unrelated_at_chance:
            return found
        return (
            f"{found} Of {self.unrelated} images without a source, {self.unrelated_first} matched "
            f"one drawn at random, where chance is {self.chance:.4f}: the attack sees what is not "
            "there."
        )

    def to_details(self) -> dict[str, float | int | str | list[float] | None]:
        """Give the controls as they stand among a check's details."""
        return {
            "control_planted": self.planted,
            "control_planted_first": self.planted_first,
            "control_unrelated": self.unrelated,
            "control_unrelated_first": self.unrelated_first,
            "control_unrelated_ci": list(self.unrelated_interval),
        }


def judge_controls(
    planted: Comparison, unrelated: Comparison, *, seed: int, reach: str = ""
) -> Controls:
    """Count what an attacker did with images whose answer is known.

    Args:
        planted: likeness of copies; the patient of each probe is the one that was copied.
        unrelated: likeness of images, best of the release's own making, to the same
            gallery; where a probe's own patient is in it, that column is left out.
        seed: draws a random source for each unrelated image.
        reach: a sentence on how much change the attacker bears.
    """
    first = sum(
        _is_first(row, planted.patients.index(image.patient))
        for image, row in zip(planted.probes, planted.similarity, strict=True)
    )
    generator = np.random.default_rng([seed, 1])
    fewest = len(unrelated.patients)
    called = 0
    for image, row in zip(unrelated.probes, unrelated.similarity, strict=True):
        is_other = np.array([patient != image.patient for patient in unrelated.patients])
        candidates = row[is_other]
        fewest = min(fewest, candidates.size)
        called += _is_first(candidates, int(generator.integers(candidates.size)))
    return Controls(
        planted=len(planted.probes),
        planted_first=first,
        unrelated=len(unrelated.probes),
        unrelated_first=called,
        chance=1.0 / fewest,
        reach=reach,
    )


def measure_rigid_controls(
    comparer: Comparer,
    galleries: Sequence[References],
    known: Sequence[AuditImage],
    unrelated: Sequence[AuditImage],
    *,
    seed: int,
) -> Controls:
    """Give the controls of `check_linkage`.

    Args:
        comparer: does the comparing.
        galleries: all real images, as the released ones are compared with.
        known: real images of patients in the galleries, best one a patient and of patients
            never trained on; ten are copied.
        unrelated: synthetic images of patients never trained on, else their real ones.
        seed: decides contrast, noise and random sources.
    """

    def compare(pixels: Pixels, references: References) -> NDArray[np.float64]:
        return comparer.compare_pixels(pixels, references)

    planted = compare_planted(compare, galleries, known, seed=seed)
    parts = [
        comparer.compare(spread_out(unrelated, MOST_UNRELATED), gallery) for gallery in galleries
    ]
    return judge_controls(planted, _merged(parts), seed=seed)


def compare_planted(
    compare: Callable[[Pixels, References], NDArray[np.float64]],
    galleries: Sequence[References],
    known: Sequence[AuditImage],
    *,
    seed: int,
) -> Comparison:
    """Plant undeformed copies in another contrast and compare them with every gallery.

    Args:
        compare: gives the likeness of one image to each patient of a gallery.
        galleries: all real images.
        known: real images of patients in the galleries.
        seed: decides contrast and noise.
    """
    chosen = spread_out(known, MOST_PLANTED)
    copies = [
        change_contrast(read_pixels(image.name, image.paths), [seed, number])
        for number, image in enumerate(chosen)
    ]
    parts = [
        Comparison(
            probes=chosen,
            fingerprints=tuple("" for _ in chosen),
            patients=gallery.patients,
            similarity=np.array([compare(pixels, gallery) for pixels in copies]),
        )
        for gallery in galleries
    ]
    return _merged(parts)


def change_contrast(pixels: Pixels, seed: Sequence[int]) -> Pixels:
    """Give the same anatomy in another contrast: each tissue's value moved on its own, and noise.

    Args:
        pixels: an image.
        seed: decides the contrast and the noise.

    Returns:
        A new array of the same shape.
    """
    generator = np.random.default_rng(seed)
    values = pixels.values
    low, high = -150.0, 350.0
    if values.min() > _AIR_BELOW_HU:
        low, high = (float(bound) for bound in np.percentile(values, [10.0, 99.5]))
    knots = np.linspace(low, high, _KNOTS)
    moved = generator.normal(0.0, _CONTRAST_SPREAD * (high - low), size=_KNOTS)
    moved[[0, -1]] = 0.0
    noise = generator.normal(0.0, _NOISE_SPREAD * (high - low), size=values.shape)
    changed = values + np.interp(values, knots, moved) + noise
    return Pixels(changed.astype(np.float32), pixels.slice_gap_mm)


def spread_out(images: Sequence[AuditImage], most: int) -> tuple[AuditImage, ...]:
    """Give at most `most` images, evenly from first to last."""
    places = np.linspace(0, len(images) - 1, min(most, len(images))).round().astype(int)
    return tuple(images[place] for place in places)


def _is_first(row: NDArray[np.float64], own: int) -> bool:
    higher = int((row > row[own]).sum())
    level = int((row == row[own]).sum()) - 1
    return higher + level // 2 == 0


def _merged(parts: Sequence[Comparison]) -> Comparison:
    merged = parts[0]
    for part in parts[1:]:
        merged = merge_columns(merged, part)
    return merged
