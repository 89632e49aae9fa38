"""Can members be told from others without looking at anything that was released?

A membership attack proves a leak only where members and others are alike in all but
membership. Here a classifier that sees neither model nor synthetic images tries to tell them
apart. Where it can, the scanner or the choice of patients differs, and no attack says anything.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.attacks.membership_statistics import (
    area_interval,
    area_under_curve,
    p_value_of,
    permuted_areas_of_learner,
)
from privacy_audit.images.image_reading import Pixels, read_pixels
from privacy_audit.images.image_sets import ImageSet

HIGHEST_AREA = 0.60
SIGNIFICANCE = 0.01
_DRAWS = 999
_QUANTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
_MOST_SLICES = 8
_AIR_BELOW_HU = -200.0
_BODY_ABOVE_HU = -300.0
# Of the features' number: keeps few patients from being fitted by chance.
_RIDGE_SHARE = 1.0


@dataclasses.dataclass(frozen=True)
class _LeftOutRidge:
    """Ridge regression that scores each patient by what it learnt from the others.

    `standard` is (patients, features), `solved` (features, patients), `own` (patients,) each
    patient's weight in its own fit.

    Source: Sherman and Morrison 1950 for leaving one row out.
    """

    standard: NDArray[np.float64]
    solved: NDArray[np.float64]
    own: NDArray[np.float64]

    def scores(self, labels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give scores (draws, patients) from labels (draws, patients)."""
        fitted = (labels @ self.solved.T) @ self.standard.T
        return np.asarray((fitted - labels * self.own) / (1.0 - self.own), dtype=np.float64)


@dataclasses.dataclass(frozen=True)
class BlindBaseline:
    """How well members are told from others without the model.

    Attributes:
        area: area under the curve, each patient judged by what was learnt from the rest.
        interval: its 95 % interval.
        p_value: how often dealing out membership anew gives as large an area.
        members: number of members.
        others: number of other patients.
    """

    area: float
    interval: tuple[float, float]
    p_value: float
    members: int
    others: int

    @property
    def differs(self) -> bool:
        """Whether members and others differ without the model, by more than chance."""
        return self.area >= HIGHEST_AREA and self.p_value <= SIGNIFICANCE


def measure_blind_baseline(members: ImageSet, others: ImageSet, *, seed: int) -> BlindBaseline:
    """Try to tell members from others by the images alone.

    Of each patient it sees grey values, noise, size, distance of slices and how many images
    there are. A ridge classifier is tried on each patient with that patient left out.

    Args:
        members: real images of patients that were trained on.
        others: real images of patients that were not, patient-disjoint.
        seed: equal seeds give equal results.
    """
    described = [describe_patients(members), describe_patients(others)]
    features = np.concatenate(described)
    return tell_apart(features, np.arange(len(features)) < len(described[0]), seed=seed)


def tell_apart(
    features: NDArray[np.float64], is_member: NDArray[np.bool_], *, seed: int
) -> BlindBaseline:
    """Try to tell members from others by numbers that describe them.

    Args:
        features: (patients, features), from `describe_patients`.
        is_member: (patients,), with at least one of each.
        seed: equal seeds give equal results.
    """
    learner = _learn_without_each(features)
    labels = _signs(is_member)
    area = area_under_curve(learner.scores(labels[np.newaxis])[0], is_member)
    permuted = permuted_areas_of_learner(learner.scores, labels, is_member, draws=_DRAWS, seed=seed)
    counts = int(is_member.sum()), int((~is_member).sum())
    return BlindBaseline(
        area=area,
        interval=area_interval(area, *counts, 0.025),
        p_value=p_value_of(area, permuted),
        members=counts[0],
        others=counts[1],
    )


def describe_patients(images: ImageSet) -> NDArray[np.float64]:
    """Give what a blind classifier sees of each patient.

    Args:
        images: of any number of patients.

    Returns:
        (patients, features), float64, in the order of `images.patients`.
    """
    rows: dict[str, list[NDArray[np.float64]]] = {}
    for image in images.images:
        rows.setdefault(image.patient, []).append(
            _describe_pixels(read_pixels(image.name, image.paths))
        )
    return np.array(
        [[*np.mean(rows[patient], axis=0), len(rows[patient])] for patient in images.patients]
    )


def _describe_pixels(pixels: Pixels) -> NDArray[np.float64]:
    slices, row_count, column_count = pixels.values.shape
    chosen = np.unique(np.linspace(0, slices - 1, min(slices, _MOST_SLICES)).round().astype(int))
    values = pixels.values[chosen].astype(np.float64)
    body = _body(values)
    rough = np.abs(values - ndimage.uniform_filter(values, (0, 3, 3)))
    return np.array(
        [
            *np.percentile(values[body], _QUANTILES),
            float(np.median(rough[body])),
            float(np.percentile(rough[body], 90.0)),
            float(np.median(values[~body])) if not body.all() else 0.0,
            float(np.median(rough[~body])) if not body.all() else 0.0,
            float(body.mean()),
            np.log(row_count),
            np.log(column_count),
            np.log(slices),
            0.0 if pixels.slice_gap_mm is None else pixels.slice_gap_mm,
        ]
    )


def _body(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    low, high = np.percentile(values, [1.0, 99.0])
    is_hounsfield = values.min() <= _AIR_BELOW_HU
    threshold = _BODY_ABOVE_HU if is_hounsfield else low + 0.05 * (high - low)
    body = values > threshold
    return np.asarray(body if body.any() else np.ones_like(body), dtype=np.bool_)


def _signs(is_member: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weigh both groups alike, so that the larger one does not pull."""
    signs = np.where(is_member, 1.0 / is_member.sum(), -1.0 / (~is_member).sum())
    return np.asarray(signs, dtype=np.float64)


def _learn_without_each(features: NDArray[np.float64]) -> "_LeftOutRidge":
    spread = features.std(axis=0)
    told = features[:, spread > 1e-9 * (1.0 + np.abs(features).max(axis=0))]
    if told.shape[1] == 0:
        told = np.zeros((len(features), 1))
        spread = np.ones(1)
    else:
        spread = told.std(axis=0)
    standard = (told - told.mean(axis=0)) / spread
    count = standard.shape[1]
    ridge = _RIDGE_SHARE * count * np.eye(count)
    solved = np.linalg.solve(standard.T @ standard + ridge, standard.T)
    return _LeftOutRidge(standard, solved, np.einsum("ij,ji->i", standard, solved))
