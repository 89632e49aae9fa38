import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from privacy_audit.artefacts.burned_in_text import FEWEST_MARKS, longest_row_of_marks
from privacy_audit.artefacts.picture_planes import planes_of
from tests.privacy_audit.artefacts.planted import body
from tests.privacy_audit.conftest import Body


def _written(plane: NDArray[np.float32], text: str, size: int, value: float) -> NDArray[np.float32]:
    picture = Image.new("L", plane.shape[::-1])
    ImageDraw.Draw(picture).text((6, 6), text, 255, font=ImageFont.load_default(size))
    share = np.asarray(picture, dtype=np.float32) / 255
    return (plane * (1 - share) + value * share).astype(np.float32)


@pytest.mark.parametrize("size", [12, 16, 24])
def test_text_beside_the_body_is_found(size: int) -> None:
    plane = body(0, size=256).astype(np.float32)
    written = _written(plane, "DOE^JANE 1951", size, 400.0)
    assert longest_row_of_marks(written) >= FEWEST_MARKS


def test_dark_text_on_bright_ground_is_found() -> None:
    plane = -body(0, size=256).astype(np.float32)
    assert longest_row_of_marks(_written(plane, "DOE^JANE 1951", 16, -400.0)) >= FEWEST_MARKS


def test_clean_bodies_give_no_alarm(body: Body) -> None:
    rows = [longest_row_of_marks(body(seed, size=256)[0]) for seed in range(12)]
    assert max(rows) < FEWEST_MARKS


def test_noise_gives_no_alarm() -> None:
    generator = np.random.default_rng(0)
    for _ in range(4):
        assert longest_row_of_marks(generator.normal(size=(256, 256))) < FEWEST_MARKS


def test_constant_plane_gives_no_alarm() -> None:
    assert longest_row_of_marks(np.zeros((64, 64))) == 0


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
def test_real_slices_give_no_alarm() -> None:
    paths = sorted((Path(os.environ["MEDSYNTH_REAL_CT"]) / "siim_slices").glob("*.dcm"))[::5]
    rows = [longest_row_of_marks(next(planes_of(path, "dicom"))) for path in paths]
    assert max(rows) < FEWEST_MARKS
