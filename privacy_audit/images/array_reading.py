"""The one array of an npy or npz file, checked before it is loaded."""

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.images.decoding import refuse_too_large


def read_array(name: str, path: Path) -> NDArray[Any]:
    """Read an npy file.

    Args:
        name: what to call the image in messages.
        path: the file.

    Raises:
        AuditError: it holds other than real numbers, or too many.
        ValueError: it is no npy file, or cut off.
    """
    with path.open("rb") as stream:
        declared_bytes = _check_header(name, stream)
        # Without this, memory is taken for all that the header declares.
        if path.stat().st_size - stream.tell() < declared_bytes:
            raise ValueError("cut off")
    return np.asarray(np.load(path, allow_pickle=False))


def read_only_array(name: str, path: Path) -> NDArray[Any]:
    """Read an npz file that holds one array.

    Args:
        name: what to call the image in messages.
        path: the file.

    Raises:
        AuditError: it holds no or several arrays, other than real numbers, or too many.
        ValueError: it is no npz file, or cut off.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        if len(members) != 1:
            raise AuditError(
                f"Image {name} holds {len(members)} arrays. Expected one. Write one image a file."
            )
        with archive.open(members[0]) as stream:
            _check_header(name, stream)
        with archive.open(members[0]) as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _check_header(name: str, stream: IO[bytes]) -> int:
    """Make sure of type and size, and give the bytes of the values."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        # Later versions differ in the names of fields, which no image has.
        raise ValueError("unknown version")
    if dtype.kind not in "biuf":
        kind = "Python objects" if dtype.hasobject else f"values of type {dtype}"
        raise AuditError(f"Image {name} holds {kind}. Expected real numbers. Convert it.")
    refuse_too_large(name, shape)
    return int(np.prod(shape, dtype=np.int64)) * int(dtype.itemsize)
