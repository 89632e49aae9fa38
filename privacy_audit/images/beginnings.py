"""Does a file begin like an image, whatever its name says?"""

from pathlib import Path

_SIGNATURES = (
    b"\x93NUMPY",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    # gzip, as of .nii.gz, and zip, as of npz.
    b"\x1f\x8b",
    b"PK\x03\x04",
    # DICOM without preamble.
    b"\x02\x00",
    b"\x08\x00",
)
# Marks behind the beginning, by their offset.
_MARKS = ((128, (b"DICM",)), (344, (b"n+1\0", b"ni1\0")), (4, (b"n+2\0", b"ni2\0")))
_SAMPLE_BYTES = 348


def begins_as_image(path: Path) -> bool:
    """Whether a file begins as NIfTI, DICOM, PNG, JPEG, TIFF, npy, or as a packed file.

    Args:
        path: the file; what is no file, such as a pipe, does not begin as an image, and a
            file that cannot be opened does, as it cannot be told to be none.
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            beginning = stream.read(_SAMPLE_BYTES)
    except OSError:
        return True
    return beginning.startswith(_SIGNATURES) or any(
        beginning.startswith(marks, offset) for offset, marks in _MARKS
    )
