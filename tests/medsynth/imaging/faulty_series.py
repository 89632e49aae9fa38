"""Thirty CT series, most of them faulty, whose truth is known.

Each case names the verdicts a careful reader gives and the volumes it must find.
"""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from medsynth.imaging.volume import Volume
from tests.medsynth.imaging.planned_series import (
    COLUMNS,
    ROWS,
    SERIES_UID,
    SLICES,
    Plan,
    datasets_of,
    enhanced,
    plain_slice,
    plan,
    set_stored,
    tilted_plan,
    truth,
    write_all,
)

Write = Callable[[Path], None]


@dataclasses.dataclass(frozen=True)
class FaultySeries:
    """One case.

    Attributes:
        name: what is the matter, or that nothing is.
        write: writes the files into a folder.
        verdicts: the reason of each group, the largest group first.
        volumes: what must be found, in axial orientation; empty where refusal is right.
        tolerance_mm: how far the corners of the grid may be off.
        also_right: volumes that are no error either, as a sheared grid for a tilt.
    """

    name: str
    write: Write
    verdicts: tuple[str, ...]
    volumes: tuple[Volume, ...]
    tolerance_mm: float = 1e-4
    also_right: tuple[Volume, ...] = ()


def faulty_series() -> tuple[FaultySeries, ...]:
    """Give the thirty cases."""
    return (*_sound_cases(), *_encoded_cases(), *_odd_cases(), *_refused_cases(), *_split_cases())


def _sound_cases() -> list[FaultySeries]:
    clean, oblique = plan(), tilted_plan(12)
    rounded = tilted_plan(10, orientation_digits=4)
    generator = np.random.default_rng(3)
    jittered = dataclasses.replace(
        clean,
        positions_mm=tuple(
            (x, y, round(z + 0.01 * float(generator.uniform(-1, 1)), 5))
            for x, y, z in clean.positions_mm
        ),
    )
    return [
        _sound("clean", clean, _changed(clean, _nothing)),
        _sound("oblique", oblique, _changed(oblique, _nothing)),
        _sound("reversed", clean, _changed(clean, _reversed)),
        dataclasses.replace(
            _sound("jitter_of_10_um", clean, _changed(jittered, _nothing)), tolerance_mm=0.02
        ),
        _sound("rounded_orientation", rounded, _changed(rounded, _nothing)),
        _sound("instance_number_scrambled", clean, _changed(clean, _scrambled_numbers)),
        _sound("acquisition_number_split", clean, _changed(clean, _two_acquisition_numbers)),
    ]


def _encoded_cases() -> list[FaultySeries]:
    clean = plan()
    encodings = (
        ("rle", _compressed(RLELossless)),
        ("jpeg_2000", _compressed(JPEG2000Lossless)),
        ("jpeg_ls", _compressed(JPEGLSLossless)),
        ("implicit", _in_syntax(ImplicitVRLittleEndian)),
        ("deflated", _in_syntax(DeflatedExplicitVRLittleEndian)),
        ("big_endian", _big_endian),
        ("dirty_high_bits", _dirty_high_bits),
        ("slope_of_each_slice", _own_slopes),
    )
    return [_sound(name, clean, _changed(clean, change)) for name, change in encodings]


def _odd_cases() -> list[FaultySeries]:
    clean = plan()
    padded = dataclasses.replace(clean, slices_hu=_with_padding(clean.slices_hu, -1024))
    order = [*range(1, SLICES, 2), *range(0, SLICES, 2)]
    return [
        _sound("no_preamble", clean, _write_without_preamble),
        _sound("junk_files_beside", clean, _write_with_junk),
        _sound("same_file_twice", clean, _write_with_copy),
        _sound("padding_of_minus_2000", padded, _changed(clean, _minus_2000)),
        _sound("enhanced", clean, lambda folder: _write_only(folder, enhanced(clean, order=order))),
    ]


def _refused_cases() -> list[FaultySeries]:
    sheared = dataclasses.replace(
        plan(),
        # 2.5 mm * tan(15 degrees) = 0.66987 mm a slice.
        positions_mm=tuple(
            (x, y + 0.66987 * n, z) for n, (x, y, z) in enumerate(plan().positions_mm)
        ),
    )
    return [
        _refused(
            "missing_slice", _change_slices(lambda all_: all_[:9] + all_[10:]), "irregular_spacing"
        ),
        _refused("duplicate_position", _change_slices(_one_at_its_neighbour), "duplicate_position"),
        _refused("uneven_spacing", _change_slices(_growing_gaps), "irregular_spacing"),
        dataclasses.replace(
            _refused("gantry_tilt", _changed(sheared, _nothing), "gantry_tilt"),
            also_right=(truth(sheared),),
        ),
        _refused("truncated_pixels", _write_truncated, "unreadable_pixels"),
        _refused(
            "slice_without_position",
            _change_slices(_one_without_position),
            "missing_geometry",
            "missing_geometry",
        ),
        _refused("mixed_matrix", _change_slices(_one_smaller), "mixed_matrix", "mixed_matrix"),
        _refused("no_rescale", _change_slices(_without_rescale), "missing_rescale"),
    ]


def _split_cases() -> list[FaultySeries]:
    clean, other = plan(), plan(seed=7, start_mm=-98.9)
    return [
        FaultySeries(
            "localizer_in_series",
            _change_slices(lambda all_: [_localizer(), *all_]),
            ("accepted", "localizer"),
            (truth(clean),),
        ),
        FaultySeries(
            "two_overlapping_acquisitions",
            lambda folder: _write_two_acquisitions(folder, clean, other),
            ("accepted", "accepted"),
            (truth(clean), truth(other)),
        ),
    ]


