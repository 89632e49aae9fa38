"""Damaged and hostile files for tests: mutants of sound files, and files that are bombs.

All are small on disk. A deflate stream whose blocks end in a full flush may be
repeated as often as wanted, so gigabytes cost kilobytes and no time to make.
"""

import gzip
import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from tests.medsynth.imaging.dicom_examples import example_slice, set_stored, stored_values

SOUND_NAMES = ("CT", "enhanced CT", "JPEG 2000", "DICOMDIR")
_BLOCK_BYTES = 2**24
_LENGTHS = (0, 1, 7, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xF0000000, 0xFFFFFFFE, 0xFFFFFFFF)


def sound_contents() -> list[bytes]:
    """Give the files of `SOUND_NAMES`."""
    folder = Path(str(get_testdata_file("CT_small.dcm"))).parent
    encoded = example_slice(0)
    # The encoder makes nothing as small as an example slice.
    set_stored(encoded, np.tile(stored_values(), (4, 4)))
    encoded.compress(JPEG2000Lossless, generate_instance_uid=False)
    return [
        (folder / "CT_small.dcm").read_bytes(),
        file_bytes(enhanced_ct(4)),
        file_bytes(encoded, syntax=JPEG2000Lossless),
        (folder / "dicomdirtests" / "DICOMDIR").read_bytes(),
    ]


def enhanced_ct(frames: int) -> Any:
    """Give an enhanced CT whose frames are slices of the example series."""
    dataset = example_slice(0)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    dataset.NumberOfFrames = frames
    dataset.PixelData = dataset.PixelData * frames
    shared, orientation, measures, transform = Dataset(), Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = dataset.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = dataset.PixelSpacing, 5
    transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = 1, -1024, "HU"
    shared.PlaneOrientationSequence = [orientation]
    shared.PixelMeasuresSequence = [measures]
    shared.PixelValueTransformationSequence = [transform]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame_groups(number) for number in range(frames)]
    for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
        delattr(dataset, keyword)
    return dataset


def _frame_groups(number: int) -> Dataset:
    groups, content, position = Dataset(), Dataset(), Dataset()
    content.StackID, content.InStackPositionNumber = "1", number + 1
    position.ImagePositionPatient = [-30, -20, 100 + 5 * number]
    groups.FrameContentSequence, groups.PlanePositionSequence = [content], [position]
    return groups


def mutated(content: bytes, donor: bytes, seed: int) -> bytes:
    """Flip bytes, cut, overwrite lengths or splice, by turns.

    Args:
        content: a file.
        donor: where spliced pieces come from.
        seed: decides everything.
    """
    draw = random.Random(seed)
    changed = bytearray(content)
    # Structure lies mostly at the beginning.
    reach = len(changed) if draw.random() < 0.4 else min(len(changed), 4000)
    kind = seed % 4
    if kind == 0:
        for _ in range(draw.choice((1, 3, 20))):
            changed[draw.randrange(reach)] = draw.randrange(256)
    elif kind == 1:
        del changed[draw.randrange(reach) :]
    elif kind == 2:
        for _ in range(draw.choice((1, 2, 5))):
            length = struct.pack("<L", draw.choice(_LENGTHS))[: draw.choice((2, 4))]
            start = draw.randrange(reach)
            changed[start : start + len(length)] = length
    else:
        start, source = draw.randrange(reach), draw.randrange(len(donor))
        piece = donor[source : source + draw.choice((4, 40, 400, 4000))]
        changed[start : start + draw.choice((0, len(piece)))] = piece
    return bytes(changed)


