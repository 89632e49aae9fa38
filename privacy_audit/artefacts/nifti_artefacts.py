"""What NIfTI headers tell: free fields, what is left behind in them, extensions, stray bytes."""

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privacy_audit.artefacts.findings import Finding, Grid, Inspection, Words
from privacy_audit.artefacts.text_artefacts import find_patterns
from privacy_audit.artefacts.wording import is_long_number, unknown_words

_HEADER_BYTES = (348, 540)


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Where a version of the format keeps its fields: name -> (first byte, behind the last)."""

    texts: tuple[tuple[str, int, int], ...]
    dim: tuple[str, int]
    bit_depth: int
    offset: tuple[str, int]
    sform: tuple[str, int]
    pixdim: tuple[str, int]
    codes: tuple[str, int]
    quaternion: tuple[str, int]


_FIRST = _Layout(
    (
        ("data_type", 4, 14),
        ("db_name", 14, 32),
        ("descrip", 148, 228),
        ("aux_file", 228, 252),
        ("intent_name", 328, 344),
    ),
    ("8h", 40),
    72,
    ("f", 108),
    ("12f", 280),
    ("8f", 76),
    ("2h", 252),
    ("6f", 256),
)
_SECOND = _Layout(
    (
        ("descrip", 240, 320),
        ("aux_file", 320, 344),
        ("intent_name", 508, 524),
        ("unused_str", 525, 540),
    ),
    ("8q", 16),
    14,
    ("q", 168),
    ("12d", 400),
    ("8d", 104),
    ("2i", 344),
    ("6d", 352),
)


def is_nifti_header(beginning: bytes) -> bool:
    """Whether bytes begin as a NIfTI file does."""
    if len(beginning) < 348:
        return False
    sizes = {int.from_bytes(beginning[:4], "little"), int.from_bytes(beginning[:4], "big")}
    magic = beginning[4:8] if 540 in sizes else beginning[344:348]
    return bool(sizes & set(_HEADER_BYTES)) and magic[:3] in {b"n+1", b"ni1", b"n+2", b"ni2"}


def inspect_nifti(file: str, place: str, path: Path) -> Inspection:
    """Inspect the header of an unpacked NIfTI file.

    Args:
        file: as in `Finding`.
        place: as in `Finding`.
        path: the file.

    Raises:
        OSError, ValueError, struct.error, OverflowError: the header is broken.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        header = stream.read(544)
    order = "<" if int.from_bytes(header[:4], "little") in _HEADER_BYTES else ">"
    is_second = struct.unpack_from(f"{order}i", header, 0)[0] == 540
    layout = _SECOND if is_second else _FIRST
    is_single = header[4:8] == b"n+2" + header[7:8] if is_second else header[344:347] == b"n+1"
    findings: list[Finding] = []
    words: list[Words] = []
    for name, first, behind in layout.texts:
        found = _inspect_field(file, f"{place}{name}", header[first:behind])
        findings += found.findings
        words += found.words
    start = size
    if is_single:
        start = int(struct.unpack_from(order + layout.offset[0], header, layout.offset[1])[0])
        header_bytes = 540 if is_second else 348
        findings += _findings_of_gap(file, place, path, (header_bytes, max(start, header_bytes)))
        start = max(start, header_bytes)
        behind = start + _data_bytes(header, layout, order)
        if behind < size:
            findings.append(Finding(file, f"{place}byte {behind}", "extra_bytes"))
        elif behind > size:
            findings.append(Finding(file, f"{place}image data", "not_readable"))
    return Inspection(
        tuple(findings),
        tuple(words),
        grids_of_header(file, header),
        ((start, size),) if is_single else (),
    )


def _inspect_field(file: str, place: str, field: bytes) -> Inspection:
    text, _, behind = field.partition(b"\0")
    written = text.decode("latin-1").strip()
    kinds = {kind for _, kind in find_patterns(written)}
    if is_long_number(written) and not kinds:
        kinds.add("number")
    if behind.strip(b"\0 "):
        kinds.add("extra_bytes")
    unknown = tuple(word for word in unknown_words(written) if not word.isdigit())
    return Inspection(
        findings=tuple(Finding(file, place, kind) for kind in sorted(kinds)),
        words=(Words(file, place, file, unknown),) if unknown else (),
    )


