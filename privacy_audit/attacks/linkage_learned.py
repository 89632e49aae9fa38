"""An attacker who knows the method and learns from its output on other patients."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from privacy_audit.attacks.linkage import NO_SOURCE_MAP, ONE_PATIENT
from privacy_audit.attacks.linkage_controls import Controls, change_contrast, judge_controls
from privacy_audit.attacks.linkage_judgement import (
    Attacker,
    Standing,
    judge_linkage,
    linkage_not_measured,
)
from privacy_audit.images.body_grid import BodyGrid, fit_body_grid
from privacy_audit.images.image_reading import read_pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Comparison
from privacy_audit.likeness.learned_embedding import (
    MOST_SLABS,
    Embedding,
    describe_grid,
    fit_embedding,
)
from privacy_audit.statistics import clopper_pearson
from privacy_audit.verdict import CheckResult, Flag

FEWEST_PAIRS = 20
"""Held-out pairs from which on something can be learnt, and be seen to have been."""
_FOLDS = 5
_LEARNED = Attacker(
    "linkage_learned",
    "an embedding fitted to the method's own output on held-out patients",
    "The embedding is linear; a network trained on thousands of pairs may find more.",
)


@dataclasses.dataclass(frozen=True)
class LearnedInputs:
    """The images that the attacker learns from and searches.

    Attributes:
        gallery: all real images: sources, training, holdout.
        null: synthetic images of holdout patients, made the same way as the released
            ones; those whose patient is in the gallery are the pairs.
    """

    gallery: tuple[AuditImage, ...]
    null: tuple[AuditImage, ...]


@dataclasses.dataclass(frozen=True)
class _Pairs:
    """The pairs, one a patient: rows of `null` and `gallery`, and copies of the same sources."""

    images: tuple[AuditImage, ...]
    released: NDArray[np.float64]
    sources: NDArray[np.float64]
    copies: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class _Gallery:
    patients: tuple[str, ...]
    patient_index: NDArray[np.int64]
    vectors: NDArray[np.float64]


def check_linkage_learned(
    inputs: LearnedInputs,
    images: Sequence[AuditImage],
    source_of: Mapping[str, str] | None,
    *,
    mode: str,
    seed: int,
    workers: int = 1,
) -> tuple[CheckResult, list[Flag]]:
    """Match each released image to the patients of a gallery, by what held-out pairs teach.

    The controls are learnt and tried on disjoint patients, in five folds: undeformed
    copies in another contrast must be linked when learnt from as many pairs of
    such copies, and held-out synthetic images given a random source must not be. How
    well the method's own held-out pairs are linked is told in the details.

    Args:
        inputs: what to learn from and to search.
        images: the released images.
        source_of: synthetic name -> source patient.
        mode: the release mode, for the wording alone.
        seed: for folds, copies and intervals.
        workers: how many images are treated at the same time; changes no result.

    Raises:
        AuditError: a source patient is not among the real patients.
    """
    real_patients = {image.patient for image in inputs.gallery}
    if source_of is None:
        return linkage_not_measured(_LEARNED, NO_SOURCE_MAP), []
    if len(real_patients) < 2:
        return linkage_not_measured(_LEARNED, ONE_PATIENT), []
    paired = _first_of_patients(image for image in inputs.null if image.patient in real_patients)
    if len(paired) < FEWEST_PAIRS:
        return linkage_not_measured(
            _LEARNED, _too_few_sentence(len(paired)), details={"pairs": len(paired)}
        ), []
    gallery, pairs, released = _describe_all(inputs, paired, images, seed, workers)
    controls, own_first = _measure_controls(gallery, pairs, seed)
    embedding = fit_embedding(gallery.vectors, pairs.released, pairs.sources)
    scores = _compare(embedding, gallery, images, released)
    standing = Standing(
        is_invalid=False,
        controls=controls,
        details={
            "pairs": len(paired),
            "held_out_rank_1": own_first / len(paired),
            "held_out_rank_1_ci": list(clopper_pearson(own_first, len(paired))),
        },
    )
    return judge_linkage(_LEARNED, scores, source_of, standing, mode=mode, seed=seed)


def _describe_all(
    inputs: LearnedInputs,
    paired: tuple[AuditImage, ...],
    images: Sequence[AuditImage],
    seed: int,
    workers: int,
) -> tuple[_Gallery, _Pairs, NDArray[np.float64]]:
    with ThreadPoolExecutor(max(1, workers)) as executor:
        everything = (*inputs.gallery, *paired, *images)
        grids = list(executor.map(_read_grid, everything))
        slabs = min(MOST_SLABS, *(grid.values.shape[0] for grid in grids))
        vectors = np.array(list(executor.map(lambda grid: describe_grid(grid, slabs), grids)))
        first = {image.patient: index for index, image in reversed(list(enumerate(inputs.gallery)))}
        source_rows = [first[image.patient] for image in paired]

        def copy(number: int) -> NDArray[np.float64]:
            image = inputs.gallery[source_rows[number]]
            pixels = change_contrast(read_pixels(image.name, image.paths), [seed, number])
            return describe_grid(fit_body_grid(pixels, image.name), slabs)

        copies = np.array(list(executor.map(copy, range(len(paired)))))
    real, count = vectors[: len(inputs.gallery)], len(inputs.gallery)
    patients = tuple(sorted(first))
    index = np.array([patients.index(image.patient) for image in inputs.gallery])
    pairs = _Pairs(paired, vectors[count : count + len(paired)], real[source_rows], copies)
    return _Gallery(patients, index, real), pairs, vectors[count + len(paired) :]


def _measure_controls(gallery: _Gallery, pairs: _Pairs, seed: int) -> tuple[Controls, int]:
    """Learn and try in folds; give the controls, and how many of the method's own pairs matched."""
    order = np.random.default_rng(seed).permutation(len(pairs.images))
    own = np.empty((len(pairs.images), len(gallery.patients)))
    copied = np.empty_like(own)
    for held_out in np.array_split(order, _FOLDS):
        learnt = np.setdiff1d(order, held_out)
        for released, table in ((pairs.released, own), (pairs.copies, copied)):
            embedding = fit_embedding(gallery.vectors, released[learnt], pairs.sources[learnt])
            held = [pairs.images[place] for place in held_out]
            table[held_out] = _compare(embedding, gallery, held, released[held_out]).similarity
    names = tuple("" for _ in pairs.images)
    of_own = Comparison(pairs.images, names, gallery.patients, own)
    of_copies = Comparison(pairs.images, names, gallery.patients, copied)
    own_first = judge_controls(of_own, of_own, seed=seed).planted_first
    words = f"Of the method's own {len(pairs.images)} held-out pairs, {own_first} were linked."
    return judge_controls(of_copies, of_own, seed=seed, reach=words), own_first


