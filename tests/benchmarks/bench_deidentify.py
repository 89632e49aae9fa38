"""Values left behind and milliseconds a CT slice, against other de-identifiers in the same run.

The peers are dicom-anonymizer with its newest table, deid and dicognito, each
with its defaults, as far as they are installed. A canary file holds a value of
its own in every attribute of PS3.15 Table E.1-1 at three depths and beside; a
plain slice of 512 x 512 is timed from file to file.

With `--consistency` the command is run twice with 8 processes and once with 1,
and the results are compared byte for byte.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom

from medsynth.deidentify.files import FileTask, deidentify_files
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.policy import build_policy
from medsynth.imaging.dicom_header import silent_pydicom
from pipelines.deidentify import deidentify_folder
from tests.medsynth.deidentify.canaries import (
    canary_file,
    file_bytes,
    left_in,
    plain_slice,
    table_attributes,
)
from tests.pipelines.stage_running import RecordingReporter

ROUNDS = 20
CONSISTENCY_SLICES = 200
Deidentifier = Callable[[Path, Path], None]


def main() -> None:
    """Print a table of values left and time, and the ratio of times to ours."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--consistency", action="store_true")
    if parser.parse_args().consistency:
        _compare_runs()
        return
    tools = _tools()
    with tempfile.TemporaryDirectory() as name, silent_pydicom():
        folder = Path(name)
        left = {tool: _left(run, folder / tool.replace(" ", "_")) for tool, run in tools.items()}
        seconds = _seconds(tools, folder)
    count = len(table_attributes())
    print(f"| tool | root /{count} | nested /{count} | twice nested /{count} | beside /10 ", end="")
    print("| ms a slice, median | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    baseline = statistics.median(seconds["medsynth basic"])
    for tool in tools:
        median = statistics.median(seconds[tool])
        numbers = " | ".join(str(number) for number in left[tool])
        print(f"| {tool} | {numbers} | {1000 * median:.1f} | {median / baseline:.2f} |")


def _tools() -> dict[str, Deidentifier]:
    tools: dict[str, Deidentifier] = {
        "medsynth basic": _ours(DeidentifySettings()),
        "medsynth release": _ours(DeidentifySettings(mode="release")),
    }
    peers = {"dicomanonymizer": _dicom_anonymizer, "deid": _deid, "dicognito": _dicognito}
    for package, make in peers.items():
        if importlib.util.find_spec(package) is not None:
            tools[package] = make()
    return tools


def _ours(settings: DeidentifySettings) -> Deidentifier:
    policy = build_policy(settings)

    def run(source: Path, target: Path) -> None:
        outcome = deidentify_files([FileTask(source, target)], policy, "ab" * 32)
        assert outcome.reasons == {"written": 1}

    return run


def _dicom_anonymizer() -> Deidentifier:
    from dicomanonymizer.simpledicomanonymizer import (  # noqa: PLC0415 - a peer may be absent
        anonymize_dicom_file,
        initialize_actions,
    )

    def newest() -> dict[object, object]:
        return dict(initialize_actions("dicomfields_2026c"))

    def run(source: Path, target: Path) -> None:
        anonymize_dicom_file(str(source), str(target), base_rules_gen=newest)

    return run


def _deid() -> Deidentifier:
    from deid.config import DeidRecipe  # noqa: PLC0415 - a peer may be absent
    from deid.dicom import replace_identifiers  # noqa: PLC0415

    recipe = DeidRecipe()

    def run(source: Path, target: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            (cleaned,) = replace_identifiers(
                dicom_files=[str(source)], deid=recipe, save=False, strip_sequences=False
            )
        cleaned.save_as(target)

    return run


def _dicognito() -> Deidentifier:
    from dicognito.anonymizer import Anonymizer  # noqa: PLC0415 - a peer may be absent

    anonymizer = Anonymizer(seed="ab" * 32)

    def run(source: Path, target: Path) -> None:
        dataset = pydicom.dcmread(source)
        anonymizer.anonymize(dataset)
        dataset.save_as(target)

    return run


def _left(run: Deidentifier, folder: Path) -> tuple[int, int, int, int]:
    """Count the values left at the root, nested, twice nested, and beside."""
    folder.mkdir()
    canaries, count = canary_file(), len(table_attributes())
    (folder / "in.dcm").write_bytes(canaries.content)
    run(folder / "in.dcm", folder / "out.dcm")
    content = (folder / "out.dcm").read_bytes()
    starts = (0, count, 2 * count, 3 * count, len(canaries.planted))
    parts = [canaries.planted[starts[n] : starts[n + 1]] for n in range(4)]
    root, nested, twice_nested, beside = (len(left_in(part, content)) for part in parts)
    return root, nested, twice_nested, beside


def _seconds(tools: dict[str, Deidentifier], folder: Path) -> dict[str, list[float]]:
    source = folder / "slice.dcm"
    source.write_bytes(_large_slice(1))
    seconds: dict[str, list[float]] = {tool: [] for tool in tools}
    # In turn, so that what else the machine does falls on all alike.
    for _ in range(ROUNDS):
        for tool, run in tools.items():
            target = folder / "timed.dcm"
            target.unlink(missing_ok=True)
            started = time.process_time()
            run(source, target)
            seconds[tool].append(time.process_time() - started)
    return seconds


def _large_slice(number: int) -> bytes:
    dataset = plain_slice(number)
    dataset.Rows = dataset.Columns = 512
    stored = np.random.default_rng(number).integers(0, 4096, (512, 512)).astype("<u2")
    dataset.PixelData = stored.tobytes()
    return file_bytes(dataset)


def _compare_runs() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for number in range(CONSISTENCY_SLICES):
            (folder / "in" / f"{number}.dcm").write_bytes(_large_slice(number))
        digests = []
        for run, processes in enumerate((8, 8, 1)):
            started = time.perf_counter()
            out = folder / f"out{run}"
            deidentify_folder(
                folder / "in",
                out,
                DeidentifySettings(dates="shifted"),
                RecordingReporter(),
                key_file=folder / "key",
                processes=processes,
            )
            seconds = time.perf_counter() - started
            digests.append(_digest(out))
            print(f"{processes} processes: {seconds:.1f} s, SHA-256 {digests[-1]}")
        print("equal" if len(set(digests)) == 1 else "NOT EQUAL")


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
