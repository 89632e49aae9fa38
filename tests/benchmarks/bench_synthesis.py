"""Slices a second of translating scans of 512x512, and the memory that it takes.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_synthesis.py [WEIGHTS]

The reference is the original CycleGAN's generator, which works on the scan's own grid
of 0.7 mm; ours works on a grid of 2.8 mm and puts its change back. Both go through
`translate_volume`. Seconds are those that the processor worked for this process.
Memory is the highest resident set while 1,000 slices of 1 mm are translated, above
what was resident before and above the result.

With the public start, or the weights of a trained default translator,
`to_noncontrast.safetensors`, it also compares errors and flicker on made-up patients
with those of translating each slice alone. Made-up thin slices are no noisier than
thick ones; to the rows called noisy the noise is added that thin slices of a real
scanner have, to the truth likewise.
"""

import dataclasses
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from medsynth.evaluation.fidelity import TranslatedScan
from medsynth.evaluation.flicker import HOMOGENEOUS_TISSUES, measure_flicker
from medsynth.evaluation.measurements import Measurement, patient_means
from medsynth.evaluation.organs import organ_table
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.networks.resnet_generator import ResnetGenerator
from medsynth.networks.unshuffle_generator import UnshuffleGenerator
from medsynth.phantom.canvas import label_names
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan
from medsynth.synthesis.translate import translate_volume
from medsynth.training.checkpoints import load_weights
from medsynth.training.device import Compute
from medsynth.training.public_start import public_generator

MATRIX = 512
NATIVE_MM = 0.7
TRAINING_MM = 2.8
BATCH = 8
SLICES_IN_MEMORY_RUN = 1000
_MIB = 2**20
_ORGANS = ("liver", "spleen", "kidney", "aorta", "bone")
_HEIGHT_MM = 110.0
_NOISE_AT_5_MM_HU = 10.0
# Slice distance, mm; patients; whether thin slices are made noisier.
_ERROR_ROWS = ((5.0, 6, False), (2.5, 4, False), (1.0, 2, False), (2.5, 4, True), (1.0, 2, True))
_CPU = Compute(torch.device("cpu"), mixed=False)


@dataclasses.dataclass(frozen=True)
class _Case:
    """One line of the table."""

    name: str
    network: nn.Module
    spacing_mm: float
    slice_mm: float
    slices: int


def main(arguments: list[str]) -> int:
    """Print the tables."""
    if len(arguments) > 1:
        print(__doc__)
        return 2
    _print_speed_and_memory()
    trained = public_generator()
    if arguments:
        load_weights(Path(arguments[0]), trained)
    _print_errors(trained.eval())
    return 0


def _print_speed_and_memory() -> None:
    source = render_scan(
        7, 0, PhantomOptions(matrix=MATRIX, spacing_mm=NATIVE_MM, slices=8), "contrast"
    ).volume.voxels_hu.astype(np.int16)
    original = ResnetGenerator(64, 9).eval()
    ours = _unlike_identity(UnshuffleGenerator(32, 6)).eval()
    channels_last = _unlike_identity(UnshuffleGenerator(32, 6)).eval()
    convert_conv2d_weight_memory_format(channels_last, torch.channels_last)
    cases = (
        _Case("original CycleGAN, 0.7 mm grid", original, NATIVE_MM, 5.0, 1),
        _Case("default", ours, TRAINING_MM, 5.0, 64),
        _Case("default, weights channels-last", channels_last, TRAINING_MM, 5.0, 64),
        _Case("default", ours, TRAINING_MM, 2.5, 128),
        _Case("default", ours, TRAINING_MM, 1.0, 320),
    )
    # First, before anything larger has been resident.
    print(_memory_line(ours, source))
    print(f"threads {torch.get_num_threads()}, float32, {MATRIX}x{MATRIX} at {NATIVE_MM} mm")
    print("| generator | slices, mm | slices a CPU second | ratio |")
    print("| --- | --- | --- | --- |")
    speeds = [_slices_a_second(case, source) for case in cases]
    for case, speed in zip(cases, speeds, strict=True):
        print(f"| {case.name} | {case.slice_mm:g} | {speed:.3f} | {speed / speeds[0]:.0f} |")


def _unlike_identity(network: UnshuffleGenerator) -> UnshuffleGenerator:
    # Fresh weights return the input, and zeros may be computed faster than numbers.
    torch.manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.02)
    return network


def _volume(source: NDArray[np.int16], slices: int, slice_mm: float) -> Volume:
    repeated = np.resize(source, (slices, *source.shape[1:]))
    return Volume(repeated, axial_affine((slice_mm, NATIVE_MM, NATIVE_MM)))


def _translate(case: _Case, volume: Volume) -> Volume:
    return translate_volume(
        volume, case.network, spacing_mm=case.spacing_mm, batch=BATCH, compute=_CPU
    )


