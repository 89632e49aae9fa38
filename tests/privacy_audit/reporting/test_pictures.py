from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.image_sets import ImageSet
from privacy_audit.likeness.similarity import PoseSearch
from privacy_audit.reporting.pictures import draw_flagged, draw_pair
from privacy_audit.verdict import Flag

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


@pytest.mark.parametrize("angle", [-9, 9])
@pytest.mark.parametrize("flipped", [False, True])
def test_overlay_lays_the_synthetic_image_on_the_real_one(
    tmp_path: Path, body: Body, write_set: WriteSet, angle: float, flipped: bool
) -> None:
    real = write_set(tmp_path / "real", {"r": body(1)})
    turned = ndimage.rotate(body(1), angle, (2, 1), reshape=False, order=1, cval=-1000)
    made = write_set(tmp_path / "made", {"s": turned[:, :, ::-1].copy() if flipped else turned})
    pair = draw_pair(made.images[0], real.images, PoseSearch())
    left, middle, overlay = (pair[:, start : start + 288] for start in (0, 294, 588))
    inside = middle[..., 0] > 0
    as_it_was = np.corrcoef(left[inside, 0], middle[inside, 0])[0, 1]
    laid_on = np.corrcoef(overlay[inside, 0], overlay[inside, 1])[0, 1]
    assert as_it_was < 0.85
    assert laid_on > 0.94


def test_each_flagged_pair_is_drawn_once_and_flags_without_a_picture_are_passed_over(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    real = write_set(tmp_path / "real", {"r1": body(1), "r2": body(2)})
    made = write_set(tmp_path / "made", {"s": body(1, invert=True), "t": body(2, invert=True)})
    pairs = [("header.dcm", ""), ("s.npy", "r1"), ("s.npy", "r1"), ("t.npy", "r2"), ("t.npy", "r1")]
    flags = [Flag(synthetic, patient, "near_copy", 0.1, 0.9) for synthetic, patient in pairs]
    drawn = draw_flagged(flags, made.images, real.images * 2, PoseSearch(), most=2)
    assert list(drawn) == [1, 3]
    assert np.array_equal(drawn[1], draw_pair(made.images[0], real.images[:1], PoseSearch()))


def test_volume_with_its_slices_reversed_is_shown_at_the_same_height(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    real = write_set(tmp_path / "real", {"r": body(1, slices=12)})
    made = write_set(tmp_path / "made", {"s": body(1, slices=12)[::-1].copy()})
    pair = draw_pair(made.images[0], real.images, PoseSearch())
    inside = pair[:, 294:582, 0] > 0
    assert np.corrcoef(pair[:, 588:, 0][inside], pair[:, 588:, 1][inside])[0, 1] > 0.94
