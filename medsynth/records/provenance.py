"""Where and with what a folder was made: the part of a record that may differ each time."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

from medsynth.records.json_lines import write_json

PROVENANCE_NAME = "provenance.json"
_PACKAGES = (
    "medsynth-ct",
    "torch",
    "monai",
    "numpy",
    "scipy",
    "pydicom",
    "highdicom",
    "nibabel",
    "scikit-image",
)


def write_provenance(folder: Path, *, seconds: float, device: str) -> None:
    """Write `provenance.json`: date, duration, versions, device.

    It names no path, no user and no host.

    Args:
        folder: the folder the record is about.
        seconds: how long the sitting that finished the work took, in seconds.
        device: what computed it, for example "cpu" or "cuda".
    """
    write_json(
        folder / PROVENANCE_NAME,
        {
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 1),
            "device": device,
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.system(),
            "packages": installed_versions(),
        },
    )


def installed_versions() -> dict[str, str]:
    """Give the installed version of each package that can change a result."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
