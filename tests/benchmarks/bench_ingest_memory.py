"""Memory and pace of ingest on thousands of small series.

Run: python -m tests.benchmarks.bench_ingest_memory [SERIES [SLICES [PROCESSES]]]
"""

import dataclasses
import io
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from tests.medsynth.imaging.dicom_examples import example_slice, set_stored

_MATRIX = 64
_UID_WIDTH = 12
_SECONDS_BETWEEN_LOOKS = 0.1


@dataclasses.dataclass(frozen=True)
class Peak:
    """The most memory seen.

    Attributes:
        tree_bytes: resident memory of this process and all below it, pages that they share
            counted for each of them.
        processes: number of processes at that moment.
    """

    tree_bytes: int = 0
    processes: int = 0


class TreeWatch:
    """Looks at the memory of this process and its children until it is told to stop."""

    def __init__(self) -> None:
        """Begin to look."""
        self.peak = Peak()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> Peak:
        """Look no more and give the peak."""
        self._is_over.set()
        self._thread.join()
        return self.peak

    def _look(self) -> None:
        while not self._is_over.wait(_SECONDS_BETWEEN_LOOKS):
            family = _family()
            now = Peak(sum(map(_resident_bytes, family)), len(family))
            if now.tree_bytes > self.peak.tree_bytes:
                self.peak = now


def write_series(folder: Path, series: int, slices: int) -> None:
    """Write many series that differ in their identifiers alone."""
    templates = [_template(number) for number in range(slices)]
    for number in range(series):
        target = folder / f"{number:05d}"
        target.mkdir(parents=True)
        uid = f"{number + 1:0{_UID_WIDTH}d}".encode()
        for index, template in enumerate(templates):
            (target / f"{index:03d}.dcm").write_bytes(template.replace(b"9" * _UID_WIDTH, uid))


def _template(number: int) -> bytes:
    dataset = example_slice(number, series_uid=f"1.2.826.0.1.77.{'9' * _UID_WIDTH}")
    dataset.PatientID = "9" * _UID_WIDTH
    stored = np.random.default_rng(number).normal(24, 10, (_MATRIX, _MATRIX))
    stored[16:48, 16:48] += 1040
    set_stored(dataset, np.clip(np.rint(stored), 0, 4095).astype(np.uint16))
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _family() -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _read(entry / "stat").rpartition(")")[2].split()
            if len(fields) > 1:
                parents[int(entry.name)] = int(fields[1])
    family = [os.getpid()]
    for member in family:
        family.extend(child for child, parent in parents.items() if parent == member)
    return family


def _resident_bytes(process: int) -> int:
    for line in _read(Path(f"/proc/{process}/status")).splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def ingest_folder(dicom: Path, workspace: Path, processes: int) -> None:
    """Run the stage as the command line does."""
    # A worker imports this file again; what the stage needs, torch among it, is not for workers.
    from medsynth.records.progress import SilentReporter  # noqa: PLC0415
    from pipelines import ingest  # noqa: PLC0415
    from pipelines.inputs import record_inputs  # noqa: PLC0415
    from pipelines.project_config import load_config  # noqa: PLC0415
    from pipelines.stages import run_stage  # noqa: PLC0415

    overrides = [f"ingest.processes={processes}"]
    config = load_config([{"input": {"dicom": [str(dicom)]}}], overrides)
    inputs = record_inputs(config, workspace)
    run_stage(ingest.STAGE, workspace, config, inputs=inputs, reporter=SilentReporter())


def main() -> None:
    """Print the table."""
    numbers = [int(word) for word in sys.argv[1:]]
    series, slices, processes = (*numbers, *(2000, 6, 2)[len(numbers) :])
    print(f"{'series':>8}{'slices':>8}{'s':>8}{'slices/s':>10}{'peak MB':>9}{'processes':>10}")
    for count in (series // 10, series):
        with tempfile.TemporaryDirectory() as folder:
            dicom, workspace = Path(folder, "dicom"), Path(folder, "work")
            write_series(dicom, count, slices)
            workspace.mkdir()
            watch, started = TreeWatch(), time.perf_counter()
            ingest_folder(dicom, workspace, processes)
            seconds, peak = time.perf_counter() - started, watch.stop()
        print(
            f"{count:8}{count * slices:8}{seconds:8.1f}{count * slices / seconds:10.0f}"
            f"{peak.tree_bytes / 1e6:9.0f}{peak.processes:10}"
        )


if __name__ == "__main__":
    main()
