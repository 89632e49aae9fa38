"""What files of weights tell: notes, strings, tensors that are pictures, state of the training.

Pickles are read as lists of instructions and never carried out.
"""

import json
import math
import pickletools
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy_audit.artefacts.findings import Finding, Inspection, Words
from privacy_audit.artefacts.text_artefacts import find_patterns
from privacy_audit.artefacts.unpacking import UNPACKING_ERRORS
from privacy_audit.artefacts.wording import unknown_words

WEIGHTS_ERRORS = (*UNPACKING_ERRORS, AttributeError, RecursionError, TypeError, struct.error)
"""What the reading of broken weights raises."""

SMOOTHNESS_OF_PICTURES = 0.75
"""Neighbouring values of a picture correlate more than this along rows and along columns; those
of weights seldom do."""

_LONGEST_HEADER = 2**26
_LARGEST_PICKLE = 2**28
_SMALLEST_SIDE = 32
_SIDE_OF_PICTURES = 48
_MOST_PLANES = 8
_TRAINING_NAMES = re.compile(
    r"(?:^|[._/\s])(?:exp_avg(?:_sq)?|momentum_buffer|optimi[sz]ers?(?:_state(?:_dict)?)?|optim"
    r"|param_groups|replay(?:_\w+)?|image_pool|\w*_pool_images|history_images|previews?"
    r"|data_?sampler|sampler_state|dataset(?:_state)?|dataloader|rng_state|train_images"
    r"|image_buffer|samples)(?:$|[._/\s])"
)
_DTYPES: Mapping[str, str] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "U16": "<u2",
    "U32": "<u4",
    "U64": "<u8",
    "BOOL": "u1",
}


def is_safetensors(beginning: bytes, size: int) -> bool:
    """Whether bytes begin as a safetensors file of this size does."""
    length = int.from_bytes(beginning[:8], "little")
    return beginning[8:9] == b"{" and 2 <= length <= size - 8


def inspect_safetensors(file: str, place: str, path: Path) -> Inspection:
    """Inspect the notes, names and tensors of a safetensors file.

    Args:
        file: as in `Finding`.
        place: as in `Finding`.
        path: the file.

    Raises:
        WEIGHTS_ERRORS: the header is broken.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > _LONGEST_HEADER:
            raise ValueError("The header is too long.")
        header: dict[str, Any] = json.loads(stream.read(length).decode("utf-8"))
    findings: list[Finding] = []
    words: list[Words] = []
    notes = header.pop("__metadata__", None) or {}
    for number, (key, note) in enumerate(sorted(notes.items()), start=1):
        found = _inspect_note(file, f"{place}note {number}", f"{key}: {note}")
        findings += found.findings
        words += found.words
    start = 8 + length
    end = start
    for number, (name, entry) in enumerate(sorted(header.items()), start=1):
        low, high = (start + int(offset) for offset in entry["data_offsets"])
        end = max(end, high)
        where = f"{place}tensor {number}"
        findings += _findings_of_name(file, where, name)
        values = _tensor(path, low, high, entry)
        if _is_image(tuple(int(extent) for extent in entry["shape"]), values):
            findings.append(Finding(file, where, "image_tensor"))
    if end < size:
        findings.append(Finding(file, f"{place}byte {end}", "extra_bytes"))
    elif end > size:
        findings.append(Finding(file, f"{place}tensors", "not_readable"))
    return Inspection(tuple(findings), tuple(words), dense=((start, size),))


def inspect_pickle(file: str, place: str, path: Path) -> Inspection:
    """Inspect the strings and shapes of a pickle without carrying out its instructions.

    Raises:
        WEIGHTS_ERRORS: the file is broken or too large.
    """
    size = path.stat().st_size
    if size > _LARGEST_PICKLE:
        raise ValueError("The pickle is too large.")
    content = path.read_bytes()
    findings: set[Finding] = set()
    ends = 0
    while ends < size and content[ends : ends + 1] == b"\x80":
        for offset, argument in _instructions(content[ends:]):
            where = f"{place}byte {ends + offset}"
            if isinstance(argument, str):
                findings.update(Finding(file, where, kind) for _, kind in find_patterns(argument))
                findings.update(_findings_of_name(file, where, argument))
            elif isinstance(argument, tuple) and _is_shape_of_images(argument):
                findings.add(Finding(file, where, "image_tensor"))
            elif argument is None:
                ends += offset + 1
    if ends < size and b"torch" not in content:
        findings.add(Finding(file, f"{place}byte {ends}", "extra_bytes"))
    dense = _byte_strings(content[:ends])
    return Inspection(tuple(sorted(findings)), dense=(*dense, (ends, size)))


def holds_image(values: NDArray[Any]) -> bool:
    """Whether numbers lie beside each other as smoothly as in pictures.

    Args:
        values: (..., rows, columns); up to eight planes are looked at.
    """
    rows, columns = values.shape[-2:]
    planes = values.reshape(-1, rows, columns)
    chosen = np.linspace(0, len(planes) - 1, min(_MOST_PLANES, len(planes))).astype(int)
    return any(_smoothness(planes[index]) > SMOOTHNESS_OF_PICTURES for index in chosen)


def _smoothness(plane: NDArray[Any]) -> float:
    """Give the smaller correlation of neighbours along rows and along columns; 0 where flat."""
    values = np.nan_to_num(plane.astype(np.float64))
    values = values - values.mean()
    spread = float((values**2).mean())
    if spread <= 0 or not np.isfinite(spread):
        return 0.0
    along_rows = float((values[:, 1:] * values[:, :-1]).mean()) / spread
    along_columns = float((values[1:] * values[:-1]).mean()) / spread
    return min(along_rows, along_columns)


def _inspect_note(file: str, place: str, text: str) -> Inspection:
    findings = [Finding(file, place, kind) for _, kind in find_patterns(text)]
    findings += _findings_of_name(file, place, text.split(":", maxsplit=1)[0])
    unknown = tuple(word for word in unknown_words(text) if not word.isdigit())
    return Inspection(
        tuple(sorted(set(findings))), (Words(file, place, file, unknown),) if unknown else ()
    )


def _findings_of_name(file: str, place: str, name: str) -> list[Finding]:
    return [Finding(file, place, "training_state")] if _TRAINING_NAMES.search(name) else []


def _tensor(path: Path, low: int, high: int, entry: Mapping[str, Any]) -> NDArray[Any] | None:
    """Map a tensor's numbers; None where they are of a type that has no counterpart."""
    kind = _DTYPES.get(str(entry["dtype"]))
    shape = tuple(int(extent) for extent in entry["shape"])
    if str(entry["dtype"]) == "BF16":
        kind = "<u2"
    if kind is None or len(shape) < 2 or min(shape) < 1 or high > path.stat().st_size:
        return None
    if math.prod(shape) * np.dtype(kind).itemsize != high - low:
        raise ValueError("A tensor's bytes do not fit its shape.")
    values: NDArray[Any] = np.memmap(path, dtype=kind, mode="r", offset=low, shape=shape)
    if str(entry["dtype"]) == "BF16":
        # The upper half of a float32.
        return (np.asarray(values).astype(np.uint32) << 16).view(np.float32)
    return values


