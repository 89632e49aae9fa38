"""CT slices with a value of its own in every attribute that could identify someone."""

import dataclasses
import datetime
import io
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from medsynth.deidentify.confidentiality_table import GROUP_ROWS, load_table

ROWS, COLUMNS = 16, 12
_TEXT_VRS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_BYTE_VRS = {"OB", "UN", "US"}
# Study, series, frame of reference and patient: equal in all slices of a series.
_SHARED_TAGS = frozenset({0x0020000D, 0x0020000E, 0x00200052, 0x00100020})
_FIRST_DAY = datetime.date(1901, 1, 1)


@dataclasses.dataclass(frozen=True)
class CanaryFile:
    """A DICOM file and what must not be left of it.

    Attributes:
        content: the file's bytes.
        planted: each value as it stands in the file; no two are equal.
    """

    content: bytes
    planted: tuple[bytes, ...]


class Planter:
    """Makes values, each once, and remembers them."""

    def __init__(self, first: int = 0) -> None:
        self.planted: list[bytes] = []
        self._first = first

    def text(self) -> bytes:
        return self._remember(f"CANARY{self._number():05d}X".encode())

    def element(self, tag: int, vr: str) -> Any:
        """Make an element with a new value; sequences hold it in an item's text."""
        if vr == "SQ":
            item = Dataset()
            item[0x00080104] = raw_element(0x00080104, "LO", self.text())
            return DataElement(tag, "SQ", [item])
        return raw_element(tag, vr, self._value(vr))

    def _value(self, vr: str) -> bytes:
        number = self._number()
        day = (_FIRST_DAY + datetime.timedelta(days=number)).strftime("%Y%m%d")
        values = {
            "AS": f"{801 + number % 99:03d}D",
            "DA": day,
            "DS": f"{number}.31415926",
            "DT": f"{day}121314.{number:06d}",
            "IS": f"77{number:05d}3",
            "TM": f"121314.{number:06d}",
            "UI": f"1.2.826.0.1.3680043.9.1{number:07d}.77",
        }
        if vr in _TEXT_VRS | _BYTE_VRS:
            return self.text()
        return self._remember(values[vr].encode())

    def _number(self) -> int:
        return self._first + len(self.planted)

    def _remember(self, value: bytes) -> bytes:
        assert value not in self.planted
        self.planted.append(value)
        return value


def raw_element(tag: int, vr: str, value: bytes) -> RawDataElement:
    """Make an element that is written as it stands, right for its VR or not."""
    padding = b"\0" if vr in {"UI", "OB", "UN"} else b" "
    padded = value + padding * (len(value) % 2)
    return RawDataElement(Tag(tag), vr, len(padded), padded, 0, False, True)


def table_attributes() -> list[tuple[int, str]]:
    """List tag and VR of the table's attributes that can stand in a data set."""
    rows = [int(tag, 16) for tag in load_table().rows if tag not in GROUP_ROWS]
    return [
        (tag, dictionary_VR(tag))
        for tag in sorted(rows)
        # Commands, file meta information and directory records stand elsewhere.
        if tag >> 16 not in (0x0000, 0x0002, 0x0004) and dictionary_has_tag(tag)
    ]


def canary_series(slices: int) -> list[CanaryFile]:
    """Make a series of CT slices, each with its own values but for what a series shares."""
    files: list[CanaryFile] = []
    shared: dict[int, Any] = {}
    for number in range(slices):
        planted = sum(len(file.planted) for file in files)
        files.append(_canary_file(number + 1, Planter(planted), shared))
    return files


def canary_file() -> CanaryFile:
    """Make a CT slice with a value in each attribute of the table, at three depths, and beside."""
    return _canary_file(1, Planter(), {})


