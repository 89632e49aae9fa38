"""How many true matches an attacker gets when it may claim few false ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FALSE_RATES = {"tpr_at_fpr_1_percent": 0.01, "tpr_at_fpr_0.1_percent": 0.001}
# No false match among n pairs bounds the false rate at 3 / n (rule of three).
_PAIRS_NEEDED = 3.0
_DRAWS = 400
# Far more of the highest false pairs than any draw of patients can push below the bound.
_KEPT_SHARE = 10.0

Rates = dict[str, float | int | str | list[float] | None]


def true_rates(
    own: NDArray[np.float64],
    others: NDArray[np.float64],
    by_patient: Sequence[Sequence[int]],
    seed: int,
) -> Rates:
    """Give the true positive rates at false positive rates of 1 % and 0.1 %.

    A rate is None, and "..._note" says inconclusive, where there are fewer than 3 /
    rate false pairs. The intervals draw source patients with replacement, with
    all their pairs, for pairs that share a patient are not independent.

    Args:
        own: (images,), likeness of each released image to its source.
        others: (images, other patients), likeness to everybody else.
        by_patient: the images of each source patient, as rows.
        seed: equal seeds give equal intervals.

    Source: own derivation from the definition of the two rates.
    """
    rates: Rates = {"impostor_pairs": int(others.size)}
    patient_of_row = np.empty(own.size, dtype=np.int64)
    for patient, rows in enumerate(by_patient):
        patient_of_row[list(rows)] = patient
    for name, false_rate in _FALSE_RATES.items():
        needed = round(_PAIRS_NEEDED / false_rate)
        if others.size < needed:
            rates[name] = None
            rates[f"{name}_note"] = (
                f"Inconclusive: {others.size} pairs of different patients, {needed} are needed."
            )
            continue
        whole = np.ones((1, len(by_patient)))
        drawn = _draw_weights(len(by_patient), seed)
        rates[name] = float(_rates_by_draw(own, others, patient_of_row, whole, false_rate)[0])
        spread = _rates_by_draw(own, others, patient_of_row, drawn, false_rate)
        rates[f"{name}_ci"] = [float(bound) for bound in np.percentile(spread, [2.5, 97.5])]
    return rates


def _draw_weights(patients: int, seed: int) -> NDArray[np.float64]:
    """Give how often each patient is drawn: (draws, patients)."""
    generator = np.random.default_rng(seed)
    share = np.full(patients, 1.0 / patients)
    return generator.multinomial(patients, share, size=_DRAWS).astype(np.float64)


def _rates_by_draw(
    own: NDArray[np.float64],
    others: NDArray[np.float64],
    patient_of_row: NDArray[np.int64],
    weights: NDArray[np.float64],
    false_rate: float,
) -> NDArray[np.float64]:
    """Give the true rate of each draw, above the highest bound that few enough false pairs pass."""
    kept = min(others.size, int(np.ceil(_KEPT_SHARE * false_rate * others.size)) + 1)
    flat = others.ravel()
    highest = np.argpartition(-flat, kept - 1)[:kept]
    highest = highest[np.lexsort((highest, -flat[highest]))]
    patient_of_pair = patient_of_row[highest // others.shape[1]]
    rates = np.empty(weights.shape[0])
    for draw, weight in enumerate(weights):
        of_row = weight[patient_of_row]
        passed = np.cumsum(weight[patient_of_pair])
        allowed = false_rate * others.shape[1] * of_row.sum()
        first_too_many = min(int(np.searchsorted(passed, allowed, side="right")), kept - 1)
        bound = flat[highest[first_too_many]]
        rates[draw] = of_row[own > bound].sum() / of_row.sum()
    return rates
