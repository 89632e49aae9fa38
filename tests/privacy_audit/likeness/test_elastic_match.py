from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.body_grid import BodyGrid, fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.likeness.alignment import Alignment
from privacy_audit.likeness.edge_maps import EdgeMap, map_edges
from privacy_audit.likeness.elastic_match import ElasticMatcher, Pose

Body = Callable[..., NDArray[np.float32]]
UPRIGHT = Pose(0.0, rows_flipped=False, columns_flipped=False)
SAME_SLABS = Alignment(0, is_reversed=False)


def _edges(values: NDArray[np.float32]) -> EdgeMap:
    return map_edges(fit_body_grid(Pixels(values, 10.0), "a"))


def _likeness(probe: EdgeMap, reference: EdgeMap) -> float:
    matcher = ElasticMatcher((0.0,))
    return matcher.begin(probe).similarity(matcher.reduce(reference), UPRIGHT, SAME_SLABS)


def _deformed(image: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Deform so that the mean move is 3 % of the field of view."""
    generator = np.random.default_rng(seed)
    moves = np.stack([ndimage.gaussian_filter(generator.normal(size=(72, 72)), 7) for _ in "rc"])
    moves *= 0.03 * 72 / np.sqrt(np.square(np.hypot(*moves)).mean())
    points = np.mgrid[0:72, 0:72] + moves
    moved = ndimage.map_coordinates(image[0], points, order=1, cval=-1000.0)
    return np.asarray(moved[np.newaxis], dtype=np.float32)


def test_deformed_copy_is_more_alike_than_any_other_body(body: Body) -> None:
    for seed in range(4):
        reference = _edges(body(seed))
        copy = _likeness(_edges(_deformed(body(seed), seed)), reference)
        others = [_likeness(_edges(body(other)), reference) for other in range(10, 16)]
        assert copy > max(others) + 0.1


def test_equal_images_are_wholly_alike(body: Body) -> None:
    assert _likeness(_edges(body(1)), _edges(body(1))) == pytest.approx(1.0, abs=1e-3)


def test_slightly_larger_copy_is_laid_on_its_original(body: Body) -> None:
    edges = _edges(body(1))
    larger = ndimage.zoom(edges.directions, (1, 1, 1.06, 1.06), order=1)[:, :, 3:99, 3:99]
    assert _likeness(EdgeMap(np.ascontiguousarray(larger)), edges) > 0.85


def test_images_without_edges_are_alike_to_nothing() -> None:
    flat = map_edges(BodyGrid(np.ones((1, 96, 96), np.float32), np.ones((1, 96, 96), np.bool_)))
    assert _likeness(flat, flat) == 0.0
