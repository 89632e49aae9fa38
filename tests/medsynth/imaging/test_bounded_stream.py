import io
import zlib

import pytest

from medsynth.imaging.bounded_stream import FileStream, InflatedStream, InflatedTooFarError


def _deflated(content: bytes) -> io.BytesIO:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return io.BytesIO(b"head" + squeeze.compress(content) + squeeze.flush())


def test_file_is_read_and_skipped_from_its_start() -> None:
    stream = FileStream(io.BytesIO(b"headabcdef"), start=4, size=10)
    assert stream.read(2) == b"ab"
    assert stream.skip(3)
    assert (stream.position, stream.read(8)) == (9, b"f")


def test_file_is_not_skipped_beyond_its_end() -> None:
    stream = FileStream(io.BytesIO(b"headabcdef"), start=4, size=10)
    assert not stream.skip(7)
    assert stream.position == 4


def test_inflated_bytes_are_those_that_were_deflated() -> None:
    content = bytes(range(256)) * 5000
    stream = InflatedStream(_deflated(content), start=4, allowed_bytes=len(content))
    assert stream.read(3) == content[:3]
    assert stream.skip(700_000)
    assert stream.read(50) == content[700_003:700_053]
    assert stream.position == 700_053
    assert stream.skip(len(content) - 700_053)
    assert (stream.read(1), stream.skip(1)) == (b"", False)


def test_stream_that_holds_more_than_allowed_is_stopped() -> None:
    stream = InflatedStream(_deflated(bytes(3_000_000)), start=4, allowed_bytes=2_000_000)
    with pytest.raises(InflatedTooFarError):
        stream.skip(2_900_000)


def test_more_may_be_allowed_on_the_way() -> None:
    stream = InflatedStream(_deflated(bytes(3_000_000)), start=4, allowed_bytes=2_000_000)
    assert stream.skip(1_000_000)
    stream.allow(1_000_000)
    assert stream.skip(2_000_000)


def test_damaged_stream_raises() -> None:
    stream = InflatedStream(io.BytesIO(b"head\xff\xff\xff\xff"), start=4, allowed_bytes=100)
    with pytest.raises(zlib.error):
        stream.read(1)
