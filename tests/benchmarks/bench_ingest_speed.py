"""Seconds from 200 DICOM slices of 512 x 512 to a written volume, against SimpleITK.

Both read the same files and write int16 `.nii.gz`. SimpleITK reads a rescaled CT
as 32-bit numbers, whose compression takes it several times longer; the fairer line
turns them into 16-bit ones first. One process each, one thread each; then two
processes with a series each, against one process with both.
"""

import argparse
import importlib
import importlib.util
import multiprocessing
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_series import SeriesLimits, assemble_series, group_series
from medsynth.imaging.nifti import write_volume
from tests.medsynth.imaging.planned_series import Plan, datasets_of

SLICES, MATRIX = 200, 512
LIMITS = SeriesLimits(min_slices=5, max_gap_spread_mm=0.05)


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for number in range(2):
            _write_series(root / f"series{number}", number)
        _compare_with_simpleitk(root, repeats)
        _compare_processes(root, repeats)


def convert(folder: Path, output: Path) -> tuple[float, float]:
    """Convert a series with this program; gives the seconds of reading and of writing."""
    started = time.perf_counter()
    headers = [read_header(path) for path in sorted(folder.iterdir())]
    groups = group_series(header for header in headers if header is not None)
    result = assemble_series(groups[0], LIMITS)
    between = time.perf_counter()
    assert result.volume is not None
    write_volume(output, result.volume)
    return between - started, time.perf_counter() - between


def convert_with_simpleitk(folder: Path, output: Path) -> tuple[float, float]:
    """Convert a series with SimpleITK, as it comes."""
    return _simpleitk(folder, output, is_cast=False)


def convert_with_simpleitk_in_16_bits(folder: Path, output: Path) -> tuple[float, float]:
    """Convert a series with SimpleITK, turned into 16-bit numbers before writing."""
    return _simpleitk(folder, output, is_cast=True)


def _simpleitk(folder: Path, output: Path, *, is_cast: bool) -> tuple[float, float]:
    simpleitk: Any = importlib.import_module("SimpleITK")
    simpleitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    started = time.perf_counter()
    names = simpleitk.ImageSeriesReader().GetGDCMSeriesFileNames(str(folder))
    image = simpleitk.ReadImage(names)
    if is_cast:
        image = simpleitk.Cast(image, simpleitk.sitkInt16)
    between = time.perf_counter()
    simpleitk.WriteImage(image, str(output), True)
    return between - started, time.perf_counter() - between


def _compare_with_simpleitk(root: Path, repeats: int) -> None:
    converters = {"medsynth": convert}
    if importlib.util.find_spec("SimpleITK"):
        converters["SimpleITK, 16 bits"] = convert_with_simpleitk_in_16_bits
        converters["SimpleITK, as it comes"] = convert_with_simpleitk
    totals: dict[str, list[float]] = {name: [] for name in converters}
    parts: dict[str, list[tuple[float, float]]] = {name: [] for name in converters}
    processor: dict[str, list[float]] = {name: [] for name in converters}
    # In turns, so that whatever else the machine does meets all alike.
    for _ in range(repeats):
        for name, converter in converters.items():
            busy = time.process_time()
            reading, writing = converter(root / "series0", root / "out.nii.gz")
            processor[name].append(time.process_time() - busy)
            parts[name].append((reading, writing))
            totals[name].append(reading + writing)
    print(f"{SLICES} slices of {MATRIX} x {MATRIX}, one process, median of {repeats}")
    print("| what | read s | write s | total s | ratio | processor s | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    ours, ours_busy = (statistics.median(one["medsynth"]) for one in (totals, processor))
    for name in converters:
        reading, writing = (statistics.median(part) for part in zip(*parts[name], strict=True))
        total, busy = statistics.median(totals[name]), statistics.median(processor[name])
        print(
            f"| {name} | {reading:.2f} | {writing:.2f} | {total:.2f} | {ours / total:.2f} "
            f"| {busy:.2f} | {ours_busy / busy:.2f} |"
        )


def _compare_processes(root: Path, repeats: int) -> None:
    """Compare the rates of one and two worker processes, both started beforehand.

    Processor seconds tell what two processes cost each other from what else runs.
    """
    rounds = {processes: _fastest(root, processes, repeats) for processes in (1, 2)}
    alone, _ = rounds[1]
    print(f"\nTwo series of {SLICES} slices, best of {repeats}")
    print("| processes | seconds | slices a second | ratio | processor s |")
    print("| --- | --- | --- | --- | --- |")
    for processes, (seconds, busy) in rounds.items():
        rate = 2 * SLICES / seconds
        print(f"| {processes} | {seconds:.2f} | {rate:.0f} | {alone / seconds:.2f} | {busy:.2f} |")


def _fastest(root: Path, processes: int, repeats: int) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as executor:
        _run(executor, root)
        return min(_run(executor, root) for _ in range(repeats))


def _run(executor: ProcessPoolExecutor, root: Path) -> tuple[float, float]:
    """Convert both series; gives the seconds passed, and those the processors were busy."""
    started = time.perf_counter()
    futures = [
        executor.submit(processor_seconds, root / f"series{number}", root / f"out{number}.nii.gz")
        for number in range(2)
    ]
    busy = sum(future.result() for future in futures)
    return time.perf_counter() - started, busy


def processor_seconds(folder: Path, output: Path) -> float:
    """Convert a series with this program; gives the processor seconds it took."""
    started = time.process_time()
    convert(folder, output)
    return time.process_time() - started


def _write_series(folder: Path, seed: int) -> None:
    """Write noisy slices of an ellipse of soft tissue in air, one after the other."""
    folder.mkdir()
    generator = np.random.default_rng(seed)
    row, column = np.mgrid[:MATRIX, :MATRIX]
    is_body = ((row - 270) / 160) ** 2 + ((column - 256) / 220) ** 2 < 1
    mean_hu, spread_hu = np.where(is_body, 40.0, -1000.0), np.where(is_body, 15.0, 5.0)
    for number in range(SLICES):
        # Below -1024 HU nothing can be stored without a sign.
        noisy_hu = generator.normal(mean_hu, spread_hu).clip(-1024.0, None)
        slice_hu = np.rint(noisy_hu).astype(np.int16)
        place = ((-180.0, -180.0, 1.25 * number),)
        (dataset,) = datasets_of(Plan(slice_hu[None], place), first_instance=number + 1)
        dataset.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)


if __name__ == "__main__":
    main()
