"""An attacker who learns an attribute from images of some patients and guesses it for others.

Ridge regression on the images' numbers. How much to smooth and which numbers
to look at is chosen by leaving out one reference patient at a time; the
released images have no say in it.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from privacy_audit.images.attributes_table import Grouping, Value
from privacy_audit.images.features import GROUPS, columns_of

_VIEWS: tuple[tuple[str, ...], ...] = (
    ("file", "size", "brightness"),
    ("layout",),
    ("layout", "edges"),
    tuple(GROUPS),
)
_SMOOTHING = (0.0001, 0.001, 0.01, 0.1, 1.0)
_ASSIGNED_AT_ONCE = 1000


@dataclasses.dataclass(frozen=True)
class Guesses:
    """What the attacker says, as indices of groups.

    Attributes:
        released: (released patients,), int64.
        reference: (reference patients,), int64, each said without that patient.
    """

    released: NDArray[np.int64]
    reference: NDArray[np.int64]


def guess_groups(
    reference: NDArray[np.float64],
    known: list[Value],
    released: NDArray[np.float64],
    grouping: Grouping,
) -> Guesses:
    """Learn from reference patients and guess the group of each released patient.

    The attacker takes each group to be as frequent among the released as it is
    among the reference patients, so that a rare group is guessed, too.

    Args:
        reference: (reference patients, features), standardised.
        known: value of each reference patient, each in a group.
        released: (released patients, features), standardised.
        grouping: the groups of the attribute.
    """
    groups = np.array([grouping.index_of(value) for value in known], dtype=np.int64)
    count = len(grouping.names)
    target = _target(known, groups, grouping)
    left_out, predicted = _best_fit(reference, target, released)
    centres = np.stack([target[groups == group].mean(axis=0) for group in range(count)])
    shares = np.bincount(groups, minlength=count) / groups.size
    return Guesses(
        released=_assign(predicted @ centres.T, shares),
        reference=_assign(left_out @ centres.T, shares),
    )


def _target(
    known: list[Value], groups: NDArray[np.int64], grouping: Grouping
) -> NDArray[np.float64]:
    """Give what is regressed on, centred: the rank of a number, or one column for each word."""
    if grouping.cuts:
        numbers = np.array(known, dtype=np.float64)
        below = (numbers[np.newaxis, :] < numbers[:, np.newaxis]).sum(axis=1)
        level = (numbers[np.newaxis, :] == numbers[:, np.newaxis]).sum(axis=1)
        target = ((below + level / 2) / numbers.size)[:, np.newaxis]
    else:
        target = (groups[:, np.newaxis] == np.arange(len(grouping.names))).astype(np.float64)
    return np.asarray(target - target.mean(axis=0))


def _best_fit(
    reference: NDArray[np.float64], target: NDArray[np.float64], released: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the predictions of the fit that errs least on reference patients left out.

    Returns:
        (reference patients, columns), each predicted by the others, and
        (released patients, columns).
    """
    best_error = np.inf
    best = (np.zeros_like(target), np.zeros((released.shape[0], target.shape[1])))
    for view in _VIEWS:
        weights = _weights(view)
        seen, probed = reference * weights, released * weights
        if not seen.any():
            continue
        left, strength, right = _decompose(seen)
        along, onto = left.T @ target, probed @ right
        for smoothing in _SMOOTHING:
            kept = strength**2 / (strength**2 + smoothing * np.square(strength).sum())
            fitted = left @ (kept[:, np.newaxis] * along)
            # Leaving a patient out needs no second fit: its own weight in its fit says enough.
            own = np.square(left) @ kept
            left_out = target - (target - fitted) / (1 - own)[:, np.newaxis]
            error = float(np.square(target - left_out).sum())
            if error < best_error:
                predicted = onto @ ((kept / strength)[:, np.newaxis] * along)
                best_error, best = error, (left_out, predicted)
    return best


def _decompose(
    seen: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give the singular vectors and values that matter, by the smaller of the two squares.

    Args:
        seen: (patients, features), not all zero.

    Returns:
        (patients, values), (values,) and (features, values).
    """
    patients, features = seen.shape
    is_wide = patients <= features
    squares, vectors = linalg.eigh(seen @ seen.T if is_wide else seen.T @ seen)
    matters = squares > 1e-10 * squares.max()
    strength, vectors = np.sqrt(squares[matters]), vectors[:, matters]
    other = (seen.T if is_wide else seen) @ vectors / strength
    return (vectors, strength, other) if is_wide else (other, strength, vectors)


def _weights(view: tuple[str, ...]) -> NDArray[np.float64]:
    """Give each kind of numbers in view the same weight, however many there are; others none."""
    weights = np.zeros(sum(GROUPS.values()))
    for name in view:
        weights[columns_of((name,))] = 1 / np.sqrt(GROUPS[name])
    return weights


def _assign(scores: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give each patient a group, the groups having given shares, so that the scores sum highest.

    Very many patients are assigned in parts, each of patients spread evenly over all.

    Args:
        scores: (patients, groups).
        shares: (groups,), sum 1.
    """
    patients = scores.shape[0]
    blocks = -(-patients // _ASSIGNED_AT_ONCE)
    groups = np.empty(patients, dtype=np.int64)
    for block in range(blocks):
        part = scores[block::blocks]
        group_of_place = np.repeat(np.arange(shares.size), _places(shares, part.shape[0]))
        _, chosen = optimize.linear_sum_assignment(part[:, group_of_place], maximize=True)
        groups[block::blocks] = group_of_place[chosen]
    return groups


def _places(shares: NDArray[np.float64], patients: int) -> NDArray[np.int64]:
    """Give whole numbers with these shares and this sum, the largest rests rounded up."""
    exact = shares * patients
    places = np.floor(exact).astype(np.int64)
    by_rest = np.argsort(places - exact, kind="stable")
    places[by_rest[: patients - int(places.sum())]] += 1
    return places