def file_bytes(dataset: Any, *, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Give the content of a file with a data set."""
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def deflate_bomb(gigabytes: float = 1.0) -> bytes:
    """A deflated CT slice whose stream goes on with zeros."""
    content = file_bytes(example_slice(0), syntax=DeflatedExplicitVRLittleEndian)
    sound = file_bytes(example_slice(0), syntax=ExplicitVRLittleEndian)
    start = _dataset_start(content)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = squeeze.compress(sound[_dataset_start(sound) :]) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return content[:start] + first + _zeros(squeeze, gigabytes) + squeeze.flush()


def rle_bomb() -> bytes:
    """Under a kilobyte of run lengths that claims 65535 x 65535 pixels."""
    dataset = example_slice(0)
    dataset.Rows = dataset.Columns = 65535
    segments = struct.pack("<16L", 2, 64, 64 + 128, *[0] * 13) + b"\x81\x00" * 128
    dataset.PixelData = encapsulate([segments])
    dataset["PixelData"].is_undefined_length = True
    return file_bytes(dataset, syntax=RLELossless)


def jpeg_2000_bomb() -> bytes:
    """A codestream of 2^31 x 2^31 pixels in a file whose header names a small matrix."""
    size = struct.pack(
        ">HHHLLLLLLLLH3B", 0xFF51, 41, 0, *[2**31] * 2, 0, 0, *[2**31] * 2, 0, 0, 1, 15, 1, 1
    )
    dataset = example_slice(0)
    dataset.PixelData = encapsulate([b"\xff\x4f" + size + b"\0" * 64])
    dataset["PixelData"].is_undefined_length = True
    return file_bytes(dataset, syntax=JPEG2000Lossless)


def frames_bomb() -> bytes:
    """A slice that claims 2^31 frames."""
    dataset = example_slice(0)
    dataset.NumberOfFrames = 2**31 - 1
    return file_bytes(dataset)


def length_bomb() -> bytes:
    """A file whose second element claims almost 4 GB."""
    content = file_bytes(example_slice(0))
    start = _dataset_start(content)
    return content[:start] + struct.pack("<HH2sHL", 8, 6, b"OB", 0, 0xF0000000) + content[start:]


def nesting_bomb(depth: int = 10_000) -> bytes:
    """Sequences of undefined length within sequences, implicit VR."""
    content = file_bytes(example_slice(0), syntax=ImplicitVRLittleEndian)
    opened = struct.pack("<HHL", 0x0008, 0x1140, 0xFFFFFFFF) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    start = _dataset_start(content)
    return content[:start] + opened * depth


def explicit_nesting_bomb(depth: int = 10_000) -> bytes:
    """Sequences of known length within sequences, explicit VR, in a file that is whole."""
    lengths = [20 * number for number in range(depth)]
    inner = b"".join(
        struct.pack("<HH2sHL", 8, 0x1140, b"SQ", 0, size + 8)
        + struct.pack("<HHL", 0xFFFE, 0xE000, size)
        for size in reversed(lengths)
    )
    content = file_bytes(example_slice(0))
    start = _dataset_start(content)
    return content[:start] + inner + content[start:]


def many_values_bomb(megabytes: int = 48) -> bytes:
    """An Image Type of millions of empty words."""
    content = file_bytes(example_slice(0))
    start = _dataset_start(content)
    size = megabytes * 2**20
    head = struct.pack("<HH2sHL", 8, 8, b"UC", 0, size)
    return content[:start] + head + b"\\" * size + content[start:]


def many_elements_bomb(count: int = 2_000_000) -> bytes:
    """Millions of empty private elements."""
    content = file_bytes(example_slice(0))
    start = _dataset_start(content)
    return content[:start] + struct.pack("<HH2sH", 9, 0x1001, b"LO", 0) * count + content[start:]


def nifti_bomb(gigabytes: float = 10.0, shape: tuple[int, int, int] = (2500, 2500, 800)) -> bytes:
    """A compressed NIfTI file of a few megabytes with gigabytes of zeros."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape(shape)
    header["magic"], header["vox_offset"] = b"n+1", 352
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = squeeze.compress(header.binaryblock + b"\0\0\0\0")
    first += squeeze.flush(zlib.Z_FULL_FLUSH)
    start = gzip.compress(b"")[:10]
    return start + first + _zeros(squeeze, gigabytes) + squeeze.flush() + b"\0" * 8


def _zeros(squeeze: Any, gigabytes: float) -> bytes:
    block = squeeze.compress(bytes(_BLOCK_BYTES)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    # The first block may refer to what came before it; the second stands alone.
    block = squeeze.compress(bytes(_BLOCK_BYTES)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return bytes(block) * round(gigabytes * 2**30 / _BLOCK_BYTES)


def _dataset_start(content: bytes) -> int:
    # The group length of the meta information stands first in it.
    return 132 + 12 + int(struct.unpack("<L", content[140:144])[0])
