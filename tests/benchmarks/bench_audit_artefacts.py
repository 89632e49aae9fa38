"""What the audit's search for artefacts finds, how often it errs, and how fast it is.

Run: python -m tests.benchmarks.bench_audit_artefacts [FOLDER OF A RELEASE]

Real slices are read from the folder named by MEDSYNTH_REAL_CT, where it is set.
"""

import os
import random
import re
import resource
import shutil
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from privacy_audit.artefacts.burned_in_text import FEWEST_MARKS, longest_row_of_marks
from privacy_audit.artefacts.byte_search import search_file
from privacy_audit.artefacts.dicom_artefacts import grids_of_dataset
from privacy_audit.artefacts.findings import Grid
from privacy_audit.artefacts.geometry import find_copied_grids
from privacy_audit.artefacts.picture_planes import planes_of
from privacy_audit.artefacts.private_list import PrivateList, table_of
from privacy_audit.artefacts.weights_artefacts import holds_image
from privacy_audit.attacks.metadata import check_metadata
from tests.privacy_audit.artefacts.planted import (
    BORN,
    NAME,
    NUMBER,
    Plant,
    body,
    first_dicom,
    write_clean_set,
    write_dicom,
)
from tests.privacy_audit.artefacts.planted_places import DICOM_PLACES, FILE_PLACES, LISTED_PLACES

_PRIVATE = PrivateList(((1, NAME), (2, NUMBER), (3, BORN), (4, "Zwickelmoser")))
_SEARCHED_MEGABYTES = 32


def main() -> None:
    """Print all tables."""
    _print_places()
    real = os.environ.get("MEDSYNTH_REAL_CT")
    planes = dict(_planes(Path(real) if real else None))
    _print_burned_in(planes)
    _print_tensors(planes)
    _print_grids(Path(real) if real else None)
    _print_search()
    if len(sys.argv) > 1:
        _print_release(Path(sys.argv[1]))


def _print_places() -> None:
    print("places planted one at a time          places  found  clean sets with an alarm")
    found = sum(_is_found(plant, kind, None) for plant, kind in DICOM_PLACES.values())
    print(f"DICOM, no list                        {len(DICOM_PLACES):6} {found:6}")
    found = sum(_is_found(plant, kind, None) for plant, kind in FILE_PLACES.values())
    print(f"other files, no list                  {len(FILE_PLACES):6} {found:6}")
    found = sum(_is_found(plant, "private_entry", _PRIVATE) for plant in LISTED_PLACES.values())
    print(f"words that only the list tells        {len(LISTED_PLACES):6} {found:6}")
    alarms = sum(_clean_set_alarms(patients) for patients in range(1, 7))
    print(f"clean sets of one to six patients     {6:6}         {alarms:6}")


def _is_found(plant: Plant, kind: str, private: PrivateList | None) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        release = write_clean_set(Path(folder), patients=1)
        write_dicom(first_dicom(release), 0)
        plant(release)
        return kind in {finding.kind for finding in check_metadata(release, [], private)[1]}


