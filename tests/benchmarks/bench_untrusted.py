"""Time and memory of reading damaged and hostile files, each in a worker process with limits.

Run: python -m tests.benchmarks.bench_untrusted [MUTANTS]
"""

import collections
import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from medsynth.errors import ImageError
from medsynth.imaging.dicom_discovery import Discovery, FileBatch, read_files
from medsynth.imaging.dicom_guard import GuardLimits
from medsynth.imaging.dicom_header import InstanceHeader
from medsynth.imaging.dicom_series import SeriesLimits, assemble_series, group_series
from medsynth.imaging.nifti import read_volume
from medsynth.records.streaming import stream_results
from medsynth.records.worker_pool import WorkerLimits, open_worker_pool
from tests.medsynth.imaging import hostile_files

_LIMITS = WorkerLimits(seconds=10.0, memory_bytes=2**30)
_SERIES_LIMITS = SeriesLimits(2, 0.05)


@dataclasses.dataclass(frozen=True)
class Reading:
    """What came of one file.

    Attributes:
        verdict: reason of the file, or of its series.
        seconds: from the first byte to the verdict.
        processor_seconds: of these, what the process computed.
        peak_bytes: most resident memory of the worker process so far.
    """

    verdict: str
    seconds: float
    processor_seconds: float
    peak_bytes: int


@dataclasses.dataclass(frozen=True)
class Clock:
    """A moment.

    Attributes:
        wall_seconds: as others see it.
        processor_seconds: what this process has computed until then.
    """

    wall_seconds: float
    processor_seconds: float

    @staticmethod
    def now() -> "Clock":
        """Give the moment of the call."""
        return Clock(time.perf_counter(), time.process_time())


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A file to be made and read.

    Attributes:
        kind: which of `hostile_files.SOUND_NAMES` it comes from.
        seed: decides the mutation.
        folder: where the sound files are, and where it is written.
    """

    kind: int
    seed: int
    folder: Path


def read_mutant(mutant: Mutant) -> Reading:
    """Make a mutant, read it and, if it is an image, assemble it."""
    donor_kind = mutant.seed // 4 % len(hostile_files.SOUND_NAMES)
    content, donor = (
        (mutant.folder / str(kind)).read_bytes() for kind in (mutant.kind, donor_kind)
    )
    path = mutant.folder / f"{mutant.kind}-{mutant.seed}.dcm"
    path.write_bytes(hostile_files.mutated(content, donor, mutant.seed))
    reading = read_dicom(path)
    path.unlink()
    return reading


def read_dicom(path: Path) -> Reading:
    """Read one file to the last verdict."""
    started = Clock.now()
    batch = read_files([path], GuardLimits())
    verdict = next(iter(batch.reasons)).value
    for series in _assembled(batch):
        verdict = f"series {series}"
    return _reading(verdict, started)


def read_nifti(path: Path) -> Reading:
    """Read one NIfTI file to its verdict."""
    started = Clock.now()
    try:
        read_volume(path)
    except ImageError:
        return _reading("refused", started)
    return _reading("read", started)


def _assembled(batch: FileBatch) -> Iterator[str]:
    headers = {identity: (packed,) for identity, packed in batch.headers.items()}
    discovery = Discovery(headers, batch.incomplete, batch.reasons)
    for identity in discovery.headers:
        (header,) = discovery.series_headers(identity)
        # The same file at two places is a series of two slices, so that its pixels are decoded.
        members = (header,) if header.geometry is None else (header, _moved(header))
        for group in group_series(members):
            yield assemble_series(group, _SERIES_LIMITS).reason.value


def _moved(header: InstanceHeader) -> InstanceHeader:
    geometry = header.geometry
    if geometry is None:
        return header
    column, row, slice_ = geometry.position_mm
    moved = dataclasses.replace(geometry, position_mm=(column, row, slice_ + 5.0))
    return dataclasses.replace(header, instance_uid=f"{header.instance_uid}.1", geometry=moved)


def _reading(verdict: str, started: Clock) -> Reading:
    ended = Clock.now()
    # The kernel's other count, ru_maxrss, begins with the parent's memory.
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    peak_kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return Reading(
        verdict,
        ended.wall_seconds - started.wall_seconds,
        ended.processor_seconds - started.processor_seconds,
        1024 * peak_kib,
    )


def _bench_mutants(folder: Path, count: int) -> None:
    names = hostile_files.SOUND_NAMES
    for kind, content in enumerate(hostile_files.sound_contents()):
        (folder / str(kind)).write_bytes(content)
    print(
        f"{'mutants of':14}{'files':>8}{'lost':>6}{'max s':>8}{'max cpu s':>11}{'max MB':>8}"
        "  verdicts"
    )
    for kind, name in enumerate(names):
        mutants = (Mutant(kind, seed, folder) for seed in range(count // len(names)))
        verdicts: collections.Counter[str] = collections.Counter()
        seconds = processor_seconds = peak_bytes = 0.0
        lost = 0
        with open_worker_pool(1, _LIMITS) as pool:
            for _, future in stream_results(pool, read_mutant, mutants, most_waiting=8):
                if future.exception() is not None:
                    lost += 1
                    print("    lost:", future.exception())
                    continue
                reading = future.result()
                verdicts[reading.verdict] += 1
                seconds = max(seconds, reading.seconds)
                processor_seconds = max(processor_seconds, reading.processor_seconds)
                peak_bytes = max(peak_bytes, reading.peak_bytes)
        words = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.most_common())
        total = lost + verdicts.total()
        print(
            f"{name:14}{total:8}{lost:6}{seconds:8.3f}{processor_seconds:11.3f}"
            f"{peak_bytes / 1e6:8.0f}  {words}"
        )


def _bench_bombs(folder: Path) -> None:
    print(f"\n{'bomb':22}{'bytes':>12}{'s':>8}{'cpu s':>8}{'MB':>8}  verdict")
    for name, content in _bombs():
        path = folder / ("bomb.nii.gz" if name.startswith("NIfTI") else "bomb.dcm")
        path.write_bytes(content)
        read = read_nifti if name.startswith("NIfTI") else read_dicom
        # A process of its own each, so that its peak of memory is this bomb's.
        with open_worker_pool(1, _LIMITS) as pool:
            future = pool.submit(read, path)
            error = future.exception()
        if error is not None:
            print(f"{name:22}{len(content):12}  {error}")
            continue
        reading = future.result()
        print(
            f"{name:22}{len(content):12}{reading.seconds:8.3f}{reading.processor_seconds:8.3f}"
            f"{reading.peak_bytes / 1e6:8.0f}  {reading.verdict}"
        )


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield "deflate to 1 GB", hostile_files.deflate_bomb()
    yield "RLE 65535 x 65535", hostile_files.rle_bomb()
    yield "JPEG 2000 2^31 x 2^31", hostile_files.jpeg_2000_bomb()
    yield "frames 2^31", hostile_files.frames_bomb()
    yield "length of 4 GB", hostile_files.length_bomb()
    yield "nesting, implicit", hostile_files.nesting_bomb()
    yield "nesting, explicit", hostile_files.explicit_nesting_bomb()
    yield "50 million words", hostile_files.many_values_bomb()
    yield "2 million elements", hostile_files.many_elements_bomb()
    yield "NIfTI of 10 GB", hostile_files.nifti_bomb()
    yield "NIfTI, small header", hostile_files.nifti_bomb(shape=(8, 8, 8))


def main() -> None:
    """Print the two tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        _bench_mutants(Path(folder), count)
        _bench_bombs(Path(folder))


if __name__ == "__main__":
    main()
