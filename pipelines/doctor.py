"""Verb doctor: what this machine offers."""

import os
import platform
import shutil
from pathlib import Path

import torch
from pydicom.pixels import get_decoder
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medsynth.records.provenance import installed_versions
from medsynth.training.device import choose_compute


def machine_report() -> str:
    """Give versions, device, decoders and free space, a line each."""
    compute = choose_compute("auto")
    precision = "bfloat16 where it helps" if compute.mixed else "float32"
    lines = [
        f"python        {platform.python_version()}",
        *(f"{name:<13} {version}" for name, version in installed_versions().items()),
        f"device        {compute.device.type}, {precision}",
        f"processors    {os.cpu_count()}, {torch.get_num_threads()} threads for a network",
        f"free space    {shutil.disk_usage(Path.cwd()).free / 2**30:.0f} GiB here",
    ]
    for name, syntax in (
        ("JPEG lossless", JPEGLosslessSV1),
        ("JPEG-LS", JPEGLSLossless),
        ("JPEG 2000", JPEG2000Lossless),
        ("RLE", RLELossless),
    ):
        state = "can be read" if get_decoder(syntax).is_available else "no decoder"
        lines.append(f"{name:<13} {state}")
    return "\n".join(lines)
