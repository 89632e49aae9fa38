"""Which format a file has, by how it begins; its name decides only where that says nothing."""

import re
from pathlib import Path

from privacy_audit.artefacts.nifti_artefacts import is_nifti_header
from privacy_audit.artefacts.weights_artefacts import is_safetensors

_BEGINNINGS = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x93NUMPY", "npy"),
)
# PyTorch's archives keep each tensor's numbers in a member of such a name.
_TENSOR_MEMBER = re.compile(r"/data/\d+$")
_SAMPLE_BYTES = 2**16
_CONTROLS = frozenset(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1B}


def format_of(path: Path, name: str) -> str:
    """Tell a file's format.

    Args:
        path: the file.
        name: its name, which may differ from that of `path`.

    Returns:
        "dicom", "nifti", "npy", "png", "tiff", "jpeg", "gzip", "bz2", "xz", "zip", "tar",
        "safetensors", "pickle", "text", "numbers" (a tensor in a PyTorch archive), "empty" or
        "unknown".

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        beginning = stream.read(_SAMPLE_BYTES)
    if not beginning:
        return "empty"
    for signature, kind in _BEGINNINGS:
        if beginning.startswith(signature):
            return kind
    return _by_structure(beginning, name.lower(), size)


def _by_structure(beginning: bytes, name: str, size: int) -> str:
    kind = "unknown"
    if beginning[128:132] == b"DICM" or name.endswith((".dcm", ".dicom")):
        kind = "dicom"
    elif is_nifti_header(beginning):
        kind = "nifti"
    elif beginning[257:262] == b"ustar":
        kind = "tar"
    elif is_safetensors(beginning, size):
        kind = "safetensors"
    elif beginning[:1] == b"\x80" and beginning[1:2] in b"\x02\x03\x04\x05":
        kind = "pickle"
    elif _TENSOR_MEMBER.search(name):
        kind = "numbers"
    elif _is_text(beginning):
        kind = "text"
    return kind


def _is_text(beginning: bytes) -> bool:
    if beginning[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return True
    return not _CONTROLS.intersection(beginning)
