"""What DICOM files tell beside their pixels.

Whatever is not on the allow list is a finding if it has content: a list of
what is forbidden would miss the attributes that nobody thought of.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from pydicom.errors import InvalidDicomError

from medsynth.imaging.dicom_guard import GuardLimits, check_file
from medsynth.imaging.file_reason import FileReason
from privacy_audit.artefacts.dicom_allow_list import (
    ALLOWED_KEYWORDS,
    ALLOWED_META,
    CURVE_GROUPS,
    EMPTY_DATES,
    ICC_TAG,
    ICON_TAG,
    IDENTITY_KEYWORDS,
    IMPLEMENTATION_NAMES,
    OVERLAY_GROUPS,
    PADDING_TAG,
    PIXEL_TAGS,
)
from privacy_audit.artefacts.findings import Finding, Grid, Inspection, Words, not_readable
from privacy_audit.artefacts.text_artefacts import find_patterns, is_generated_uid
from privacy_audit.artefacts.unpacking import UNPACKING_ERRORS, inflate
from privacy_audit.artefacts.wording import is_long_number, is_made_up, unknown_words

READING_ERRORS = (*UNPACKING_ERRORS, AttributeError, InvalidDicomError, RecursionError, TypeError)
"""What pydicom raises on broken files."""

_LARGEST_FILE_BYTES = 2**30
_LARGEST_DEFLATED_BYTES = 2**28
_DEFLATED_SYNTAX = "1.2.840.10008.1.2.1.99"
_SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_DATE_VRS = frozenset({"DA", "TM", "DT", "AS"})
_NUMBER_VRS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"})
_BYTE_VRS = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN", "OB or OW", "US or SS or OW"})
_LONG_LENGTH_VRS = frozenset({b"OB", b"OW", b"UN", b"SQ", b"UT"})
_LARGEST_COUNTER = 99_999
_DEEPEST_SEQUENCE = 32


def is_dicom_file(path: Path) -> bool:
    """Whether a file begins as DICOM with a preamble does."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def inspect_dicom(file: str, place: str, path: Path) -> Inspection:
    """Inspect the header of a DICOM file, its preamble and what follows its pixels.

    Args:
        file: as in `Finding`.
        place: as in `Finding`.
        path: the file; nothing in it is decoded before its structure was found to be bounded.
    """
    limits = GuardLimits(file_bytes=_LARGEST_FILE_BYTES, inflated_pixel_bytes=2**27)
    if check_file(path, limits).reason not in {FileReason.READABLE, FileReason.MEDIA_DIRECTORY}:
        return not_readable(file, f"{place}DICOM structure")
    try:
        content = path.read_bytes()
        inflated = _inflated(path, content)
        dataset = pydicom.dcmread(io.BytesIO(inflated or content), force=True)
        findings = [*_findings_of_frame(file, place, dataset)]
        words: list[Words] = []
        unit = str(dataset.get("PatientID", "")) or file
        for where, element in _elements(dataset, ""):
            found = _inspect_element(file, f"{place}{where}", element, unit)
            findings += found.findings
            words += found.words
        findings += _findings_of_kind(file, place, dataset)
        findings += _findings_of_pixels(file, place, dataset)
        findings += _findings_of_end(file, place, dataset, len(inflated or content))
        grids = (
            () if "SharedFunctionalGroupsSequence" in dataset else grids_of_dataset(file, dataset)
        )
        dense = () if inflated else _dense(dataset, len(content))
    except READING_ERRORS:
        return not_readable(file, f"{place}DICOM header")
    texts = ((f"{place}inflated data set > ", inflated),) if inflated else ()
    return Inspection(tuple(findings), tuple(words), grids, dense, texts)


def _inflated(path: Path, content: bytes) -> bytes | None:
    """Give a deflated file as it would be without deflation; None where it is not deflated."""
    meta = pydicom.filereader.read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != _DEFLATED_SYNTAX:
        return None
    length = _end_of_meta(content)
    body = inflate(content[length:], wbits=-15, longest=_LARGEST_DEFLATED_BYTES)
    head = content[:length].replace(_DEFLATED_SYNTAX.encode(), b"1.2.840.10008.1.2.1\0\0\0")
    return head + body


def _end_of_meta(content: bytes) -> int:
    """Give where the last element of group 0002 ends; the group is always explicit and little."""
    position = 132
    while content[position : position + 2] == b"\2\0":
        if content[position + 4 : position + 6] in _LONG_LENGTH_VRS:
            position += 12 + int.from_bytes(content[position + 8 : position + 12], "little")
        else:
            position += 8 + int.from_bytes(content[position + 6 : position + 8], "little")
    return position


