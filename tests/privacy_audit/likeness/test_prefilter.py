from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.likeness import prefilter
from privacy_audit.likeness.prefilter import pick_candidates
from privacy_audit.likeness.similarity import EdgeMap, Gallery, PoseSearch, map_edges

Body = Callable[..., NDArray[np.float32]]
REFERENCES = 60


def _edges(values: NDArray[np.float32]) -> EdgeMap:
    return map_edges(fit_body_grid(Pixels(values, 10.0), "a"))


@pytest.fixture(scope="module")
def search() -> PoseSearch:
    return PoseSearch()


@pytest.fixture(scope="module")
def gallery(search: PoseSearch, body: Body) -> Gallery:
    return search.build_gallery([_edges(body(seed)) for seed in range(REFERENCES)])


@pytest.mark.parametrize("angle", [-9.0, -4.5, 0.0, 7.5])
def test_source_is_the_roughly_most_alike_in_any_pose(
    search: PoseSearch, gallery: Gallery, body: Body, angle: float
) -> None:
    assert gallery.coarse is not None
    for seed in range(0, REFERENCES, 12):
        posed = ndimage.rotate(body(seed, invert=True), angle, (2, 1), reshape=False, cval=-1000)
        match = search.search(_edges(posed[:, :, ::-1].copy()), gallery)
        assert int(match.similarity.argmax()) == seed


def test_filter_loses_little_of_an_unrelated_bodys_highest_likeness(
    search: PoseSearch, gallery: Gallery, body: Body
) -> None:
    everything = Gallery(gallery.entries, gallery.owners, None)
    lost = []
    for seed in range(100, 110):
        probe = _edges(body(seed))
        filtered, whole = (search.search(probe, one).similarity for one in (gallery, everything))
        lost.append(float(whole.max() - filtered.max()))
    # Unrelated bodies have no clear nearest; another one that is as near will do.
    assert max(lost) < 0.05
    assert min(lost) > -1e-6


def test_no_reference_that_was_passed_over_is_more_alike_than_a_candidate(
    search: PoseSearch, gallery: Gallery, body: Body
) -> None:
    similarity = np.sort(search.search(_edges(body(200)), gallery).similarity)
    lowest = similarity[-prefilter.CANDIDATES]
    assert (similarity[: -prefilter.CANDIDATES] <= lowest).all()


def test_volume_is_found_among_more_volumes_than_are_searched(
    search: PoseSearch, body: Body
) -> None:
    volumes = [_edges(body(seed, slices=5)) for seed in range(prefilter.CANDIDATE_VOLUMES + 6)]
    gallery = search.build_gallery(volumes)
    reversed_copy = body(4, slices=5, invert=True)[::-1].copy()
    match = search.search(_edges(reversed_copy), gallery)
    assert int(match.similarity.argmax()) == 4
    assert bool(match.is_reversed[4])


def test_candidates_are_three_of_one_owner_at_most() -> None:
    likeness = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.1], dtype=np.float32)
    owners = np.array([7, 7, 7, 7, 3, 4])
    assert pick_candidates(likeness, owners, 4).tolist() == [0, 1, 2, 4]
    assert pick_candidates(likeness, owners, 9).tolist() == [0, 1, 2, 4, 5]
