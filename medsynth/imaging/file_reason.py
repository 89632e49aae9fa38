"""What can become of a file that somebody handed over."""

import enum


class FileReason(enum.StrEnum):
    """What became of a file: the closed list of codes."""

    READABLE = "readable"
    NOT_DICOM = "not_dicom"
    MEDIA_DIRECTORY = "media_directory"
    UNREADABLE = "unreadable"
    LENGTH_BEYOND_FILE = "length_beyond_file"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_ELEMENTS = "too_many_elements"
    DECOMPRESSION_BOMB = "decompression_bomb"
    OUTSIDE_ROOT = "outside_root"
    NOT_REGULAR_FILE = "not_regular_file"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    WORKER_DIED = "worker_died"


class RefusedError(Exception):
    """A file goes beyond a limit; never leaves this package's own modules."""

    def __init__(self, reason: FileReason) -> None:
        """Keep the reason.

        Args:
            reason: which limit it is.
        """
        super().__init__(reason.value)
        self.reason = reason
