"""What PNG, TIFF and JPEG files tell beside their pixels."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from privacy_audit.artefacts.findings import Finding, Inspection, Words, not_readable
from privacy_audit.artefacts.text_artefacts import findings_of_text
from privacy_audit.artefacts.unpacking import UNPACKING_ERRORS, inflate
from privacy_audit.artefacts.wording import unknown_words

PICTURE_ERRORS = (
    *UNPACKING_ERRORS,
    Image.DecompressionBombError,
    SyntaxError,
    TypeError,
    UnidentifiedImageError,
    struct.error,
)
"""What the reading of broken pictures raises."""

_PNG_BEGINNING = b"\x89PNG\r\n\x1a\n"
_LONGEST_INFLATED = 2**26
_LARGEST_PICTURE_BYTES = 2**30
_MOST_PAGES = 10_000
_PLAIN_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB sBIT pHYs bKGD hIST cICP mDCv cLLi acTL fcTL fdAT "
    b"sPLT oFFs".split()
)
_PNG_KINDS = {b"eXIf": "metadata", b"tIME": "time_stamp", b"iCCP": "icc_profile"}
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Shape and coding of the picture; the rest of TIFF's tags are text, dates, places and the like.
_PLAIN_TIFF_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281}
    | {282, 283, 284, 286, 287, 288, 289, 290, 291, 296, 297, 301, 317, 318, 319, 320, 321, 322}
    | {323, 324, 325, 330, 332, 334, 336, 338, 339, 340, 341, 347, 512, 513, 514, 515, 519, 520}
    | {521, 529, 530, 531, 532}
)
_TIFF_TEXTS = frozenset({270, 305})
_TIFF_KINDS = {306: "time_stamp", 34675: "icc_profile"}
_JPEG_KINDS = {0xE1: "metadata", 0xE2: "icc_profile", 0xED: "metadata", 0xFE: "comment"}
_JPEG_PLAIN = frozenset({0xE0, 0xEE})


def inspect_png(file: str, place: str, path: Path) -> Inspection:
    """Inspect the chunks of a PNG file and what follows them.

    Args:
        file: as in `Finding`.
        place: as in `Finding`.
        path: the file.

    Raises:
        PICTURE_ERRORS: the file is broken or too large.
    """
    content = _content(path)
    findings: list[Finding] = []
    words: list[Words] = []
    texts: list[tuple[str, bytes]] = []
    dense: list[tuple[int, int]] = []
    end = len(_PNG_BEGINNING)
    for kind, start, length in _png_chunks(content):
        end = start + length + 4
        where = f"{place}chunk {kind.decode('latin-1')} at byte {start - 8}"
        data = content[start : start + length]
        if kind in _TEXT_CHUNKS:
            keyword, text = _png_text(kind, data)
            texts.append((f"{where} > ", text))
            found = _inspect_picture_text(file, where, keyword, text)
            findings += found.findings
            words += found.words
        elif kind not in _PLAIN_CHUNKS:
            findings.append(Finding(file, where, _PNG_KINDS.get(kind, "extra_bytes")))
            if kind == b"iCCP":
                texts.append((f"{where} > ", _inflated_after_name(data)))
        if kind in {b"IDAT", b"fdAT", b"iCCP", b"zTXt", b"iTXt"}:
            dense.append((start, start + length))
    if end < len(content):
        findings.append(Finding(file, f"{place}byte {end}", "extra_bytes"))
    return Inspection(
        tuple(findings),
        tuple(words),
        (),
        tuple(dense),
        tuple(texts),
        _inflated_pixels(place, content),
    )


def inspect_tiff(file: str, place: str, path: Path) -> Inspection:
    """Inspect the tags of all pages of a TIFF file.

    Raises:
        PICTURE_ERRORS: the file is broken.
    """
    findings: list[Finding] = []
    words: list[Words] = []
    with Image.open(path, formats=["TIFF"]) as picture:
        for page in range(min(getattr(picture, "n_frames", 1), _MOST_PAGES)):
            picture.seek(page)
            tags: Any = getattr(picture, "tag_v2", {})
            for tag in sorted(tags):
                found = _inspect_tiff_tag(file, f"{place}page {page + 1}", tag, tags[tag])
                findings += found.findings
                words += found.words
        if getattr(picture, "n_frames", 1) > _MOST_PAGES:
            findings.append(Finding(file, f"{place}page {_MOST_PAGES + 1}", "not_readable"))
    return Inspection(tuple(findings), tuple(words), (), _tiff_dense(path))


def inspect_jpeg(file: str, place: str, path: Path) -> Inspection:
    """Inspect the segments of a JPEG file and what follows its end.

    Raises:
        PICTURE_ERRORS: the file is broken.
    """
    content = _content(path)
    findings = []
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xDA:
            break
        kind = _JPEG_KINDS.get(marker)
        if kind is None and 0xE0 <= marker <= 0xEF and marker not in _JPEG_PLAIN:
            kind = "metadata"
        if kind is not None:
            findings.append(Finding(file, f"{place}segment at byte {position}", kind))
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    else:
        return not_readable(file, f"{place}JPEG segments")
    end = content.rfind(b"\xff\xd9")
    if end < 0 or content[end + 2 :].strip(b"\0"):
        findings.append(Finding(file, f"{place}behind the end of the picture", "extra_bytes"))
    return Inspection(tuple(findings), dense=((position, len(content) if end < 0 else end),))


def _content(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST_PICTURE_BYTES:
        raise ValueError("The picture is too large.")
    return path.read_bytes()


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give (kind, first byte of the data, length) of each chunk up to the last."""
    position = len(_PNG_BEGINNING)
    while True:
        length, kind = struct.unpack_from(">I4s", content, position)
        if position + 12 + length > len(content):
            raise ValueError("A chunk reaches beyond the end.")
        yield kind, position + 8, length
        position += 12 + length
        if kind == b"IEND":
            return


