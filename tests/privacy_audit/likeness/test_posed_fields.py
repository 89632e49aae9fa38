from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.deformable import complex_edges
from privacy_audit.likeness.posed_fields import FieldGallery, build_field_gallery, place_on
from tests.privacy_audit.conftest import Body


def _edges(scan: NDArray[np.float32]) -> NDArray[np.complex64]:
    return complex_edges(fit_body_grid(Pixels(np.ascontiguousarray(scan), None), "made up"))


def _gallery(scans: list[NDArray[np.float32]]) -> FieldGallery:
    images = [AuditImage(f"p{n}", f"p{n}", (Path("none"),)) for n in range(len(scans))]
    return build_field_gallery(images, [_edges(scan) for scan in scans])


def test_an_image_is_laid_on_itself(body: Body) -> None:
    scans = [body(seed) for seed in range(4)]
    placement = place_on(_edges(scans[2]), _gallery(scans))
    assert placement.similarity.argmax() == 2
    assert placement.similarity[2] > 0.99


def test_a_flipped_and_turned_image_is_laid_on_its_patient(body: Body) -> None:
    scans = [body(seed) for seed in range(4)]
    turned = ndimage.rotate(scans[1], 8, (2, 1), reshape=False, order=1, cval=-1000.0)
    placement = place_on(_edges(turned[:, :, ::-1]), _gallery(scans))
    assert placement.similarity.argmax() == 1
    assert placement.similarity[1] > np.delete(placement.similarity, 1).max() + 0.3


def test_a_volume_upside_down_is_laid_on_its_patient(body: Body) -> None:
    scans = [body(seed, slices=5) for seed in range(3)]
    placement = place_on(_edges(scans[0][::-1]), _gallery(scans))
    assert placement.similarity[0] > 0.99


def test_a_volume_that_begins_higher_is_shifted(body: Body) -> None:
    scans = [body(seed, slices=6) for seed in range(3)]
    placement = place_on(_edges(scans[0][1:5]), _gallery(scans))
    assert placement.similarity.argmax() == 0
    assert placement.slab_shift[0] == 1


def test_pairs_hold_the_shared_slabs_of_volumes_of_different_length(body: Body) -> None:
    scans = [body(0, slices=3), body(1, slices=9)]
    pairs = place_on(_edges(scans[1]), _gallery(scans)).pairs(np.array([0, 1]))
    # Nine slabs are shared with itself; six at most are kept.
    assert pairs.fixed.shape == pairs.moving.shape == (2, 6, 48, 48)
    assert pairs.coarse_fixed.shape == (2, 6, 24, 24)
