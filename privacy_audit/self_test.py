"""Whether this audit, on these images, finds copies that are known to be copies."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy_audit.comparison import Comparer, References
from privacy_audit.image_reading import read_pixels
from privacy_audit.image_sets import AuditImage, ImageSet
from privacy_audit.nulls import Null, best_of_patients
from privacy_audit.plants import plant_copies
from privacy_audit.statistics import clopper_pearson

REQUIRED_RECALL = 0.9
ALLOWED_FALSE_CALLS = 0.05
_PLANTED_VOLUMES = 4
_PLANTED_PICTURES = 10
_CONTROL_PATIENTS = 12
# A tenth of the planted copies may be left out of what copies look like.
_COPY_LEVEL_QUANTILE = 0.1


@dataclasses.dataclass(frozen=True)
class PlantedKind:
    """How one kind of planted copy fared.

    Attributes:
        planted: how many were planted.
        found: how many were more alike to their patient than to any other and
            more alike than any null patient is to anybody.
        lowest_similarity: the lowest likeness to the right patient.
    """

    planted: int
    found: int
    lowest_similarity: float

    @property
    def recall(self) -> float:
        """The share that was found."""
        return self.found / self.planted


@dataclasses.dataclass(frozen=True)
class SelfTest:
    """The self-test's outcome.

    Attributes:
        verdict: "pass", "invalid" or, without anything to compare with, "inconclusive".
        kinds: kind of copy -> how it fared.
        copy_level: similarity half-way from the most alike null patient to what
            nine tenths of the planted copies reach; above it an image is closer to
            the copies.
        controls: patients never trained on that were tried.
        controls_called: how many of them were called copies.
        explanation: sentences for the reader.
    """

    verdict: str
    kinds: Mapping[str, PlantedKind]
    copy_level: float
    controls: int
    controls_called: int
    explanation: str

    def to_record(self) -> dict[str, Any]:
        """Give the self-test as it stands in `audit.json`."""
        return {
            "verdict": self.verdict,
            "required_recall": REQUIRED_RECALL,
            "kinds": {
                kind: {**dataclasses.asdict(result), "recall": result.recall}
                for kind, result in self.kinds.items()
            },
            "copy_level": self.copy_level,
            "controls": self.controls,
            "controls_called": self.controls_called,
            "explanation": self.explanation,
        }


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
    kinds, reached = _plant_and_search(comparer, references, null, train, seed)
    copy_level = _half_way(null.similarity, reached)
    missed = [kind for kind, result in kinds.items() if result.recall < REQUIRED_RECALL]
    controls, called = _call_controls(comparer, references, null, holdout, reached)
    if null.kind == "none":
        return SelfTest("inconclusive", kinds, copy_level, controls, called, _no_null_sentence())
    too_many = clopper_pearson(called, controls)[0] > ALLOWED_FALSE_CALLS
    verdict = "invalid" if missed or too_many else "pass"
    explanation = _sentences(kinds, missed, controls, called)
    return SelfTest(verdict, kinds, copy_level, controls, called, explanation)


def _plant_and_search(
    comparer: Comparer, references: References, null: Null, train: ImageSet, seed: int
) -> tuple[dict[str, PlantedKind], float]:
    own_similarity: dict[str, list[float]] = {}
    found: dict[str, int] = {}
    for image in _images_to_copy(train, seed):
        pixels = read_pixels(image.name, image.paths)
        own = references.patients.index(image.patient)
        for kind, copy in plant_copies(pixels, seed).items():
            row = comparer.compare_pixels(copy, references)
            own_similarity.setdefault(kind, []).append(float(row[own]))
            is_found = int(row.argmax()) == own and row[own] > null.highest
            found[kind] = found.get(kind, 0) + int(is_found)
    kinds = {
        kind: PlantedKind(len(values), found[kind], min(values))
        for kind, values in own_similarity.items()
    }
    every = np.array([value for values in own_similarity.values() for value in values])
    return kinds, float(np.quantile(every, _COPY_LEVEL_QUANTILE, method="lower"))


def _images_to_copy(train: ImageSet, seed: int) -> list[AuditImage]:
    images = train.first_images()
    first = read_pixels(images[0].name, images[0].paths)
    wanted = _PLANTED_PICTURES if first.values.shape[0] == 1 else _PLANTED_VOLUMES
    chosen = np.random.default_rng(seed).choice(
        len(images), size=min(wanted, len(images)), replace=False
    )
    return [images[index] for index in sorted(chosen)]


def _call_controls(
    comparer: Comparer,
    references: References,
    null: Null,
    holdout: ImageSet | None,
    reached: float,
) -> tuple[int, int]:
    """Give how many patients were tried and how many were wrongly called copies."""
    if null.kind == "translated_holdout" and holdout is not None:
        images = holdout.first_images()[:_CONTROL_PATIENTS]
        similarity = best_of_patients(comparer.compare(images, references))
        called = similarity >= _half_way(null.similarity, reached)
        return int(similarity.size), int(called.sum())
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


def _sentences(
    kinds: Mapping[str, PlantedKind], missed: list[str], controls: int, called: int
) -> str:
    planted = sum(result.planted for result in kinds.values())
    found = sum(result.found for result in kinds.values())
    sentence = (
        f"{found} of {planted} planted copies were found; {called} of {controls} patients that "
        "were never trained on were called copies."
    )
    if missed:
        sentence += (
            f" Too few copies were found of these kinds: {', '.join(missed)}. On these images the "
            "audit cannot be relied on."
        )
    return sentence