def _compare(
    embedding: Embedding,
    gallery: _Gallery,
    images: Sequence[AuditImage],
    vectors: NDArray[np.float64],
) -> Comparison:
    """Give 1 / (1 + distance) in the embedding to each patient, best image."""
    real = embedding.embed_real(gallery.vectors)
    similarity = np.full((len(images), len(gallery.patients)), -np.inf)
    for row, place in enumerate(embedding.embed_released(vectors)):
        distance = np.linalg.norm(real - place, axis=1)
        np.maximum.at(similarity[row], gallery.patient_index, 1.0 / (1.0 + distance))
    return Comparison(tuple(images), tuple("" for _ in images), gallery.patients, similarity)


def _first_of_patients(images: Iterable[AuditImage]) -> tuple[AuditImage, ...]:
    first: dict[str, AuditImage] = {}
    for image in images:
        first.setdefault(image.patient, image)
    return tuple(first[patient] for patient in sorted(first))


def _read_grid(image: AuditImage) -> BodyGrid:
    return fit_body_grid(read_pixels(image.name, image.paths), image.name)


def _too_few_sentence(pairs: int) -> str:
    return (
        f"There are {pairs} held-out patients with both a synthetic and a real image to learn "
        f"from, and at least {FEWEST_PAIRS} are needed. Give more synthetic images of holdout "
        "patients."
    )