def _findings_of_frame(file: str, place: str, dataset: Any) -> Iterator[Finding]:
    """Look at what stands before the data set."""
    if (getattr(dataset, "preamble", None) or b"").strip(b"\0"):
        yield Finding(file, f"{place}preamble", "preamble")
    for element in dataset.file_meta:
        name = f"{place}{_name_of(element.tag)}"
        # Implementation Version Name and, where libraries put theirs, the source's title.
        if element.tag in {0x00020013, 0x00020016}:
            if element.value and not str(element.value).upper().startswith(IMPLEMENTATION_NAMES):
                yield Finding(file, name, "file_meta")
        elif element.tag not in ALLOWED_META and not _is_empty(element.value):
            yield Finding(file, name, "file_meta")


def _elements(dataset: Any, where: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Give all elements with their places, those in sequences too."""
    if depth > _DEEPEST_SEQUENCE:
        raise ValueError("Sequences are nested too deeply.")
    for tag in sorted(dataset.keys()):
        name = f"{where}{_name_of(tag)}"
        element = dataset[tag]
        yield name, element
        if element.VR == "SQ":
            for number, item in enumerate(element.value, start=1):
                yield from _elements(item, f"{name} item {number} > ", depth + 1)


def _inspect_element(file: str, place: str, element: Any, unit: str) -> Inspection:
    kind = _special_kind(int(element.tag))
    if element.VR == "SQ" or _is_empty(element.value):
        # An icon is a sequence; the words in it are told as well.
        kind = kind if kind == "icon" and len(element.value or ()) else None
        return Inspection((Finding(file, place, kind),) if kind else ())
    if kind is None:
        kind = _kind_of_value(element)
    if kind is None:
        return _inspect_content(file, place, element, unit)
    return Inspection((Finding(file, place, kind),) if kind else ())


def _kind_of_value(element: Any) -> str | None:
    """Give the kind of finding, "" for none; None where words and numbers must be looked at."""
    keyword = keyword_for_tag(element.tag)
    values = [str(value) for value in _values(element.value)]
    if element.VR == "UI":
        return "" if all(map(is_generated_uid, values)) else "uid"
    if element.VR in _DATE_VRS:
        kind = "attribute" if element.VR == "AS" else "date_or_time"
        return "" if EMPTY_DATES.issuperset(values) else kind
    if keyword in IDENTITY_KEYWORDS:
        return "" if all(map(is_made_up, values)) else "identity"
    return None if keyword in ALLOWED_KEYWORDS else "attribute"


def _special_kind(tag: int) -> str | None:
    """Give the kind of a private, outdated or unknown element; None for others."""
    group = tag >> 16
    kind = None
    if group % 2:
        kind = "private_tag"
    elif group in OVERLAY_GROUPS:
        kind = "overlay"
    elif group in CURVE_GROUPS:
        kind = "curve"
    elif tag == ICON_TAG:
        kind = "icon"
    elif tag == ICC_TAG:
        kind = "icc_profile"
    elif tag == PADDING_TAG or not (dictionary_has_tag(tag) or tag & 0xFFFF == 0):
        kind = "extra_bytes"
    return kind


def _inspect_content(file: str, place: str, element: Any, unit: str) -> Inspection:
    """Look at the words and numbers of an attribute that may have content."""
    if element.VR in _NUMBER_VRS or element.VR in _BYTE_VRS or element.VR == "DS":
        return Inspection()
    if element.VR == "IS":
        is_long = any(abs(int(value)) > _LARGEST_COUNTER for value in _values(element.value))
        return Inspection((Finding(file, place, "number"),) if is_long else ())
    text = "\n".join(str(value) for value in _values(element.value))
    kinds = {kind for _, kind in find_patterns(text)}
    if is_long_number(text) and "date_or_time" not in kinds and element.keyword != "CodeValue":
        kinds.add("number")
    unknown = tuple(word for word in unknown_words(text) if not word.isdigit())
    return Inspection(
        findings=tuple(Finding(file, place, kind) for kind in sorted(kinds)),
        words=(Words(file, place, unit, unknown),) if unknown else (),
    )


def _findings_of_kind(file: str, place: str, dataset: Any) -> Iterator[Finding]:
    kinds = [str(value) for value in _values(dataset.get("ImageType") or [])]
    # A segmentation is DERIVED and PRIMARY by definition.
    is_segmentation = str(dataset.get("SOPClassUID", "")) in _SEGMENTATION_CLASSES
    if "ORIGINAL" in kinds or ("PRIMARY" in kinds and not is_segmentation):
        yield Finding(file, f"{place}{_name_of(0x00080008)}", "image_type")
    if str(dataset.get("BurnedInAnnotation", "")) == "YES":
        yield Finding(file, f"{place}{_name_of(0x00280301)}", "burned_in_flag")


def _findings_of_pixels(file: str, place: str, dataset: Any) -> Iterator[Finding]:
    """Look for bytes behind the last pixel and for bits above the highest."""
    data = dataset.get("PixelData")
    is_plain = not pydicom.uid.UID(dataset.file_meta.get("TransferSyntaxUID", "")).is_compressed
    allocated = int(dataset.get("BitsAllocated") or 0)
    if not isinstance(data, bytes) or not is_plain or allocated not in {8, 16, 32}:
        return
    samples = int(dataset.get("SamplesPerPixel") or 1) * int(dataset.get("NumberOfFrames") or 1)
    needed = int(dataset.Rows) * int(dataset.Columns) * samples * allocated // 8
    where = f"{place}{_name_of(0x7FE00010)}"
    if len(data) > needed + needed % 2 and data[needed:].strip(b"\0"):
        yield Finding(file, f"{where}, behind the last pixel", "extra_bytes")
    stored = int(dataset.get("BitsStored") or allocated)
    if stored < allocated and not dataset.get("PixelRepresentation"):
        is_little = dataset.original_encoding[1] is not False
        kind = f"{'<' if is_little else '>'}u{allocated // 8}"
        if (np.frombuffer(data[:needed], dtype=kind) >> stored).any():
            yield Finding(file, f"{where}, bits above Bits Stored", "extra_bytes")


def _findings_of_end(file: str, place: str, dataset: Any, size: int) -> Iterator[Finding]:
    """Look for bytes behind the last element that are too few to be read as one."""
    last = max(
        (dataset.get_item(tag) for tag in list(dataset.keys())),
        key=lambda element: getattr(element, "value_tell", None) or element.file_tell or 0,
        default=None,
    )
    # What is no longer raw has been decoded, and its length with it.
    tell = getattr(last, "file_tell", None) if last is not None else None
    if last is None or tell is None or int(last.tag) not in PIXEL_TAGS:
        return
    value = last.value or b""
    ending = 8 if getattr(last, "is_undefined_length", False) else 0
    if size - (tell + len(value) + ending) >= 1:
        yield Finding(file, f"{place}behind the last element", "extra_bytes")


def _dense(dataset: Any, size: int) -> tuple[tuple[int, int], ...]:
    for tag in PIXEL_TAGS:
        if tag in dataset:
            element = dataset.get_item(tag)
            start = int(getattr(element, "value_tell", None) or element.file_tell or 0)
            return ((start, min(size, start + len(element.value or b""))),)
    return ()


def grids_of_dataset(file: str, dataset: Any) -> tuple[Grid, ...]:
    """Give where the pixels of one slice lie; nothing where the header does not say."""
    position = _numbers(dataset.get("ImagePositionPatient"), 3)
    cosines = _numbers(dataset.get("ImageOrientationPatient"), 6)
    spacing = _numbers(dataset.get("PixelSpacing"), 2)
    if position is None or cosines is None or spacing is None:
        return ()
    gap = dataset.get("SpacingBetweenSlices") or dataset.get("SliceThickness") or 0
    unit = str(dataset.get("SeriesInstanceUID", "")) or file
    normal = np.cross(cosines[:3], cosines[3:])
    return (
        Grid(
            file,
            unit,
            (spacing[0], spacing[1], float(gap)),
            (0, int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)),
            (position[0], position[1], position[2]),
            (cosines[0], cosines[1], cosines[2], cosines[3], cosines[4], cosines[5]),
            (float(normal[0]), float(normal[1]), float(normal[2])),
        ),
    )


def _numbers(value: Any, count: int) -> list[float] | None:
    numbers = [] if value is None else [float(number) for number in _values(value)]
    return numbers if len(numbers) == count else None


def _values(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple, pydicom.multival.MultiValue)) else (value,)


def _is_empty(value: Any) -> bool:
    if value is None or isinstance(value, (int, float)):
        return value is None
    if isinstance(value, bytes):
        return not value.strip(b"\0 ")
    if isinstance(value, pydicom.sequence.Sequence):
        return not len(value)
    return not str(value).strip("\0 ^=")


def _name_of(tag: int) -> str:
    number = int(tag)
    keyword = keyword_for_tag(number) or "unknown"
    return f"({number >> 16:04X},{number & 0xFFFF:04X}) {keyword}"
