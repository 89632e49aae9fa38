from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.body_grid import BodyGrid, fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.likeness.similarity import POSES, EdgeMap, PoseSearch, map_edges

Body = Callable[..., NDArray[np.float32]]


def _edges(values: NDArray[np.float32]) -> EdgeMap:
    return map_edges(fit_body_grid(Pixels(values, 10.0), "a"))


def _similarity(probe: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    search = PoseSearch()
    match = search.search(_edges(probe), search.build_gallery([_edges(reference)]))
    return float(match.similarity[0])


def test_an_image_is_wholly_alike_to_itself(body: Body) -> None:
    assert _similarity(body(1), body(1)) == pytest.approx(1.0, abs=1e-4)


def test_exchanging_bright_and_dark_organs_changes_little(body: Body) -> None:
    # The skin's own edge, which does not turn about, reaches a little way in.
    assert _similarity(body(1, invert=True), body(1)) > 0.9


def test_different_patients_are_not_alike(body: Body) -> None:
    assert max(_similarity(body(seed), body(1)) for seed in range(2, 8)) < 0.4


@pytest.mark.parametrize("angle", [-9.0, -7.0, 4.5, 7.0])
def test_rotation_is_undone(body: Body, angle: float) -> None:
    turned = ndimage.rotate(body(1), angle, (2, 1), reshape=False, order=1, cval=-1000)
    assert _similarity(turned, body(1)) > 0.8


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_flips_are_undone(body: Body, axes: tuple[int, ...]) -> None:
    assert _similarity(np.flip(body(1), axes).copy(), body(1)) == pytest.approx(1.0, abs=0.02)


def test_body_elsewhere_in_a_larger_field_of_view_is_the_same(body: Body) -> None:
    wide = np.full((1, 110, 120), -1000.0, dtype=np.float32)
    wide[:, 5:77, 40:112] = body(1)
    assert _similarity(wide, body(1)) > 0.95


def test_volume_is_found_when_its_ends_are_cut(body: Body) -> None:
    volume = body(1, slices=12)
    assert _similarity(volume[3:], volume) == pytest.approx(1.0, abs=0.03)
    assert _similarity(volume, volume[:9]) == pytest.approx(1.0, abs=0.03)


def test_reversed_slices_are_undone_and_told(body: Body) -> None:
    volume = body(1, slices=8)
    search = PoseSearch()
    gallery = search.build_gallery([_edges(volume)])
    match = search.search(_edges(volume[::-1].copy()), gallery)
    assert match.similarity[0] > 0.95
    assert match.is_reversed.tolist() == [True]
    assert search.search(_edges(volume), gallery).is_reversed.tolist() == [False]


def test_single_slice_is_found_at_any_height_of_a_volume(body: Body) -> None:
    volume = body(1, slices=10)
    for height in (0, 4, 9):
        assert _similarity(volume[height : height + 1], volume) > 0.9


def test_pose_of_the_match_is_told(body: Body) -> None:
    search = PoseSearch()
    gallery = search.build_gallery([_edges(body(1))])
    turned = ndimage.rotate(body(1), 6, (2, 1), reshape=False, order=1, cval=-1000)[:, :, ::-1]
    pose = POSES[int(search.search(_edges(turned.copy()), gallery).pose[0])]
    assert (pose.rows_flipped, pose.columns_flipped) == (False, True)
    assert abs(pose.angle_degrees) == 6.0


def test_order_of_the_gallery_is_kept_across_different_slice_counts(body: Body) -> None:
    references = [body(1, slices=6), body(2, slices=9), body(3, slices=6)]
    search = PoseSearch()
    gallery = search.build_gallery([_edges(reference) for reference in references])
    for index, reference in enumerate(references):
        similarity = search.search(_edges(reference), gallery).similarity
        assert int(similarity.argmax()) == index


def test_body_without_edges_is_alike_to_nothing() -> None:
    flat = BodyGrid(np.ones((1, 96, 96), np.float32), np.ones((1, 96, 96), np.bool_))
    search = PoseSearch()
    match = search.search(map_edges(flat), search.build_gallery([map_edges(flat)]))
    assert match.similarity.tolist() == [0.0]