def _clean_set_alarms(patients: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        release = write_clean_set(Path(folder), patients=patients)
        return bool(check_metadata(release, [], _PRIVATE)[1])


def _planes(real: Path | None) -> Iterator[tuple[str, list[NDArray[Any]]]]:
    yield "made-up bodies", [body(seed, size=256) for seed in range(60)]
    if real is None:
        return
    slices = sorted((real / "siim_slices").glob("*.dcm"))
    yield "real slices, 54 patients", [next(planes_of(path, "dicom")) for path in slices]
    series = sorted((real / "volumes").rglob("*.dcm"))
    yield "slices of 4 real volumes", [next(planes_of(path, "dicom")) for path in series]


def _print_burned_in(planes: dict[str, list[NDArray[Any]]]) -> None:
    print("\nburned-in text, marks in the longest row (told from 5 on)")
    print("clean slices                     n  alarms  most marks")
    for name, clean in planes.items():
        rows = [longest_row_of_marks(plane) for plane in clean]
        alarms = sum(row >= FEWEST_MARKS for row in rows)
        print(f"{name:28} {len(rows):5}  {alarms:6}  {max(rows):10}")
    clean = list(planes.values())[1 if len(planes) > 1 else 0][::4]
    print("text of 17 letters, brightest value, share of slices in which it is told")
    print("letters, px   beside the body   over the body   beside it, blurred by 0.7 px")
    for size in (10, 12, 16, 24, 32):
        shares = [
            _share_found(clean, size, place, blur)
            for place, blur in ((0.02, 0.0), (0.45, 0.0), (0.02, 0.7))
        ]
        print(f"{size:11}   {shares[0]:15.2f}   {shares[1]:13.2f}   {shares[2]:28.2f}")


def _share_found(clean: Sequence[NDArray[Any]], size: int, place: float, blur: float) -> float:
    found = [
        longest_row_of_marks(_written(plane, size, place, blur)) >= FEWEST_MARKS for plane in clean
    ]
    return float(np.mean(found))


def _written(plane: NDArray[Any], size: int, place: float, blur: float) -> NDArray[np.float32]:
    rows, columns = plane.shape
    picture = Image.new("L", (columns, rows))
    font = ImageFont.load_default(size)
    corner = (columns * 0.02 + columns * place * 0.5, rows * place)
    ImageDraw.Draw(picture).text(corner, "DOE^JANE 19510917", 255, font=font)
    share = np.asarray(picture, dtype=np.float32) / 255
    written = plane * (1 - share) + float(plane.max()) * share
    return np.asarray(ndimage.gaussian_filter(written, blur), dtype=np.float32)


def _print_tensors(planes: dict[str, list[NDArray[Any]]]) -> None:
    print("\ntensors taken for pictures          n  taken")
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=(64, 96)) for _ in range(100)]
    factors = [generator.normal(size=(64, 4)) @ generator.normal(size=(4, 64)) for _ in range(100)]
    for name, arrays in {
        "random weights": weights,
        "weights of low rank": factors,
        **planes,
    }.items():
        print(f"{name:32} {len(arrays):4} {sum(holds_image(array) for array in arrays):6}")


def _print_grids(real: Path | None) -> None:
    print("\ngrids: unrelated patients taken for each other, copies found")
    print("cohort                            real  others  false  copies found")
    generator = np.random.default_rng(0)
    for patients in (20, 100, 500):
        cohort = [_scan(generator, f"r{number}") for number in range(patients)]
        others = [_scan(generator, f"s{number}") for number in range(500)]
        _print_grid_row("made up, own field of view", cohort, others)
    if real is not None:
        grids = _grids_by_patient(sorted((real / "siim_slices").glob("*.dcm")))
        half = len(grids) // 2
        first, second = (
            [grid for patient in part for grid in patient] for part in (grids[:half], grids[half:])
        )
        _print_grid_row("real slices, 27 patients each", first, second)


def _grids_by_patient(paths: Sequence[Path]) -> list[list[Grid]]:
    """Gather the grids of slices by patient, so that no patient is on both sides."""
    by_patient: dict[str, list[Grid]] = {}
    for path in paths:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        found = grids_of_dataset(path.name, dataset)
        by_patient.setdefault(str(dataset.PatientID), []).extend(found)
    return list(by_patient.values())


def _print_grid_row(name: str, real: list[Grid], others: list[Grid]) -> None:
    false = {hit.file for hit in find_copied_grids(others, real) if hit.kind == "geometry"}
    hits = find_copied_grids(real, real)
    found = {hit.file for hit in hits if hit.kind == "geometry"}
    print(
        f"{name:32} {len(real):5} {len(others):7} {len(false) / len(others):6.3f}"
        f"  {len(found) / len(real):12.3f}"
    )


