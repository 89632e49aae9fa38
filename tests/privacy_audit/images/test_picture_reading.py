from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from medsynth.errors import AuditError
from privacy_audit.images.image_reading import read_pixels

_GREY = np.array([[0, 9, 200], [40, 255, 1]], dtype=np.uint8)


def _values(path: Path) -> list[list[list[float]]]:
    values: list[list[list[float]]] = read_pixels(path.name, [path]).values.tolist()
    return values


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_picture_has_the_same_values_however_it_is_stored(
    tmp_path: Path, mode: str, suffix: str
) -> None:
    picture = Image.fromarray(_GREY)
    if mode == "P":
        # Place 255 - n of the palette is grey n: the places themselves are another picture.
        picture = Image.fromarray(255 - _GREY)
        picture.putpalette([grey for place in range(256) for grey in (255 - place,) * 3])
        assert picture.mode == "P"
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / f"a.{suffix}")
    assert _values(tmp_path / f"a.{suffix}") == [_GREY.tolist()]


def test_transparency_is_left_out(tmp_path: Path) -> None:
    alpha = np.full_like(_GREY, 7)
    Image.fromarray(np.stack([_GREY, alpha], axis=-1)).save(tmp_path / "a.png")
    assert _values(tmp_path / "a.png") == [_GREY.tolist()]


def test_picture_of_one_bit_is_read(tmp_path: Path) -> None:
    for suffix in ("png", "tif"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(_GREY > 30).save(path)
        assert _values(path) == [[[0, 0, 1], [1, 1, 0]]]


def test_float_picture_keeps_hounsfield_units(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-1000.5, 40.25]], dtype=np.float32)).save(tmp_path / "a.tif")
    assert _values(tmp_path / "a.tif") == [[[-1000.5, 40.25]]]


def test_pages_are_slices(tmp_path: Path) -> None:
    pages = [Image.fromarray(_GREY), Image.fromarray(_GREY // 2)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert _values(tmp_path / "a.tif") == [_GREY.tolist(), (_GREY // 2).tolist()]


def test_pages_of_two_sizes_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(_GREY), Image.fromarray(_GREY[:, :2])]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(AuditError, match="pages of different sizes"):
        _values(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("stored", "bright"),
    [
        # Of 8 bits the writer turns the values, and the reader turns them back.
        (np.array([[0, 9]], np.uint8), [[[0, 9]]]),
        (np.array([[0, 9]], np.uint16), [[[65535, 65526]]]),
        (np.array([[0, 9]], np.float32), [[[0, -9]]]),
    ],
)
def test_picture_with_white_at_zero_is_turned(
    tmp_path: Path, stored: np.ndarray, bright: list[list[list[float]]]
) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = 0
    Image.fromarray(stored).save(tmp_path / "a.tif", tiffinfo=tags)
    with Image.open(tmp_path / "a.tif") as picture:
        assert picture.tag_v2[262] == 0  # type: ignore[attr-defined]
    assert _values(tmp_path / "a.tif") == bright


def test_picture_in_inks_is_refused(tmp_path: Path) -> None:
    Image.fromarray(_GREY).convert("CMYK").save(tmp_path / "a.tif")
    with pytest.raises(AuditError, match="mode CMYK"):
        _values(tmp_path / "a.tif")


def test_other_formats_under_a_known_name_are_not_decoded(tmp_path: Path) -> None:
    Image.fromarray(_GREY).save(tmp_path / "a.png", format="GIF")
    with pytest.raises(AuditError, match="cannot be read"):
        _values(tmp_path / "a.png")
