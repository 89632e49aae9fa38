"""Thirty faulty series read by this program and by the readers in common use.

A series' truth is known from its generator. A reader is right when it gives just
the true volumes, or nothing where the series must be refused; single slices beside
them, as of a localizer, do no harm. A volume that is not true counts as silently
wrong, whatever was printed beside it. Readers that are not installed are left out.
"""

import importlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import highdicom
import nibabel
import numpy as np
import pydicom

from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_series import SeriesLimits, assemble_series, group_series
from medsynth.imaging.orientation import largest_corner_distance_mm
from medsynth.imaging.volume import Volume
from tests.medsynth.imaging.faulty_series import FaultySeries, faulty_series

Reader = Callable[[Path], list[Volume]]
# A reader may take the step from the first gap, or square rounded directions; a quarter of
# a pixel is no error. This program's own tests ask for 0.0001 mm.
_TOLERANCE_MM = 0.2
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def main() -> None:
    """Print what each reader makes of each series."""
    warnings.simplefilter("ignore")
    readers = _readers()
    print("| series | truth | " + " | ".join(readers) + " |")
    print("| --- " * (len(readers) + 2) + "|")
    outcomes: dict[str, list[str]] = {name: [] for name in readers}
    for case in faulty_series():
        for name, reader in readers.items():
            with tempfile.TemporaryDirectory() as folder:
                case.write(Path(folder) / "in")
                outcomes[name].append(_outcome(case, reader, Path(folder) / "in"))
        truth = ", ".join(case.verdicts)
        cells = " | ".join(outcomes[name][-1] for name in readers)
        print(f"| {case.name} | {truth} | {cells} |", flush=True)
    for word in ("right", "refused a sound series", "SILENTLY WRONG"):
        counts = " | ".join(str(outcomes[name].count(word)) for name in readers)
        print(f"| **{word}** | of {len(faulty_series())} | {counts} |")


def _outcome(case: FaultySeries, reader: Reader, folder: Path) -> str:
    try:
        found = [volume for volume in reader(folder) if min(volume.voxels_hu.shape) > 1]
    except Exception:  # noqa: BLE001 - each reader refuses in its own way
        found = []
    wrong = [one for one in found if not _is_among(one, (*case.volumes, *case.also_right), case)]
    if wrong:
        return "SILENTLY WRONG"
    if case.volumes and len(found) < len(case.volumes):
        return "refused a sound series"
    return "right"


def _is_among(volume: Volume, truths: Sequence[Volume], case: FaultySeries) -> bool:
    for truth in truths:
        if volume.voxels_hu.shape != truth.voxels_hu.shape:
            continue
        slices, rows, columns = truth.voxels_hu.shape
        apart_mm = largest_corner_distance_mm(volume.affine, truth.affine, (slices, rows, columns))
        is_placed = apart_mm <= max(case.tolerance_mm, _TOLERANCE_MM)
        if is_placed and np.abs(volume.voxels_hu - truth.voxels_hu).max() < 0.01:
            return True
    return False


def _readers() -> dict[str, Reader]:
    readers: dict[str, Reader] = {"medsynth": _medsynth}
    if importlib.util.find_spec("SimpleITK"):
        readers["SimpleITK"] = _simpleitk
    if shutil.which("dcm2niix", path=str(Path(sys.executable).parent)):
        readers["dcm2niix"] = _dcm2niix
    if importlib.util.find_spec("dicom2nifti"):
        readers["dicom2nifti"] = _dicom2nifti
    if importlib.util.find_spec("monai"):
        readers["MONAI"] = _monai
    readers["highdicom"] = _highdicom
    return readers


def _medsynth(folder: Path) -> list[Volume]:
    headers = [read_header(path) for path in sorted(folder.iterdir())]
    limits = SeriesLimits(min_slices=5, max_gap_spread_mm=0.05)
    groups = group_series(header for header in headers if header is not None)
    results = [assemble_series(group, limits).volume for group in groups]
    return [volume for volume in results if volume is not None]


