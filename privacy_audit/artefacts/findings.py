"""What an inspection of a file found, in words that repeat nothing of what was found."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """A trace of a real patient or site, or something that cannot be cleared of being one.

    Attributes:
        file: path within the folder that was inspected; parts that are themselves findings
            are replaced by their number.
        place: where in the file: an attribute, a field, a byte offset, a member's number.
        kind: what it is, one of `KINDS`.
    """

    file: str
    place: str
    kind: str


KINDS: dict[str, str] = {
    "private_entry": "an entry of the private list",
    "real_trace": "a name, number or date out of a real image's header",
    "real_uid": "a unique identifier of a real image",
    "attribute": "an attribute with content that a synthetic image has no use for",
    "identity": "a name or number that does not look like a made-up one",
    "date_or_time": "a date or time",
    "text": "words of unknown origin that few patients share",
    "number": "a number long enough to be a record's",
    "uid": "a unique identifier under a scanner's or site's root",
    "path": "an absolute path",
    "email": "an e-mail address",
    "field_name": "a field named for a person's particulars",
    "private_tag": "a private element",
    "file_meta": "file meta information that names a site",
    "preamble": "bytes in the preamble",
    "overlay": "an overlay",
    "curve": "a curve",
    "icon": "an icon image",
    "icc_profile": "a colour profile",
    "image_type": "an image that calls itself original",
    "burned_in_flag": "an image that says of itself that text is burned in",
    "extra_bytes": "bytes that belong to no part of the format",
    "extension": "a header extension",
    "origin": "a position in a scanner's own frame",
    "geometry": "the exact grid of a real image",
    "burned_in_text": "rows of small sharp marks like written text",
    "time_stamp": "a time stamp",
    "file_name": "a name of a file or folder that is neither made up nor made of known words",
    "original_name": "the name a file had before",
    "comment": "a comment",
    "owner": "a user's or group's name",
    "metadata": "a block of metadata (EXIF, XMP, GPS or the like)",
    "pickled_object": "pickled objects among arrays",
    "image_tensor": "a tensor that holds or is shaped like images",
    "training_state": "state of the training (optimiser, replay pool, sampler, previews)",
    "link": "a link out of the folder",
    "not_readable": "something that cannot be read and so cannot be cleared",
}
"""Kind of finding -> what it is, for the reader."""


@dataclasses.dataclass(frozen=True)
class Words:
    """Words of a free text that no list of ours knows.

    A word that many patients share singles out none of them, so that the whole
    folder decides.

    Attributes:
        file: as in `Finding`.
        place: as in `Finding`.
        unit: the patient or, where there is none, the file.
        unknown: the words, folded to lower case.
        kind: kind of the finding that they become.
    """

    file: str
    place: str
    unit: str
    unknown: tuple[str, ...] = dataclasses.field(repr=False)
    kind: str = "text"


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where an image's voxels lie.

    Attributes:
        file: as in `Finding`.
        unit: the patient or, where there is none, the series or file.
        spacing_mm: (row, column, slice); 0 where unknown.
        shape: (slices, rows, columns); slices is 0 where one file is one slice.
        origin_mm: centre of the first voxel, in a frame to the left, back and head (LPS).
        cosines: direction cosines of rows and of columns, LPS.
        normal: direction from one slice to the next, LPS.
    """

    file: str
    unit: str
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    origin_mm: tuple[float, float, float]
    cosines: tuple[float, float, float, float, float, float]
    normal: tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Part:
    """Something packed in a file that is to be inspected as a file.

    Attributes:
        place: where it lies in the file that holds it.
        path: a temporary file with its content.
        name: its own name, which decides on suffixes only.
    """

    place: str
    path: Path
    name: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What one reader made of one file.

    Attributes:
        findings: hits.
        words: free texts for the folder to decide on.
        grids: the geometry of the images in it.
        dense: byte ranges of numbers or compressed data, where three letters in a row
            mean nothing.
        texts: (place, bytes) pulled out of compressed fields, to be searched as text.
        numbers: (place, bytes) the same, to be searched as numbers.
        embedded: (place, bytes) files within a text, to be inspected as files.
    """

    findings: tuple[Finding, ...] = ()
    words: tuple[Words, ...] = ()
    grids: tuple[Grid, ...] = ()
    dense: tuple[tuple[int, int], ...] = ()
    texts: tuple[tuple[str, bytes], ...] = dataclasses.field(default=(), repr=False)
    numbers: tuple[tuple[str, bytes], ...] = dataclasses.field(default=(), repr=False)
    embedded: tuple[tuple[str, bytes], ...] = dataclasses.field(default=(), repr=False)


def not_readable(file: str, place: str) -> Inspection:
    """Say that something cannot be cleared."""
    return Inspection(findings=(Finding(file, place, "not_readable"),))