def _sound(name: str, shown: Plan, write: Write) -> FaultySeries:
    return FaultySeries(name, write, ("accepted",), (truth(shown),))


def _refused(name: str, write: Write, *verdicts: str) -> FaultySeries:
    return FaultySeries(name, write, verdicts, ())


def _changed(shown: Plan, change: Callable[[Any, int], None]) -> Write:
    """Give a writer of a plan's slices, each changed by itself."""

    def write(folder: Path) -> None:
        datasets = datasets_of(shown)
        for number, dataset in enumerate(datasets):
            change(dataset, number)
        write_all(folder, datasets)

    return write


def _change_slices(change: Callable[[list[Any]], list[Any]]) -> Write:
    """Give a writer of the clean series, changed as a whole."""
    return lambda folder: _write_only(folder, *change(datasets_of(plan())))


def _write_only(folder: Path, *datasets: Any) -> None:
    write_all(folder, datasets)


def _nothing(dataset: Any, number: int) -> None:
    pass


def _reversed(dataset: Any, number: int) -> None:
    dataset.InstanceNumber = SLICES - number
    uid = f"{SERIES_UID}.{SLICES - number}"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid


def _scrambled_numbers(dataset: Any, number: int) -> None:
    dataset.InstanceNumber = 1 + number * 7 % SLICES


def _two_acquisition_numbers(dataset: Any, number: int) -> None:
    dataset.AcquisitionNumber = 1 + number // 10


def _compressed(syntax: str) -> Callable[[Any, int], None]:
    return lambda dataset, _: dataset.compress(syntax, generate_instance_uid=False)


def _in_syntax(syntax: str) -> Callable[[Any, int], None]:
    return lambda dataset, _: setattr(dataset.file_meta, "TransferSyntaxUID", syntax)


def _big_endian(dataset: Any, number: int) -> None:
    dataset.PixelData = np.frombuffer(dataset.PixelData, dtype="<u2").astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian


def _dirty_high_bits(dataset: Any, number: int) -> None:
    stored = np.frombuffer(dataset.PixelData, dtype=np.uint16).reshape(ROWS, COLUMNS)
    set_stored(dataset, stored | np.uint16(0x5000))
    dataset.BitsStored, dataset.HighBit = 12, 11


def _own_slopes(dataset: Any, number: int) -> None:
    stored = np.frombuffer(dataset.PixelData, dtype=np.uint16).reshape(ROWS, COLUMNS)
    factor = (1, 2, 4)[number % 3]
    dataset.RescaleSlope = 1 / factor
    set_stored(dataset, stored * np.uint16(factor))


def _with_padding(slices_hu: NDArray[np.int16], value: int) -> NDArray[np.int16]:
    """Give slices whose corners, outside a circle, hold one value."""
    row = np.arange(ROWS)[:, None] - (ROWS - 1) / 2
    column = np.arange(COLUMNS)[None, :] - (COLUMNS - 1) / 2
    return np.where(np.hypot(row, column) > COLUMNS / 2, np.int16(value), slices_hu)


def _minus_2000(dataset: Any, number: int) -> None:
    stored = np.frombuffer(dataset.PixelData, dtype=np.uint16).reshape(ROWS, COLUMNS)
    set_stored(dataset, _with_padding(stored.astype(np.int16)[None], -2000)[0])
    dataset.PixelPaddingValue = -2000


def _one_at_its_neighbour(datasets: list[Any]) -> list[Any]:
    datasets[9].ImagePositionPatient = datasets[8].ImagePositionPatient
    return datasets


def _growing_gaps(datasets: list[Any]) -> list[Any]:
    for number, dataset in enumerate(datasets):
        # Gaps of 2.56, 2.68, 2.80 mm and so on.
        dataset.ImagePositionPatient[2] = round(-100 + 2.5 * number + 0.06 * number**2, 5)
    return datasets


def _one_without_position(datasets: list[Any]) -> list[Any]:
    del datasets[9].ImagePositionPatient
    return datasets


def _one_smaller(datasets: list[Any]) -> list[Any]:
    set_stored(datasets[9], np.full((ROWS // 2, COLUMNS), 24, dtype=np.uint16))
    return datasets


def _without_rescale(datasets: list[Any]) -> list[Any]:
    for dataset in datasets:
        del dataset.RescaleSlope, dataset.RescaleIntercept
    return datasets


def _localizer() -> Any:
    dataset = plain_slice(plan().slices_hu[0], (-20.5, 0.0, 50.0), (1, 0, 0, 0, 0, -1), 900)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.AcquisitionNumber = 0
    return dataset


def _write_two_acquisitions(folder: Path, first: Plan, second: Plan) -> None:
    others = datasets_of(second, first_instance=101)
    for dataset in others:
        dataset.AcquisitionNumber = 2
    write_all(folder, [*datasets_of(first), *others])


def _write_truncated(folder: Path) -> None:
    path = write_all(folder, datasets_of(plan()))[9]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - ROWS * COLUMNS])


def _write_without_preamble(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in enumerate(datasets_of(plan())):
        del dataset.file_meta
        pydicom.dcmwrite(folder / f"{number:04d}", dataset, implicit_vr=True, little_endian=True)


def _write_with_junk(folder: Path) -> None:
    write_all(folder, datasets_of(plan()))
    (folder / "notes.txt").write_text("Reconstructed again on Tuesday.\n")
    (folder / "Thumbs.db").write_bytes(bytes(range(256)) * 4)
    (folder / "0005.dcm.part").write_bytes(b"")


def _write_with_copy(folder: Path) -> None:
    paths = write_all(folder, datasets_of(plan()))
    shutil.copy(paths[4], folder / "again.dcm")