def _canary_file(slice_number: int, planter: Planter, shared: dict[int, Any]) -> CanaryFile:
    dataset = plain_slice(slice_number)
    deepest, nested = _region(), _region()
    for level in (dataset, nested, deepest):
        for tag, vr in table_attributes():
            is_shared = level is dataset and tag in _SHARED_TAGS
            if not is_shared:
                level[tag] = planter.element(tag, vr)
            else:
                if tag not in shared:
                    shared[tag] = planter.element(tag, vr)
                level[tag] = shared[tag]
    nested.AnatomicRegionModifierSequence = [deepest]
    nested.add(DataElement(0x00190010, "LO", "SOME MAKER"))
    nested[0x00191001] = planter.element(0x00191001, "LO")
    dataset.AnatomicRegionSequence = [nested]
    _plant_beside(dataset, planter)
    meta = _meta(dataset)
    meta[0x00020016] = raw_element(0x00020016, "AE", planter.text())
    meta[0x00020017] = raw_element(0x00020017, "AE", planter.text())
    meta[0x00020100] = raw_element(0x00020100, "UI", b"1.2.3")
    meta[0x00020102] = raw_element(0x00020102, "OB", planter.text())
    dataset.file_meta = meta
    dataset.preamble = (planter.text() * 11)[:128]
    return CanaryFile(file_bytes(dataset), tuple(planter.planted))


def left_in(planted: tuple[bytes, ...], content: bytes) -> list[bytes]:
    """List the values that are still in some bytes."""
    return [value for value in planted if value in content]


def keyword(tag: int) -> str:
    """Give the name of an attribute."""
    return str(keyword_for_tag(tag))


def plain_slice(slice_number: int = 1) -> Dataset:
    """Make a CT slice of the CT Image IOD without anything optional."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Modality = "CT"
    dataset.Manufacturer = "SIEMENS"
    dataset.StudyDate = dataset.ContentDate = "20190117"
    dataset.StudyTime = dataset.ContentTime = "101112"
    dataset.AccessionNumber = "A0815"
    dataset.ReferringPhysicianName = "Quillfeather^Odalys"
    dataset.PatientName = "Wigglesworth^Zebedee"
    dataset.PatientID = "MRN-4711-77"
    dataset.PatientBirthDate = "19410203"
    dataset.PatientSex = "M"
    dataset.StudyID = "S1"
    dataset.KVP = "120"
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.PatientPosition = "HFS"
    dataset.PositionReferenceIndicator = ""
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.2"
    dataset.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.3"
    dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.4.{slice_number}"
    dataset.SeriesNumber = dataset.AcquisitionNumber = 1
    dataset.InstanceNumber = slice_number
    _add_pixels(dataset, slice_number)
    dataset.file_meta = _meta(dataset)
    return dataset


def file_bytes(dataset: Dataset) -> bytes:
    """Give the bytes of a dataset as a file."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _add_pixels(dataset: Dataset, slice_number: int) -> None:
    dataset.ImagePositionPatient = [-10, -20, 2.5 * slice_number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [0.75, 0.75]
    dataset.SliceThickness = "2.5"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
    # A body of water in air, of -1000 HU.
    stored = np.full((ROWS, COLUMNS), 24, dtype="<u2")
    stored[4:12, 3:9] = 1024 + slice_number
    dataset.PixelData = stored.tobytes()


def _meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return meta


def _region() -> Dataset:
    region = Dataset()
    region.CodeValue = "818981001"
    region.CodingSchemeDesignator = "SCT"
    region.CodeMeaning = "Abdomen"
    return region


def _plant_beside(dataset: Dataset, planter: Planter) -> None:
    """Plant values in private elements, overlays and curves."""
    dataset.add(DataElement(0x00190010, "LO", "SOME MAKER"))
    dataset[0x00191001] = planter.element(0x00191001, "LO")
    dataset[0x00191002] = planter.element(0x00191002, "SQ")
    dataset.add(DataElement(0x60000010, "US", ROWS))
    dataset.add(DataElement(0x60000011, "US", COLUMNS))
    dataset[0x60003000] = raw_element(0x60003000, "OB", planter.text())
    dataset[0x60004000] = raw_element(0x60004000, "LT", planter.text())
    dataset[0x50003000] = raw_element(0x50003000, "OB", planter.text())