def _findings_of_gap(
    file: str, place: str, path: Path, between: tuple[int, int]
) -> Iterator[Finding]:
    """Look at the bytes between the header and the data, where extensions lie."""
    start, end = between
    with path.open("rb") as stream:
        stream.seek(start)
        gap = stream.read(min(end - start, 2**20))
    if gap[:1] not in {b"", b"\0"}:
        yield Finding(file, f"{place}byte {start + 4}", "extension")
    elif gap.strip(b"\0"):
        yield Finding(file, f"{place}byte {start}", "extra_bytes")


def _data_bytes(header: bytes, layout: _Layout, order: str) -> int:
    dim = struct.unpack_from(order + layout.dim[0], header, layout.dim[1])
    (bits,) = struct.unpack_from(f"{order}h", header, layout.bit_depth)
    if not 1 <= dim[0] <= 7 or any(extent < 1 for extent in dim[1 : dim[0] + 1]) or bits < 1:
        raise ValueError("The header gives no shape.")
    voxels = 1
    for extent in dim[1 : dim[0] + 1]:
        voxels *= int(extent)
    return (voxels * int(bits) + 7) // 8


def grids_of_header(file: str, header: bytes) -> tuple[Grid, ...]:
    """Give where the voxels lie, from the first 540 bytes of an unpacked file.

    Raises:
        struct.error: there are too few bytes.
    """
    order = "<" if int.from_bytes(header[:4], "little") in _HEADER_BYTES else ">"
    layout = _SECOND if struct.unpack_from(f"{order}i", header, 0)[0] == 540 else _FIRST
    dim = struct.unpack_from(order + layout.dim[0], header, layout.dim[1])
    affine = _affine(header, layout, order)
    if affine is None:
        return ()
    # From right, front, head to left, back, head.
    affine = np.diag([-1.0, -1.0, 1.0]) @ affine
    steps = np.linalg.norm(affine[:, :3], axis=0)
    cosines = affine[:, :3] / np.where(steps > 0, steps, 1.0)
    columns, rows, slices = (int(extent) for extent in dim[1:4])
    return (
        Grid(
            file,
            file,
            (float(steps[1]), float(steps[0]), float(steps[2])),
            (slices if dim[0] > 2 else 1, rows, columns),
            (float(affine[0, 3]), float(affine[1, 3]), float(affine[2, 3])),
            (
                float(cosines[0, 0]),
                float(cosines[1, 0]),
                float(cosines[2, 0]),
                float(cosines[0, 1]),
                float(cosines[1, 1]),
                float(cosines[2, 1]),
            ),
            (float(cosines[0, 2]), float(cosines[1, 2]), float(cosines[2, 2])),
        ),
    )


def _affine(header: bytes, layout: _Layout, order: str) -> NDArray[np.float64] | None:
    """Give (3, 4), mm, from the sform or else the qform."""
    qform, sform = struct.unpack_from(order + layout.codes[0], header, layout.codes[1])
    pixdim = struct.unpack_from(order + layout.pixdim[0], header, layout.pixdim[1])
    if sform > 0:
        values = struct.unpack_from(order + layout.sform[0], header, layout.sform[1])
        affine = np.array(values, dtype=np.float64).reshape(3, 4)
    elif qform > 0:
        b, c, d, *origin = struct.unpack_from(
            order + layout.quaternion[0], header, layout.quaternion[1]
        )
        affine = _from_quaternion(b, c, d, pixdim)
        affine[:, 3] = origin
    else:
        affine = np.zeros((3, 4))
        affine[:, :3] = np.diag([abs(step) for step in pixdim[1:4]])
    return affine if np.isfinite(affine).all() else None


def _from_quaternion(
    b: float, c: float, d: float, pixdim: tuple[float, ...]
) -> NDArray[np.float64]:
    """Give the affine of a unit quaternion whose first part is left out.

    Source: nifti1.h of the NIfTI-1 standard, method 2.
    """
    a = float(np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d))))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    affine = np.zeros((3, 4))
    sign = -1.0 if pixdim[0] < 0 else 1.0
    affine[:, :3] = turn * np.array([pixdim[1], pixdim[2], sign * pixdim[3]])
    return affine