def _slices_a_second(case: _Case, source: NDArray[np.int16]) -> float:
    volume = _volume(source, case.slices, case.slice_mm)
    if case.slices > BATCH:
        _translate(case, _volume(source, BATCH, case.slice_mm))
    started = time.process_time()
    _translate(case, volume)
    return case.slices / (time.process_time() - started)


def _memory_line(network: nn.Module, source: NDArray[np.int16]) -> str:
    case = _Case("default", network, TRAINING_MM, 1.0, SLICES_IN_MEMORY_RUN)
    volume = _volume(source, case.slices, case.slice_mm)
    before = _resident_bytes()
    started = time.process_time()
    made = _translate(case, volume)
    seconds = time.process_time() - started
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    own = highest - before - made.voxels_hu.nbytes
    return (
        f"{case.slices} slices: input and output {2 * made.voxels_hu.nbytes / _MIB:.0f} MiB, "
        f"above them at most {own / _MIB:.0f} MiB, {seconds:.1f} CPU seconds"
    )


def _resident_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def _print_errors(network: nn.Module) -> None:
    names = [*_ORGANS, *(f"flicker {tissue}" for tissue in HOMOGENEOUS_TISSUES)]
    print("| slices, mm | translation | " + " | ".join(["body", *names]) + " |")
    print("| --- " * (len(names) + 3) + "|")
    for slice_mm, patients, is_noisy in _ERROR_ROWS:
        rows: dict[str, list[list[Measurement]]] = {"slice by slice": [], "by slabs": []}
        for patient in range(patients):
            options = PhantomOptions(slice_mm=slice_mm, slices=round(_HEIGHT_MM / slice_mm))
            scan = _with_thin_noise(render_scan(404, 200 + patient, options, "contrast"), is_noisy)
            for name, made in (
                ("slice by slice", _slice_by_slice(scan.volume, network)),
                ("by slabs", _by_slabs(scan.volume, network)),
            ):
                rows[name].append(_judged(scan, made))
        for name, judged in rows.items():
            note = ", noisy" if is_noisy else ""
            print(f"| {slice_mm:g}{note} | {name} | {_cells(judged, names)} |", flush=True)


def _with_thin_noise(scan: PhantomScan, is_noisy: bool) -> PhantomScan:
    if not is_noisy or scan.truth is None:
        return scan
    slice_mm = scan.volume.spacing_slice_row_column_mm[0]
    shape = scan.volume.voxels_hu.shape
    white = np.random.default_rng(scan.patient.index).standard_normal(shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(white, (0, 0.6, 0.6))
    size_hu = _NOISE_AT_5_MM_HU * np.sqrt(5.0 / slice_mm - 1.0)
    added = np.rint(noise * (size_hu / noise.std())).astype(np.int16) * scan.body
    return dataclasses.replace(
        scan,
        volume=scan.volume.with_voxels(scan.volume.voxels_hu + added),
        truth=scan.truth.with_voxels(scan.truth.voxels_hu + added),
    )


@torch.inference_mode()
def _slice_by_slice(volume: Volume, network: nn.Module) -> Volume:
    given = torch.from_numpy(volume.voxels_hu.astype(np.float32))[:, None]
    made = [(network(one[None]) + network(one[None].flip(-1)).flip(-1)) / 2 for one in given]
    return volume.with_voxels(torch.cat(made)[:, 0].round().numpy().astype(np.int16))


def _by_slabs(volume: Volume, network: nn.Module) -> Volume:
    return translate_volume(volume, network, spacing_mm=TRAINING_MM, batch=BATCH, compute=_CPU)


def _judged(scan: PhantomScan, made: Volume) -> list[Measurement]:
    if scan.truth is None:
        raise AssertionError("a contrast scan has a truth")
    table = organ_table({int(key): name for key, name in label_names().items()})
    translated = TranslatedScan(
        patient=str(scan.patient.index),
        input_hu=scan.volume.voxels_hu,
        synthetic_hu=made.voxels_hu,
        labels=scan.labels,
        truth_hu=scan.truth.voxels_hu,
        spacing_slice_row_column_mm=made.spacing_slice_row_column_mm,
    )
    error = np.abs(made.voxels_hu.astype(np.float64) - scan.truth.voxels_hu)
    masks: list[tuple[str | None, NDArray[np.bool_]]] = [(None, scan.body)]
    masks += [(name, table.mask(scan.labels, name)) for name in _ORGANS]
    errors = [
        Measurement(translated.patient, name, "mae_hu", float(error[mask].mean()))
        for name, mask in masks
        if mask.any()
    ]
    return [*errors, *measure_flicker(translated, table)]


def _cells(judged: list[list[Measurement]], names: list[str]) -> str:
    every = [measurement for one in judged for measurement in one]
    cells = []
    for name in ("body", *names):
        is_flicker = name.startswith("flicker ")
        region = None if name == "body" else name.removeprefix("flicker ")
        means = patient_means(every, region, "flicker_ratio" if is_flicker else "mae_hu")
        cells.append(f"{np.mean(list(means.values())):.{3 if is_flicker else 2}f}")
    return " | ".join(cells)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
