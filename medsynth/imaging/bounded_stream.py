"""Going forward through a file, or through what it inflates to, in constant memory."""

import zlib
from typing import BinaryIO, Protocol

_PIECE_BYTES = 2**18


class InflatedTooFarError(Exception):
    """A compressed stream holds more than is allowed."""


class ForwardStream(Protocol):
    """Bytes in order.

    Attributes:
        position: number of bytes passed so far.
    """

    position: int

    def read(self, count: int) -> bytes:
        """Give the next bytes, fewer at the end; `count` must be small."""

    def skip(self, count: int) -> bool:
        """Pass over bytes and tell whether there were that many."""


class FileStream:
    """The bytes of a file from a given place on.

    Attributes:
        position: number of bytes passed, counted from the start of the file.
    """

    def __init__(self, file: BinaryIO, *, start: int, size: int) -> None:
        """Go to the start.

        Args:
            file: an open file.
            start: first byte to be read.
            size: length of the file, bytes.
        """
        file.seek(start)
        self._file = file
        self._size = size
        self.position = start

    def read(self, count: int) -> bytes:
        """Give the next bytes, fewer at the end; `count` must be small."""
        content = self._file.read(count)
        self.position += len(content)
        return content

    def skip(self, count: int) -> bool:
        """Pass over bytes and tell whether there were that many."""
        if self.position + count > self._size:
            return False
        self._file.seek(count, 1)
        self.position += count
        return True


class InflatedStream:
    """What the raw deflate stream from a given place of a file inflates to.

    Attributes:
        position: number of inflated bytes passed.
    """

    def __init__(self, file: BinaryIO, *, start: int, allowed_bytes: int) -> None:
        """Go to the start.

        Args:
            file: an open file.
            start: first byte of the deflate stream.
            allowed_bytes: how much may come out of it.
        """
        file.seek(start)
        self._file = file
        self._allowed_bytes = allowed_bytes
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._ready = b""
        self._start = 0
        self._inflated_bytes = 0
        self.position = 0

    def allow(self, more_bytes: int) -> None:
        """Let more come out of the stream."""
        self._allowed_bytes += more_bytes

    def read(self, count: int) -> bytes:
        """Give the next bytes, fewer at the end; `count` must be small.

        Raises:
            InflatedTooFarError: more came out of the stream than is allowed.
            zlib.error: the stream is damaged.
        """
        while len(self._ready) - self._start < count and self._inflate_more():
            pass
        content = self._ready[self._start : self._start + count]
        self._start += len(content)
        self.position += len(content)
        return content

    def skip(self, count: int) -> bool:
        """Pass over bytes and tell whether there were that many.

        Raises:
            InflatedTooFarError: more came out of the stream than is allowed.
            zlib.error: the stream is damaged.
        """
        goal = self.position + count
        while (room := len(self._ready) - self._start) < goal - self.position:
            self._start += room
            self.position += room
            if not self._inflate_more():
                return False
        self._start += goal - self.position
        self.position = goal
        return True

    def _inflate_more(self) -> bool:
        piece = b""
        while not piece and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._file.read(_PIECE_BYTES)
            if not packed:
                return False
            piece = self._inflate.decompress(packed, _PIECE_BYTES)
        self._inflated_bytes += len(piece)
        if self._inflated_bytes > self._allowed_bytes:
            raise InflatedTooFarError
        self._ready = self._ready[self._start :] + piece
        self._start = 0
        return bool(piece)