def _png_text(kind: bytes, data: bytes) -> tuple[str, bytes]:
    """Give keyword and text of a text chunk, inflated where it was deflated."""
    keyword, _, rest = data.partition(b"\0")
    if kind == b"zTXt":
        rest = inflate(rest[1:], wbits=15, longest=_LONGEST_INFLATED)
    elif kind == b"iTXt":
        is_deflated = rest[:1] == b"\1"
        language, _, rest = rest[2:].partition(b"\0")
        translated, _, rest = rest.partition(b"\0")
        if is_deflated:
            rest = inflate(rest, wbits=15, longest=_LONGEST_INFLATED)
        rest = b"\n".join(part for part in (language, translated, rest) if part)
    return keyword.decode("latin-1"), rest


def _inflated_pixels(place: str, content: bytes) -> tuple[tuple[str, bytes], ...]:
    data = b"".join(
        content[start : start + length]
        for kind, start, length in _png_chunks(content)
        if kind == b"IDAT"
    )
    return ((f"{place}pixels > ", inflate(data, wbits=15, longest=_LONGEST_INFLATED)),)


def _inflated_after_name(data: bytes) -> bytes:
    _, _, rest = data.partition(b"\0")
    try:
        return inflate(rest[1:], wbits=15, longest=_LONGEST_INFLATED)
    except zlib.error:
        return data


def _inspect_picture_text(file: str, place: str, keyword: str, text: bytes) -> Inspection:
    """Look at a text; only the name of the software may be told."""
    if keyword != "Software":
        return Inspection((Finding(file, place, "comment"),))
    return _inspect_words(file, place, text.decode("utf-8", "replace"))


def _inspect_tiff_tag(file: str, place: str, tag: int, value: Any) -> Inspection:
    where = f"{place}, tag {tag}"
    if tag in _PLAIN_TIFF_TAGS or value in ("", b"", None):
        return Inspection()
    if tag in _TIFF_TEXTS:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return _inspect_words(file, where, text)
    return Inspection((Finding(file, where, _TIFF_KINDS.get(tag, "metadata")),))


def _inspect_words(file: str, place: str, text: str) -> Inspection:
    unknown = tuple(word for word in unknown_words(text) if not word.isdigit())
    return Inspection(
        findings=tuple(findings_of_text(file, f"{place}, ", text)),
        words=(Words(file, place, file, unknown),) if unknown else (),
    )


def _tiff_dense(path: Path) -> tuple[tuple[int, int], ...]:
    """Give the strips and tiles of all pages."""
    dense = []
    with Image.open(path, formats=["TIFF"]) as picture:
        for page in range(min(getattr(picture, "n_frames", 1), _MOST_PAGES)):
            picture.seek(page)
            tags: Any = getattr(picture, "tag_v2", {})
            for starts, lengths in ((273, 279), (324, 325)):
                pairs = zip(tags.get(starts, ()), tags.get(lengths, ()), strict=False)
                dense += [(int(start), int(start) + int(length)) for start, length in pairs]
    return tuple(dense)