def _is_image(shape: tuple[int, ...], values: NDArray[Any] | None) -> bool:
    if _is_shape_of_images(shape):
        return True
    if values is None or len(shape) < 2:
        return False
    if min(shape[-2:]) >= _SMALLEST_SIDE and holds_image(values):
        return True
    # Pictures laid out flat, one a row.
    side = math.isqrt(shape[-1])
    is_square = side >= _SMALLEST_SIDE and side * side == shape[-1]
    return is_square and holds_image(values.reshape(-1, side, side))


def _is_shape_of_images(shape: tuple[Any, ...]) -> bool:
    """Whether three or more extents end with a plane larger than any kernel."""
    return len(shape) >= 3 and min(shape[-2:]) >= _SIDE_OF_PICTURES


def _instructions(content: bytes) -> Iterator[tuple[int, str | tuple[int, ...] | None]]:
    """Give the strings and tuples of numbers of one pickle; None at its end."""
    numbers: list[int] = []
    for operation, argument, position in pickletools.genops(content):
        offset = position or 0
        if isinstance(argument, bool) or operation.name == "MARK":
            numbers = []
        elif isinstance(argument, int) and "INT" in operation.name:
            numbers.append(argument)
        elif operation.name.startswith("TUPLE"):
            # TUPLE1 to TUPLE3 take that many, TUPLE all since the mark.
            count = int(operation.name[5:] or len(numbers))
            yield offset, tuple(numbers[-count:])
            numbers = []
        elif isinstance(argument, str) and operation.name not in {"GLOBAL", "INST"}:
            numbers = []
            yield offset, argument
        elif operation.name == "STOP":
            yield offset, None


def _byte_strings(content: bytes) -> tuple[tuple[int, int], ...]:
    """Give the places of raw numbers in a pickle."""
    found = []
    for operation, argument, position in pickletools.genops(content) if content else ():
        if isinstance(argument, (bytes, bytearray)) and position is not None:
            found.append((position, position + len(argument) + 9))
        if operation.name == "STOP":
            break
    return tuple(found)
