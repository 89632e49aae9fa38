from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medsynth.errors import ImageError
from medsynth.imaging.dicom_pixels import read_stored
from tests.medsynth.imaging.jpeg_lossless import jpeg_lossless
from tests.medsynth.imaging.planned_series import (
    datasets_of,
    enhanced,
    phantom_hu,
    plan,
    set_stored,
    write_all,
)

Encode = Callable[[Any], None]


def _plain(syntax: str) -> Encode:
    def encode(dataset: Any) -> None:
        dataset.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()

    return encode


def _compressed(syntax: str) -> Encode:
    return lambda dataset: dataset.compress(syntax, generate_instance_uid=False)


def _jpeg_lossless(dataset: Any) -> None:
    stored = np.frombuffer(dataset.PixelData, np.uint16).reshape(dataset.Rows, dataset.Columns)
    dataset.PixelData = encapsulate([jpeg_lossless(stored)])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1


ENCODINGS = {
    "implicit": _plain(ImplicitVRLittleEndian),
    "explicit": _plain(ExplicitVRLittleEndian),
    "big_endian": _plain(ExplicitVRBigEndian),
    "deflated": _plain(DeflatedExplicitVRLittleEndian),
    "rle": _compressed(RLELossless),
    "jpeg_ls": _compressed(JPEGLSLossless),
    "jpeg_2000": _compressed(JPEG2000Lossless),
    "jpeg_lossless": _jpeg_lossless,
}


def _stored(kind: str) -> NDArray[np.integer]:
    values = phantom_hu(1)[0].astype(np.int32)
    if kind == "signed":
        signed: NDArray[np.int16] = values.astype(np.int16)
        return signed
    # Reaches beyond 32767, so that a sign taken for a number shows.
    unsigned: NDArray[np.uint16] = (values + 1024 + 40000 * (values > 500)).astype(np.uint16)
    return unsigned


@pytest.mark.parametrize("kind", ["signed", "unsigned"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_values_are_those_that_were_encoded(tmp_path: Path, encoding: str, kind: str) -> None:
    stored = _stored(kind)
    dataset = datasets_of(plan(1))[0]
    set_stored(dataset, stored)
    ENCODINGS[encoding](dataset)
    (decoded,) = read_stored(write_all(tmp_path, [dataset])[0], [0])
    assert np.array_equal(decoded, stored)


def test_bits_beyond_those_stored_are_cleared_and_the_sign_comes_back(tmp_path: Path) -> None:
    dataset = datasets_of(plan(1))[0]
    # Twelve bits of -1024 are 0xC00; the four bits above hold something else.
    set_stored(dataset, np.full((4, 4), 0x5C00, dtype=np.int16))
    dataset.BitsStored, dataset.HighBit = 12, 11
    (decoded,) = read_stored(write_all(tmp_path, [dataset])[0], [0])
    assert set(decoded.ravel().tolist()) == {-1024}


def test_frames_come_in_the_order_asked_for(tmp_path: Path) -> None:
    shown = plan(6)
    path = write_all(tmp_path, [enhanced(shown, order=range(6))])[0]
    decoded = list(read_stored(path, [4, 1]))
    assert np.array_equal(np.stack(decoded), shown.slices_hu[[4, 1]].astype(np.int32) + 1024)


def test_a_frame_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = write_all(tmp_path, [enhanced(plan(3), order=range(3))])[0]
    with pytest.raises(ImageError, match="holds 3 images"):
        list(read_stored(path, [3]))


def test_too_few_bytes_are_not_read_as_an_image(tmp_path: Path) -> None:
    dataset = datasets_of(plan(1))[0]
    dataset.PixelData = dataset.PixelData[:-2]
    path = write_all(tmp_path, [dataset])[0]
    with pytest.raises(ValueError, match="buffer"):
        list(read_stored(path, [0]))
