import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.likeness.deformable import FINE, complex_edges, halve, register, warp_smoothly
from tests.privacy_audit.conftest import Body


def _edges(scan: NDArray[np.float32]) -> NDArray[np.complex64]:
    return complex_edges(fit_body_grid(Pixels(scan, None), "made up"))


def _score(fixed: NDArray[np.complex64], moving: NDArray[np.complex64]) -> float:
    return float(register(fixed[np.newaxis], moving[np.newaxis]).score[0])


def _likeness(first: NDArray[np.complex64], second: NDArray[np.complex64]) -> float:
    energy = np.sqrt((np.abs(first) ** 2).sum() * (np.abs(second) ** 2).sum())
    return float((first.conj() * second).real.sum() / energy)


def test_edges_lie_on_the_fine_grid_and_are_at_most_one_long(body: Body) -> None:
    edges = _edges(body(1, slices=3))
    assert edges.shape == (3, FINE, FINE)
    assert np.abs(edges).max() <= 1


def test_a_map_laid_on_itself_needs_no_bending(body: Body) -> None:
    edges = _edges(body(1))
    registration = register(edges[np.newaxis], edges[np.newaxis])
    assert registration.score[0] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(registration.field).max() < 0.05


def test_bending_undoes_a_smooth_warp(body: Body) -> None:
    real = body(1)
    warped, straight = _edges(warp_smoothly(real, 0.03, 5)), _edges(real)
    assert _score(warped, straight) > _likeness(warped, straight) + 0.1


def test_bending_does_not_make_two_patients_alike(body: Body) -> None:
    warped = _edges(warp_smoothly(body(1), 0.03, 5))
    assert _score(warped, _edges(body(1))) > _score(warped, _edges(body(2))) + 0.2


def test_each_pair_is_registered_on_its_own(body: Body) -> None:
    first, second, third = (_edges(body(seed)) for seed in (1, 2, 3))
    both = register(np.stack([first, first]), np.stack([second, third]))
    assert both.score[1] == pytest.approx(_score(first, third), abs=1e-6)


def test_averaging_two_by_two_points_keeps_the_mean() -> None:
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4) + 0j
    # The first four are 0, 1, 4 and 5.
    assert halve(maps)[0, 0, 0] == 2.5
    assert halve(maps).shape == (1, 2, 2)


def test_a_warp_of_no_size_changes_nothing(body: Body) -> None:
    real = body(1)
    assert np.array_equal(warp_smoothly(real, 0.0, 5), real)


def test_equal_seeds_give_equal_warps(body: Body) -> None:
    real = body(1)
    assert np.array_equal(warp_smoothly(real, 0.05, 5), warp_smoothly(real, 0.05, 5))
    assert not np.array_equal(warp_smoothly(real, 0.05, 5), warp_smoothly(real, 0.05, 6))
