"""The planes of pictures and volumes, one at a time, for the search for burned-in text."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageSequence

LARGEST_VALUE_COUNT = 2**29
"""Values of one file that are decoded; larger files cannot be cleared."""

_MOST_PAGES = 10_000


def planes_of(path: Path, kind: str) -> Iterator[NDArray[Any]]:
    """Give the planes of an image whose structure was found to be bounded.

    Args:
        path: the file.
        kind: "dicom", "nifti", "npy", "png", "tiff" or "jpeg".

    Returns:
        (rows, columns), as stored; planes of anything but numbers are left out.

    Raises:
        ValueError: the image is too large. Other errors are the decoders'.
    """
    readers = {"dicom": _dicom_planes, "nifti": _nifti_planes, "npy": _array_planes}
    for plane in readers.get(kind, _picture_planes)(path):
        values = np.asarray(plane)
        if values.dtype.kind in "biuf":
            yield values


def _dicom_planes(path: Path) -> Iterator[NDArray[Any]]:
    dataset = pydicom.dcmread(path, force=True)
    if "PixelData" not in dataset:
        return
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = int(dataset.get("SamplesPerPixel") or 1)
    _check_size((frames, samples, int(dataset.Rows), int(dataset.Columns)))
    values = np.asarray(dataset.pixel_array)
    if samples > 1:
        values = values[..., 0]
    yield from values.reshape(-1, *values.shape[-2:])


def _nifti_planes(path: Path) -> Iterator[NDArray[Any]]:
    with path.open("rb") as stream:
        beginning = stream.read(348)
        stream.seek(0)
        if beginning[344:347] == b"ni1":
            # The numbers are in a file of their own.
            return
        is_first = beginning[344:347] == b"n+1"
        kind = nibabel.Nifti1Image if is_first else nibabel.Nifti2Image
        image = kind.from_stream(stream)
        _check_size(image.shape)
        # One plane at a time, so that the memory does not grow with the volume.
        for further in np.ndindex(*image.shape[2:]):
            yield np.asarray(image.dataobj[(slice(None), slice(None), *further)]).T


def _array_planes(path: Path) -> Iterator[NDArray[Any]]:
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    if values.ndim < 2 or 0 in values.shape:
        return
    _check_size(values.shape)
    yield from values.reshape(-1, *values.shape[-2:])


def _picture_planes(path: Path) -> Iterator[NDArray[Any]]:
    with Image.open(path) as picture:
        for number, page in enumerate(ImageSequence.Iterator(picture), start=1):
            if number > _MOST_PAGES:
                raise ValueError("The picture has too many pages.")
            _check_size(page.size)
            yield np.asarray(page if page.mode in {"I;16", "I", "F", "L"} else page.convert("L"))


def _check_size(extents: tuple[int, ...]) -> None:
    if math.prod(int(extent) for extent in extents) > LARGEST_VALUE_COUNT:
        raise ValueError("The image is too large.")
