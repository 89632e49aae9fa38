"""Contrast phase on real CT, against a rule that counts bright even soft tissue.

The peer is the rule one would write first: of soft tissue whose neighbourhood is
even, the share above 85 HU. Labels are in the file names of `siim_slices`.

    MEDSYNTH_REAL_CT=DIR python -m tests.benchmarks.bench_phase
"""

import dataclasses
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import torch
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.cohort.phase import Phase
from medsynth.cohort.phase_pixels import coarse_slices, pixel_phase
from medsynth.cohort.phase_weights import PhaseModel, read_phase_model
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.scan import render_scan

Judge = Callable[[Volume], Phase]
MADE_UP_PATIENTS = 12


@dataclasses.dataclass(frozen=True)
class LabelledScan:
    """A scan and its true phase."""

    volume: Volume
    truth: Phase


def main() -> None:
    """Print confusion, coverage and accuracy on single real slices, and seconds a volume."""
    torch.set_num_threads(1)
    model = read_phase_model()
    judges: list[tuple[str, Judge]] = [
        ("bright even tissue (peer)", bright_share_phase),
        ("phase classifier", classifier(model)),
    ]
    slices = list(real_slices(Path(os.environ["MEDSYNTH_REAL_CT"]) / "siim_slices"))
    _print_confusion(f"{len(slices)} real single slices", slices, judges)
    _print_confusion("made-up volumes", list(made_up_volumes()), judges)
    _print_seconds(judges)


def classifier(model: PhaseModel) -> Judge:
    """Give the shipped classifier as a judge."""

    def judge(volume: Volume) -> Phase:
        return pixel_phase(volume, model).phase

    return judge


def bright_share_phase(volume: Volume) -> Phase:
    """Judge by the share of bright voxels in even soft tissue."""
    grid_hu = coarse_slices(volume)
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(grid_hu, (0, 0.8, 0.8))
    highest = ndimage.maximum_filter(smooth, (1, 5, 5))
    lowest = ndimage.minimum_filter(smooth, (1, 5, 5))
    values_hu = smooth[(highest - lowest < 60) & (lowest > -20) & (highest < 500)]
    if values_hu.size < 300:
        return Phase.UNKNOWN
    share = float(np.mean(values_hu > 85))
    if 0.045 < share < 0.075:
        return Phase.UNKNOWN
    return Phase.CONTRAST if share >= 0.075 else Phase.NONCONTRAST


def real_slices(folder: Path) -> Iterator[LabelledScan]:
    """Read single slices; the phase stands in the file's name."""
    for path in sorted(folder.glob("*.dcm")):
        header = pydicom.dcmread(path)
        stored = header.pixel_array.astype(np.float32)
        values_hu = stored * float(header.RescaleSlope) + float(header.RescaleIntercept)
        row_mm, column_mm = (float(one) for one in header.PixelSpacing)
        truth = Phase.CONTRAST if "CONTRAST_1" in path.name else Phase.NONCONTRAST
        affine = axial_affine((float(header.SliceThickness or 5), row_mm, column_mm))
        yield LabelledScan(Volume(values_hu[None], affine), truth)


def made_up_volumes() -> Iterator[LabelledScan]:
    """Make patients that nothing was trained on, in both regions and both phases."""
    for region in BodyRegion:
        options = PhantomOptions(slices=8, slice_mm=25.0, sites=4, region=region)
        for index in range(MADE_UP_PATIENTS):
            scan = render_scan(777, index, options, "contrast")
            assert scan.truth is not None
            yield LabelledScan(scan.volume, Phase.CONTRAST)
            yield LabelledScan(scan.truth, Phase.NONCONTRAST)


def _print_confusion(
    title: str, scans: list[LabelledScan], judges: list[tuple[str, Judge]]
) -> None:
    print(f"\n{title}\n")
    print("| judge | truth | contrast | noncontrast | unknown | decided | right of decided |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, judge in judges:
        counts = Counter((scan.truth, judge(scan.volume)) for scan in scans)
        decided = sum(count for (_, said), count in counts.items() if said is not Phase.UNKNOWN)
        right = sum(count for (truth, said), count in counts.items() if truth is said)
        for truth in (Phase.CONTRAST, Phase.NONCONTRAST):
            row = " | ".join(
                str(counts[truth, said])
                for said in (Phase.CONTRAST, Phase.NONCONTRAST, Phase.UNKNOWN)
            )
            shares = f"{decided / len(scans):.2f} | {right / max(decided, 1):.3f}"
            print(f"| {name} | {truth} | {row} | {shares} |")


def _print_seconds(judges: list[tuple[str, Judge]]) -> None:
    noise = np.random.default_rng(0).normal(40, 20, (60, 512, 512)).astype(np.int16)
    volume = Volume(noise, axial_affine((5.0, 0.75, 0.75)))
    print("\n60 slices of 512 x 512, processor seconds\n")
    print("| judge | seconds | ratio |")
    print("| --- | --- | --- |")
    baseline = 0.0
    for name, judge in judges:
        started = time.process_time()
        judge(volume)
        seconds = time.process_time() - started
        baseline = baseline or seconds
        print(f"| {name} | {seconds:.2f} | {seconds / baseline:.2f} |")


if __name__ == "__main__":
    main()
