"""What is packed in archives and compressed files, unpacked within bounds.

Nothing is written under a name that an archive gives, and nothing grows
beyond its bounds however well it was compressed.
"""

import bz2
import dataclasses
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from privacy_audit.artefacts.findings import Part

_CHUNK_BYTES = 2**20
UNPACKING_ERRORS = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the unpackers raise on broken archives, and `TooLargeError`."""


class TooLargeError(ValueError):
    """An archive holds more than its bounds allow."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How far archives are unpacked.

    Attributes:
        depth: archives within archives.
        members: files in one archive.
        unpacked_bytes: what one file of the folder may come to, with all that is in it.
    """

    depth: int = 4
    members: int = 20_000
    unpacked_bytes: int = 2**32


class Allowance:
    """The bytes that one file of the folder may still come to; shared by all its members."""

    def __init__(self, allowed_bytes: int) -> None:
        """Begin with the whole allowance."""
        self._left_bytes = allowed_bytes

    def take(self, byte_count: int) -> None:
        """Use some of it.

        Raises:
            TooLargeError: there is less left.
        """
        self._left_bytes -= byte_count
        if self._left_bytes < 0:
            raise TooLargeError("The unpacked content exceeds its bound.")


def unpack_gzip(path: Path, into: Path, allowance: Allowance) -> int:
    """Unpack all members of a gzip file into one file.

    Returns:
        How many bytes at the end belong to no member.

    Raises:
        UNPACKING_ERRORS: the file is broken or too large.
    """
    with path.open("rb") as packed, into.open("wb") as unpacked:
        data = packed.read(_CHUNK_BYTES)
        while data:
            member = zlib.decompressobj(wbits=31)
            data = _inflate_member(member, data, packed, unpacked, allowance)
            if data and not data.startswith(b"\x1f\x8b"):
                return len(data) + sum(len(rest) for rest in _chunks_of(packed))
    return 0


def unpack_stream(path: Path, into: Path, allowance: Allowance, *, kind: str) -> None:
    """Unpack a bzip2 or xz file.

    Args:
        path: the file.
        into: receives the content.
        allowance: bounds it.
        kind: "bz2" or "xz".

    Raises:
        UNPACKING_ERRORS: the file is broken or too large.
    """
    openers: dict[str, Callable[[Path], IO[bytes]]] = {"bz2": bz2.BZ2File, "xz": lzma.LZMAFile}
    with openers[kind](path) as packed, into.open("wb") as unpacked:
        _copy(packed, unpacked, allowance)


def unpack_zip(path: Path, folder: Path, bounds: Bounds, allowance: Allowance) -> Iterator[Part]:
    """Unpack the members of a zip file one after the other; each is removed behind its use.

    Raises:
        UNPACKING_ERRORS: the file is broken, encrypted or too large.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > bounds.members:
            raise TooLargeError("The archive has too many members.")
        for number, member in enumerate(members, start=1):
            if not member.is_dir():
                with archive.open(member) as packed:
                    yield from _spooled(packed, folder, number, member.filename, allowance)


def unpack_tar(path: Path, folder: Path, bounds: Bounds, allowance: Allowance) -> Iterator[Part]:
    """Unpack the files of a plain tar file one after the other; each is removed behind its use.

    Raises:
        UNPACKING_ERRORS: the file is broken or too large.
    """
    with tarfile.open(path, "r:") as archive:
        for number, member in enumerate(archive, start=1):
            if number > bounds.members:
                raise TooLargeError("The archive has too many members.")
            packed = archive.extractfile(member) if member.isreg() else None
            if packed is not None:
                with packed:
                    yield from _spooled(packed, folder, number, member.name, allowance)


def inflate(data: bytes, *, wbits: int, longest: int) -> bytes:
    """Inflate bytes that were deflated.

    Args:
        data: the compressed bytes; what follows their end is passed over.
        wbits: as in `zlib.decompressobj`.
        longest: bytes that the result may have.

    Raises:
        UNPACKING_ERRORS: the bytes are broken, or the result is too large.
    """
    unpacker = zlib.decompressobj(wbits=wbits)
    unpacked = unpacker.decompress(data, longest)
    if unpacker.unconsumed_tail:
        raise TooLargeError("The inflated bytes exceed their bound.")
    return unpacked


def clear(folder: Path) -> None:
    """Remove a temporary folder with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def _spooled(
    packed: IO[bytes], folder: Path, number: int, name: str, allowance: Allowance
) -> Iterator[Part]:
    path = folder / f"member_{number}"
    try:
        with path.open("wb") as unpacked:
            _copy(packed, unpacked, allowance)
        yield Part(f"member {number} > ", path, name)
    finally:
        path.unlink(missing_ok=True)


def _copy(packed: IO[bytes], unpacked: IO[bytes], allowance: Allowance) -> None:
    for data in _chunks_of(packed):
        allowance.take(len(data))
        unpacked.write(data)


def _chunks_of(stream: IO[bytes]) -> Iterator[bytes]:
    while data := stream.read(_CHUNK_BYTES):
        yield data


def _inflate_member(
    member: "zlib._Decompress",
    data: bytes,
    packed: IO[bytes],
    unpacked: IO[bytes],
    allowance: Allowance,
) -> bytes:
    """Inflate one member and give the bytes behind it that were read already."""
    while not member.eof:
        inflated = member.decompress(data, _CHUNK_BYTES)
        allowance.take(len(inflated))
        unpacked.write(inflated)
        data = member.unconsumed_tail
        if not data and not member.eof:
            data = packed.read(_CHUNK_BYTES)
            if not data and not inflated:
                raise EOFError("The compressed file ends early.")
    rest = member.unused_data
    return rest or packed.read(_CHUNK_BYTES)