def _simpleitk(folder: Path) -> list[Volume]:
    simpleitk: Any = importlib.import_module("SimpleITK")
    simpleitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = simpleitk.ImageSeriesReader()
    found = []
    for series in reader.GetGDCMSeriesIDs(str(folder)):
        names = reader.GetGDCMSeriesFileNames(str(folder), series)
        single = len(names) == 1
        image = simpleitk.ReadImage(names[0]) if single else simpleitk.ReadImage(names)
        affine = np.eye(4)
        direction = np.reshape(image.GetDirection(), (3, 3))
        affine[:3, :3] = direction * np.array(image.GetSpacing())
        affine[:3, 3] = image.GetOrigin()
        values = simpleitk.GetArrayFromImage(image)
        found.append(_upright(values.transpose(2, 1, 0), _LPS_TO_RAS @ affine))
    return found


def _dcm2niix(folder: Path) -> list[Volume]:
    out = folder.parent / "out"
    out.mkdir()
    program = str(Path(sys.executable).parent / "dcm2niix")
    command = [program, "-z", "n", "-o", str(out), str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise OSError(done.returncode)
    return _nifti_files(out)


def _dicom2nifti(folder: Path) -> list[Volume]:
    dicom2nifti: Any = importlib.import_module("dicom2nifti")
    out = folder.parent / "out"
    out.mkdir()
    dicom2nifti.convert_directory(str(folder), str(out), compression=False, reorient=False)
    return _nifti_files(out)


def _monai(folder: Path) -> list[Volume]:
    monai_data: Any = importlib.import_module("monai.data")
    reader = monai_data.PydicomReader()
    single = [path for path in folder.iterdir() if path.suffix == ".dcm"]
    name = str(single[0]) if len(single) == 1 else str(folder)
    values, meta = reader.get_data(reader.read(name))
    return [_upright(np.asarray(values), _as_ras(np.asarray(meta["affine"]), str(meta["space"])))]


def _as_ras(affine: Any, space: str) -> Any:
    return affine if space == "RAS" else _LPS_TO_RAS @ affine


def _highdicom(folder: Path) -> list[Volume]:
    # highdicom reads data sets, not folders: files that are not DICOM are the caller's.
    paths = [
        path for path in sorted(folder.iterdir()) if path.suffix not in (".txt", ".db", ".part")
    ]
    datasets = [pydicom.dcmread(path) for path in paths]
    if len(datasets) == 1:
        volume = highdicom.Image.from_dataset(datasets[0]).get_volume()
    else:
        volume = highdicom.get_volume_from_series(datasets)
    # Index order (slice, row, column) in LPS.
    affine = _LPS_TO_RAS @ volume.affine[:, [2, 1, 0, 3]]
    return [_upright(np.asarray(volume.array).transpose(2, 1, 0), affine)]


def _nifti_files(folder: Path) -> list[Volume]:
    images: list[Any] = [nibabel.load(path) for path in sorted(folder.rglob("*.nii*"))]
    found: list[Volume] = []
    for image in images:
        values = np.asarray(image.dataobj)
        stacks = [values] if values.ndim == 3 else list(np.moveaxis(values, 3, 0))
        found.extend(_upright(stack, image.affine) for stack in stacks)
    return found


def _upright(indexed: Any, affine: Any) -> Volume:
    """Turn (column, row, slice) values so that axes run to the left, back and head."""
    present = nibabel.orientations.io_orientation(affine)
    wanted = nibabel.orientations.axcodes2ornt(("L", "P", "S"))
    transform = nibabel.orientations.ornt_transform(present, wanted)
    turned = nibabel.orientations.apply_orientation(indexed, transform)
    placed = affine @ nibabel.orientations.inv_ornt_aff(transform, indexed.shape)
    return Volume(turned.transpose(2, 1, 0).astype(np.float32), np.asarray(placed, dtype=float))


if __name__ == "__main__":
    main()