def _scan(generator: np.random.Generator, name: str) -> Grid:
    """Make a scan's grid: field of view in whole mm, place in tenths, slices of 2.5 mm."""
    spacing = int(generator.integers(300, 501)) / 512
    x, y, z = (round(float(value), 1) for value in generator.uniform(-900, 0, 3))
    slices = int(generator.integers(60, 160))
    cosines = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    return Grid(
        name, name, (spacing, spacing, 2.5), (slices, 512, 512), (x, y, z), cosines, (0.0, 0.0, 1.0)
    )


def _print_search() -> None:
    generator = np.random.default_rng(0)
    scan = generator.normal(40, 60, _SEARCHED_MEGABYTES * 2**19).astype(np.int16).tobytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.raw"
        path.write_bytes(scan)
        print(f"\nsearch of {_SEARCHED_MEGABYTES} MB of scan, MB a CPU second (ratio to ours)")
        print("entries   forms   ours   plain search each   one expression   grep -F -i")
        for entries in (10, 100, 1000, 10_000):
            _print_search_row(path, scan, _entries(entries))


def _print_search_row(path: Path, scan: bytes, entries: list[str]) -> None:
    table = table_of(entries)
    forms = [form.folded for found in table.by_beginning.values() for form in found]
    ours = _speed(lambda: search_file(path, table, ((0, len(scan)),)), _SEARCHED_MEGABYTES)
    part = scan[: 2**20]
    folded = part.lower()
    some = forms[:: max(1, len(forms) // 1000)]
    plain = _speed(lambda: [folded.find(form) for form in some], 1) * len(some) / len(forms)
    pattern = re.compile(b"|".join(re.escape(form) for form in forms[:20_000]))
    expression = _speed(lambda: pattern.search(folded[: 2**16]), 1 / 16)
    grep = _grep_speed(path, forms)
    print(
        f"{len(entries):7} {len(forms):7} {ours:6.1f}   {plain:8.3f} ({plain / ours:7.4f})"
        f"  {expression:6.2f} ({expression / ours:7.4f})  {grep}"
    )


def _grep_speed(path: Path, forms: Sequence[bytes]) -> str:
    """Measure grep with the same forms, as far as they are lines of text."""
    program = shutil.which("grep")
    if program is None:
        return "not installed"
    listed = path.with_name("forms.txt")
    listed.write_bytes(b"\n".join(form for form in forms if b"\0" not in form) + b"\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [program, "-c", "-a", "-i", "-F", "-f", str(listed), str(path)]
    subprocess.run(command, check=False, env={"LC_ALL": "C"}, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{_SEARCHED_MEGABYTES / seconds:.1f}"


def _entries(count: int) -> list[str]:
    choose = random.Random(0)
    letters = string.ascii_lowercase
    words = ["".join(choose.choices(letters, k=choose.randint(4, 10))) for _ in range(2 * count)]
    kinds = []
    for number in range(count):
        day = (
            f"{choose.randint(1920, 2020)}-{choose.randint(1, 12):02d}-{choose.randint(1, 28):02d}"
        )
        name = f"{words[2 * number].title()}, {words[2 * number + 1].title()}"
        kinds.append((name, str(choose.randint(10**6, 10**10)), day)[number % 3])
    return list(dict.fromkeys(kinds))


def _speed(work: Callable[[], object], megabytes: float) -> float:
    start = time.process_time()
    work()
    return megabytes / max(time.process_time() - start, 1e-6)


def _print_release(folder: Path) -> None:
    start = time.process_time()
    private = PrivateList(tuple(enumerate(_entries(1000), start=1)))
    result, findings = check_metadata(folder, [], private)
    seconds = time.process_time() - start
    megabytes = float(str(result.details["inspected_bytes"])) / 1e6
    print(
        f"\nwhole check of {result.n} files, 1000 entries: {result.verdict}, {len(findings)} hits"
    )
    print(f"{megabytes:.1f} MB packed and unpacked, {megabytes / seconds:.1f} MB a CPU second")


if __name__ == "__main__":
    main()
