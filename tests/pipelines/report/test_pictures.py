import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.report.pictures import (
    NARROW,
    SOFT_TISSUE,
    difference_colours,
    picture_file_data_uri,
    png_data_uri,
    square_pixels,
    windowed,
)


def decode(data_uri: str) -> Image.Image:
    head, _, content = data_uri.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_window_is_black_at_its_lower_end_and_white_at_its_upper() -> None:
    # Level 40, width 400: from -160 to 240 HU; 40 HU is half of 255, rounded to even.
    values = np.array([[-1000.0, -160.0, 40.0, 240.0, 3000.0]], dtype=np.float32)
    assert windowed(values, SOFT_TISSUE).tolist() == [[0, 0, 128, 255, 255]]
    # Level 40, width 150: from -35 to 115 HU; 0 HU is 35/150 of 255 = 59.5, rounded to even.
    assert windowed(np.array([[-35, 0, 115]], dtype=np.int16), NARROW).tolist() == [[0, 60, 255]]


def test_differences_are_grey_at_zero_blue_below_and_red_above() -> None:
    values = np.array([[0.0, -150.0, 150.0, -900.0]], dtype=np.float32)
    zero, darker, brighter, far = difference_colours(values, 150.0)[0].tolist()
    assert zero == [240, 240, 237]
    assert darker == [28, 92, 171]
    assert brighter == [191, 41, 41]
    assert far == darker


def test_square_pixels_keep_the_extent_in_millimetres() -> None:
    # 10 rows of 5 mm and 40 columns of 2 mm are 50 x 80 mm: 25 x 40 pixels of 2 mm.
    assert square_pixels(np.zeros((10, 40), np.int16), (5.0, 2.0), longest=100).shape == (25, 40)
    # At most 20 pixels: 80 mm / 20 = 4 mm a pixel; 50 mm are 12.5, rounded to even.
    assert square_pixels(np.zeros((10, 40), np.int16), (5.0, 2.0), longest=20).shape == (12, 20)


def test_a_slice_that_is_square_already_is_not_changed() -> None:
    values = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    assert np.allclose(square_pixels(values, (2.0, 2.0), longest=8), values, atol=1e-5)


def test_a_picture_survives_its_way_into_the_page() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert np.array_equal(np.asarray(decode(png_data_uri(pixels))), pixels)


def test_a_picture_file_is_made_no_wider_than_asked_for(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((100, 400, 3), np.uint8)).save(tmp_path / "wide.png")
    assert decode(picture_file_data_uri(tmp_path / "wide.png", widest=200)).size == (200, 50)
