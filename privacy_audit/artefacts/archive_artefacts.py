"""What archives and compressed files tell beside their content: names, comments, owners, times."""

import struct
import tarfile
import zipfile
from pathlib import Path

from privacy_audit.artefacts.findings import Finding, Inspection, Words
from privacy_audit.artefacts.names import inspect_name, is_counter

_LONGEST_GZIP_FIELD = 2**16
# Sizes beyond 4 GiB, times of writing, the owner's number without a name, alignment.
_PLAIN_EXTRA_FIELDS = frozenset({0x0001, 0x5455, 0x000A, 0x7875, 0xD935})
_BLOCK_GZIP_FIELD = b"BC"
_PLAIN_OWNERS = frozenset({"", "root", "wheel"})
_PLAIN_RECORDS = frozenset({"path", "linkpath", "size", "mtime", "atime", "ctime"})


def inspect_gzip(file: str, place: str, path: Path, name: str) -> Inspection:
    """Inspect the header of a gzip file: time, original name, comment and extra field.

    Args:
        file: as in `Finding`.
        place: as in `Finding`.
        path: the file.
        name: the name it goes by; an original name that repeats it tells nothing.

    Raises:
        UNPACKING_ERRORS: the header is broken.
    """
    with path.open("rb") as stream:
        head = stream.read(10 + 3 * _LONGEST_GZIP_FIELD)
    _, method, flags, seconds = struct.unpack("<HBBI", head[:8])
    if method != 8:
        raise ValueError("Only deflated gzip files can be read.")
    position = 10
    findings = []
    if seconds:
        findings.append(Finding(file, f"{place}gzip header, time of writing", "time_stamp"))
    if flags & 4:
        (length,) = struct.unpack_from("<H", head, position)
        if head[position + 2 : position + 4] != _BLOCK_GZIP_FIELD:
            findings.append(Finding(file, f"{place}gzip header, extra field", "extra_bytes"))
        position += 2 + length
    if flags & 8:
        end = head.index(b"\0", position)
        inner = name.removesuffix(".gz")
        if head[position:end].decode("latin-1") != inner:
            findings.append(Finding(file, f"{place}gzip header, name", "original_name"))
        position = end + 1
    if flags & 16:
        findings.append(Finding(file, f"{place}gzip header, comment", "comment"))
    return Inspection(findings=tuple(findings))


def inspect_zip(file: str, place: str, path: Path) -> Inspection:
    """Inspect the directory of a zip file: comments, names, owners, extra fields, stray bytes.

    Raises:
        UNPACKING_ERRORS: the directory is broken.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        findings = []
        if archive.comment:
            findings.append(Finding(file, f"{place}zip comment", "comment"))
        words: list[Words] = []
        for number, member in enumerate(members, start=1):
            where = f"{place}member {number}"
            named = _inspect_member_name(file, where, member.filename)
            findings += [*named.findings, *_findings_of_member(file, where, member)]
            words += named.words
        if members and min(member.header_offset for member in members) > 0:
            findings.append(Finding(file, f"{place}before the first member", "extra_bytes"))
    return Inspection(findings=tuple(findings), words=tuple(words))


def inspect_tar(file: str, place: str, path: Path) -> Inspection:
    """Inspect the headers of a plain tar file: owners, names, links, records.

    Raises:
        UNPACKING_ERRORS: a header is broken.
    """
    findings = []
    words: list[Words] = []
    with tarfile.open(path, "r:") as archive:
        for number, member in enumerate(archive, start=1):
            where = f"{place}member {number}"
            if member.uname not in _PLAIN_OWNERS or member.gname not in _PLAIN_OWNERS:
                findings.append(Finding(file, f"{where}, owner", "owner"))
            if member.issym() or member.islnk():
                findings.append(Finding(file, f"{where}, link", "link"))
            if set(member.pax_headers) - _PLAIN_RECORDS:
                findings.append(Finding(file, f"{where}, extended header", "comment"))
            named = _inspect_member_name(file, where, member.name)
            findings += named.findings
            words += named.words
    return Inspection(findings=tuple(findings), words=tuple(words))


def _inspect_member_name(file: str, place: str, name: str) -> Inspection:
    findings: list[Finding] = []
    words: list[Words] = []
    if name.startswith(("/", "\\", "../")) or "/../" in name or name[1:2] == ":":
        findings.append(Finding(file, f"{place}, name", "path"))
    for part in name.replace("\\", "/").split("/"):
        named = inspect_name(file, f"{place}, name", part, is_counted=is_counter(part))
        findings += named.findings
        words += named.words
    return Inspection(findings=tuple(findings), words=tuple(words))


def _findings_of_member(file: str, place: str, member: zipfile.ZipInfo) -> list[Finding]:
    findings = []
    if member.comment:
        findings.append(Finding(file, f"{place}, comment", "comment"))
    if member.flag_bits & 1:
        findings.append(Finding(file, f"{place}, encrypted", "not_readable"))
    position = 0
    while position + 4 <= len(member.extra):
        field, length = struct.unpack_from("<HH", member.extra, position)
        if field not in _PLAIN_EXTRA_FIELDS and length:
            findings.append(Finding(file, f"{place}, extra field", "extra_bytes"))
        position += 4 + length
    return findings
