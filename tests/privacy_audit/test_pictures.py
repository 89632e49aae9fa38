from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.image_sets import ImageSet
from privacy_audit.pictures import draw_pair
from privacy_audit.similarity import PoseSearch

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
