"""Files and folders that are either complete or absent.

Everything is written beside its place, flushed to the disk, and renamed once.
A name that starts with "." and ends with ".partial" is unfinished work.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Args:
        path: the file; its folder must exist.
        content: the whole content.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def write_text_atomically(path: Path, text: str) -> None:
    """Write a UTF-8 text file so that a reader sees the old text or the new, never a part.

    Args:
        path: the file; its folder must exist.
        text: the whole text.
    """
    write_bytes_atomically(path, text.encode("utf-8"))


@contextlib.contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `final` when the block ends well.

    If the block raises, the folder is removed and `final` stays as it was.
    Anything a killed run left under the same name is removed first.

    Args:
        final: the folder to make or to replace; its parent is made if missing.

    Yields:
        The folder to write into, a sibling of `final`.
    """
    partial = partial_folder(final)
    discard_folder(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        publish_folder(partial, final)
    except BaseException:
        discard_folder(partial)
        raise


def partial_folder(final: Path) -> Path:
    """Give the name under which the unfinished content of `final` is kept."""
    return final.with_name(f".{final.name}.partial")


def publish_folder(partial: Path, final: Path) -> None:
    """Rename a finished folder to its place, replacing what was there.

    Args:
        partial: the finished folder, on the same file system as `final`.
        final: its place.
    """
    for path in sorted(partial.rglob("*")):
        if path.is_file():
            _flush_file(path)
    outdated = final.with_name(f".{final.name}.outdated")
    discard_folder(outdated)
    if final.exists():
        final.rename(outdated)
    partial.rename(final)
    _flush_folder(final.parent)
    discard_folder(outdated)


def discard_folder(folder: Path) -> None:
    """Remove a folder and all it holds; a folder that is not there is no error."""
    if folder.exists():
        shutil.rmtree(folder)


def discard_partial_files(folder: Path) -> None:
    """Remove what a killed run left of files it was writing, anywhere below a folder."""
    for path in folder.rglob(".*.partial"):
        if path.is_file():
            path.unlink()


def _flush_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    _flush_file(folder)
