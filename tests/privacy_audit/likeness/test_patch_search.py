from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.body_grid import GRID, fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.likeness.patch_search import NOMINATED, build_patch_gallery, search_patches
from privacy_audit.likeness.similarity import map_edges

Body = Callable[..., NDArray[np.float32]]


def _view(values: NDArray[np.float32]) -> NDArray[np.float32]:
    edges = map_edges(fit_body_grid(Pixels(values, None), "x"))
    return np.asarray(edges.directions[0], dtype=np.float32)


@pytest.fixture
def views(body: Body) -> list[NDArray[np.float32]]:
    return [_view(body(seed)) for seed in range(12)]


def test_mirrored_window_of_a_body_leads_to_its_owner(
    body: Body, views: list[NDArray[np.float32]]
) -> None:
    gallery = build_patch_gallery(views, np.arange(12))
    window = body(7)[:, 16:56, 10:54][:, :, ::-1]
    found = search_patches(_view(np.ascontiguousarray(window)), gallery)
    best = max(found, key=lambda owner: found[owner].evidence)
    assert best == 7
    assert found[best].pose.columns_flipped


def test_each_owner_is_nominated_once(views: list[NDArray[np.float32]]) -> None:
    gallery = build_patch_gallery(views, np.arange(12) // 2)
    assert sorted(search_patches(views[0], gallery)) == [0, 1, 2, 3, 4, 5]


def test_no_more_owners_are_compared_in_full_than_nominated(
    views: list[NDArray[np.float32]],
) -> None:
    gallery = build_patch_gallery(views, np.arange(12))
    assert len(search_patches(views[0], gallery)) == NOMINATED


def test_view_without_edges_leads_nowhere(views: list[NDArray[np.float32]]) -> None:
    empty = np.zeros((2, GRID, GRID), dtype=np.float32)
    assert search_patches(empty, build_patch_gallery(views, np.arange(12))) == {}


def test_reference_without_edges_is_never_nominated(views: list[NDArray[np.float32]]) -> None:
    empty = np.zeros((2, GRID, GRID), dtype=np.float32)
    gallery = build_patch_gallery([*views[:3], empty], np.arange(4))
    assert sorted(search_patches(views[0], gallery)) == [0, 1, 2]


def test_single_reference_can_be_searched(views: list[NDArray[np.float32]]) -> None:
    gallery = build_patch_gallery(views[:1], np.array([0]))
    assert search_patches(views[0], gallery)[0].correlation > 0.95
