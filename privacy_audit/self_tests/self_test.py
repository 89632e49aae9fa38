"""Whether this audit, on these images, finds copies that are known to be copies.

Whole copies are planted for the search of `near_copy`, parts of copies for that
of `partial_copy`; each must find its own.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy_audit.images.image_reading import Pixels, read_pixels
from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.likeness.comparison import Comparer, References
from privacy_audit.likeness.nulls import Null
from privacy_audit.likeness.partial_comparison import PartialComparer, PartialReferences
from privacy_audit.self_tests.partial_plants import most_alike, plant_partial_copies
from privacy_audit.self_tests.plants import plant_copies
from privacy_audit.statistics import clopper_pearson

REQUIRED_RECALL = 0.9
ALLOWED_FALSE_CALLS = 0.05
KNOWN_HARD: Mapping[str, str] = {
    "windowed": "a window for soft tissue cuts away what a chest's edges are made of",
    "patch": "a patch may fall where all bodies look alike",
    "contrast_rotation_flip_crop": "half of the body is left, in another contrast and pose",
}
"""Kinds of copies that may be missed without voiding the run, and why; their recall is told."""
_PLANTED_VOLUMES = 4
_PLANTED_PICTURES = 10
_PLANTED_TO_JUDGE = 10
_CONTROL_PATIENTS = 12
_SECONDS_TRIED = 6
# A tenth of the planted copies may be left out of what copies look like.
_COPY_LEVEL_QUANTILE = 0.1
_SMALLEST_DISTANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class PlantedKind:
    """How one kind of planted copy fared.

    Attributes:
        planted: how many were planted.
        found: how many were more alike to their patient than to any other, and
            more alike, or further ahead of the second, than any null patient.
        lowest_similarity: the lowest likeness to the right patient.
        check: the check that has to find them.
    """

    planted: int
    found: int
    lowest_similarity: float
    check: str = "near_copy"

    @property
    def recall(self) -> float:
        """The share that was found."""
        return self.found / self.planted

    @property
    def is_missed(self) -> bool:
        """Whether too few are found, beyond chance or among at least ten."""
        if self.recall >= REQUIRED_RECALL:
            return False
        highest = clopper_pearson(self.found, self.planted)[1]
        return self.planted >= _PLANTED_TO_JUDGE or highest < REQUIRED_RECALL

    @property
    def is_doubtful(self) -> bool:
        """Whether fewer were found than needed, but among so few that chance explains it."""
        return self.recall < REQUIRED_RECALL and not self.is_missed


@dataclasses.dataclass(frozen=True)
class SelfTest:
    """The self-test's outcome.

    Attributes:
        verdict: "pass"; "invalid" where planted copies are missed; "inconclusive" without
            anything to compare with, or where too few were planted to tell whether a miss
            was by chance. Only "pass" can clear.
        kinds: kind of copy -> how it fared.
        copy_level: similarity half-way from the most alike null patient to what
            nine tenths of the planted copies reach; above it an image is closer to
            the copies.
        controls: patients never trained on that were tried.
        controls_called: how many of them were called copies.
        explanation: sentences for the reader.
        partial_copy_level: the level of planted parts, in likeness of parts, where both
            self-tests are told together.
    """

    verdict: str
    kinds: Mapping[str, PlantedKind]
    copy_level: float
    controls: int
    controls_called: int
    explanation: str
    partial_copy_level: float | None = None

    def to_record(self) -> dict[str, Any]:
        """Give the self-test as it stands in `audit.json`."""
        return {
            "verdict": self.verdict,
            "required_recall": REQUIRED_RECALL,
            "kinds": {
                kind: {**dataclasses.asdict(result), "recall": result.recall}
                for kind, result in self.kinds.items()
            },
            "known_hard": {kind: why for kind, why in KNOWN_HARD.items() if kind in self.kinds},
            "copy_level": self.copy_level,
            "partial_copy_level": self.partial_copy_level,
            "controls": self.controls,
            "controls_called": self.controls_called,
            "explanation": self.explanation,
        }


@dataclasses.dataclass(frozen=True)
class _Finder:
    """A check's search among the training patients.

    `compare` gives the likeness of an image to each of `patients`; it is called by so many
    `workers` at the same time.
    """

    check: str
    patients: tuple[str, ...]
    null: Null
    workers: int
    compare: Callable[[Pixels], NDArray[np.float64]]


@dataclasses.dataclass(frozen=True)
class _Plant:
    """A planted copy and the patients that may be named for it, the copied one first."""

    kind: str
    pixels: Pixels
    owners: tuple[str, ...]


def run_self_test(
    comparer: Comparer,
    references: References,
    null: Null,
    *,
    train: ImageSet,
    holdout: ImageSet | None,
    seed: int,
) -> SelfTest:
    """Plant known copies of training patients among the probes and look for them.

    As the negative control, holdout patients are held against the same level;
    where they are the null themselves, each is held against the others.

    Args:
        comparer: does the comparing.
        references: the training patients.
        null: likeness of patients that cannot have leaked.
        train: the training images that `references` was made from.
        holdout: real patients never trained on.
        seed: picks the patients to copy and the copies' noise.
    """

    def compare(pixels: Pixels) -> NDArray[np.float64]:
        return comparer.compare_pixels(pixels, references)

    finder = _Finder("near_copy", references.patients, null, comparer.workers, compare)
    return _judge(finder, _plant_whole(train, seed), holdout)


def run_partial_self_test(
    comparer: PartialComparer,
    references: PartialReferences,
    null: Null,
    *,
    train: ImageSet,
    holdout: ImageSet | None,
    seed: int,
) -> SelfTest:
    """Plant parts of training patients among the probes and look for them.

    Args:
        comparer: does the comparing.
        references: the training patients.
        null: likeness of parts of patients that cannot have leaked.
        train: the training images that `references` was made from.
        holdout: real patients never trained on, into whose images parts are pasted; without
            them other training patients serve, and no patches are planted.
        seed: picks the patients to copy, the second patients and the copies' noise.
    """

    def compare(pixels: Pixels) -> NDArray[np.float64]:
        return comparer.compare_pixels(pixels, references)

    finder = _Finder("partial_copy", references.patients, null, comparer.workers, compare)
    return _judge(finder, _plant_parts(train, holdout, seed), holdout)


def merge_self_tests(whole: SelfTest, partial: SelfTest) -> SelfTest:
    """Give both self-tests as one, as it stands in `audit.json`: the worse verdict counts.

    Args:
        whole: of `run_self_test`.
        partial: of `run_partial_self_test`.
    """
    verdicts = {whole.verdict, partial.verdict}
    worst = next(word for word in ("invalid", "inconclusive", "pass") if word in verdicts)
    return SelfTest(
        worst,
        {**whole.kinds, **partial.kinds},
        whole.copy_level,
        whole.controls + partial.controls,
        whole.controls_called + partial.controls_called,
        f"Whole images: {whole.explanation} Parts: {partial.explanation}",
        partial.copy_level,
    )


def _judge(finder: _Finder, plants: Iterator[_Plant], holdout: ImageSet | None) -> SelfTest:
    kinds, reached = _search(finder, plants)
    copy_level = _half_way(finder.null.similarity, reached)
    controls, called = _call_controls(finder, holdout, reached)
    if finder.null.kind == "none":
        return SelfTest("inconclusive", kinds, copy_level, controls, called, _no_null_sentence())
    if not kinds:
        nothing = "No part could be planted, as there is no second patient. Give a holdout."
        return SelfTest("inconclusive", kinds, copy_level, controls, called, nothing)
    too_many = clopper_pearson(called, controls)[0] > ALLOWED_FALSE_CALLS
    required = [result for kind, result in kinds.items() if kind not in KNOWN_HARD]
    verdict = "pass"
    if too_many or any(result.is_missed for result in required):
        verdict = "invalid"
    elif any(result.is_doubtful for result in required):
        verdict = "inconclusive"
    explanation = _sentences(kinds, controls, called)
    return SelfTest(verdict, kinds, copy_level, controls, called, explanation)


def _plant_whole(train: ImageSet, seed: int) -> Iterator[_Plant]:
    for image in _images_to_copy(train, seed):
        pixels = read_pixels(image.name, image.paths)
        for kind, copy in plant_copies(pixels, seed).items():
            yield _Plant(kind, copy, (image.patient,))


def _plant_parts(train: ImageSet, holdout: ImageSet | None, seed: int) -> Iterator[_Plant]:
    generator = np.random.default_rng([seed, 1])
    for image in _images_to_copy(train, seed):
        hosts = (train if holdout is None else holdout).first_images()
        others = [host for host in hosts if host.patient != image.patient]
        if not others:
            continue
        drawn = generator.permutation(len(others))[:_SECONDS_TRIED]
        pixels, *seconds = (
            read_pixels(each.name, each.paths)
            for each in (image, *(others[index] for index in drawn))
        )
        chosen = most_alike(pixels, seconds)
        second, other = seconds[chosen], others[drawn[chosen]]
        for kind, plant in plant_partial_copies(pixels, second, seed).items():
            # Beside a patch, a training patient would be found whole.
            if kind == "patch" and holdout is None:
                continue
            owners = (image.patient, other.patient) if plant.names_other else (image.patient,)
            yield _Plant(kind, plant.pixels, owners)


def _search(finder: _Finder, plants: Iterator[_Plant]) -> tuple[dict[str, PlantedKind], float]:
    """Give how each kind fared, and what nine tenths of the copies that must be found reach."""
    likeness: dict[str, list[float]] = {}
    found: dict[str, int] = {}
    for plant, row in _compared(finder, plants):
        owners = [
            finder.patients.index(owner) for owner in plant.owners if owner in finder.patients
        ]
        likeness.setdefault(plant.kind, []).append(float(row[owners].max()))
        is_found = int(row.argmax()) in owners and _stands_out(row, finder.null)
        found[plant.kind] = found.get(plant.kind, 0) + int(is_found)
    kinds = {
        kind: PlantedKind(len(values), found[kind], min(values), finder.check)
        for kind, values in likeness.items()
    }
    every = [
        value for kind, values in likeness.items() if kind not in KNOWN_HARD for value in values
    ]
    # Without a second patient no part can be planted, and no level is reached.
    reached = float(np.quantile(every, _COPY_LEVEL_QUANTILE, method="lower")) if every else 1.0
    return kinds, reached


def _compared(
    finder: _Finder, plants: Iterator[_Plant]
) -> Iterator[tuple[_Plant, NDArray[np.float64]]]:
    """Compare a few plants at a time: all of them would not fit into memory."""
    with ThreadPoolExecutor(finder.workers) as executor:
        while several := list(itertools.islice(plants, finder.workers)):
            rows = executor.map(finder.compare, [plant.pixels for plant in several])
            yield from zip(several, rows, strict=True)


def _stands_out(row: NDArray[np.float64], null: Null) -> bool:
    """Whether the nearest patient is more alike, or further ahead, than any in the null."""
    highest = np.sort(row)[::-1]
    if highest[0] > null.highest:
        return True
    statistics = null.statistics(1)
    if statistics.shape[1] < 2 or highest.size < 2:
        return False
    distance = np.maximum(1.0 - highest[:2], _SMALLEST_DISTANCE)
    return bool(np.log(distance[1] / distance[0]) > statistics[:, 1].max())


def _images_to_copy(train: ImageSet, seed: int) -> list[AuditImage]:
    images = train.first_images()
    first = read_pixels(images[0].name, images[0].paths)
    wanted = _PLANTED_PICTURES if first.values.shape[0] == 1 else _PLANTED_VOLUMES
    chosen = np.random.default_rng(seed).choice(
        len(images), size=min(wanted, len(images)), replace=False
    )
    return [images[index] for index in sorted(chosen)]


def _call_controls(finder: _Finder, holdout: ImageSet | None, reached: float) -> tuple[int, int]:
    """Give how many patients were tried and how many were wrongly called copies."""
    null = finder.null
    if null.kind == "translated_holdout" and holdout is not None:
        images = holdout.first_images()[:_CONTROL_PATIENTS]
        likeness = [finder.compare(read_pixels(image.name, image.paths)).max() for image in images]
        called = np.array(likeness) >= _half_way(null.similarity, reached)
        return len(images), int(called.sum())
    called_in_turn = [
        bool(value >= _half_way(np.delete(null.similarity, index), reached))
        for index, value in enumerate(null.similarity)
    ]
    return null.size, sum(called_in_turn)


def _half_way(null_similarity: NDArray[np.float64], reached: float) -> float:
    """Give the middle between the most alike of these and what copies reach, at least the former.

    Without any of these, likeness counts from -1.
    """
    highest = float(null_similarity.max(initial=-1.0))
    return max(highest, (highest + reached) / 2)


def _no_null_sentence() -> str:
    return (
        "There is no holdout and there are fewer than 5 training patients, so nothing says how "
        "alike two different patients are. Give at least 5 training patients, or a holdout."
    )


def _sentences(kinds: Mapping[str, PlantedKind], controls: int, called: int) -> str:
    planted = sum(result.planted for result in kinds.values())
    found = sum(result.found for result in kinds.values())
    sentence = (
        f"{found} of {planted} planted copies were found; {called} of {controls} patients that "
        "were never trained on were called copies."
    )
    required = {kind: result for kind, result in kinds.items() if kind not in KNOWN_HARD}
    missed = [_counted(kind, result) for kind, result in required.items() if result.is_missed]
    doubtful = [_counted(kind, result) for kind, result in required.items() if result.is_doubtful]
    hard = [
        f"{kind} ({KNOWN_HARD[kind]})"
        for kind, result in kinds.items()
        if kind in KNOWN_HARD and result.recall < REQUIRED_RECALL
    ]
    if missed:
        sentence += (
            f" Too few copies were found of these kinds: {', '.join(missed)}. On these images the "
            "audit cannot be relied on."
        )
    if doubtful:
        sentence += (
            f" Some copies were missed of these kinds: {', '.join(doubtful)}. So few were planted "
            "that this may be chance, but nothing can be cleared. Give at least "
            f"{_PLANTED_TO_JUDGE} training patients."
        )
    if hard:
        sentence += f" Copies of these kinds may be missed: {'; '.join(hard)}."
    return sentence


def _counted(kind: str, result: PlantedKind) -> str:
    return f"{kind} ({result.found} of {result.planted})"
