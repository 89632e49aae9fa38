import dataclasses
from pathlib import Path

import numpy as np
import pytest

from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_series import (
    AssembledSeries,
    SeriesLimits,
    assemble_series,
    group_series,
)
from medsynth.imaging.nifti import read_volume, write_volume
from medsynth.imaging.orientation import largest_corner_distance_mm
from tests.medsynth.imaging.faulty_series import FaultySeries, faulty_series
from tests.medsynth.imaging.planned_series import datasets_of, tilted_plan, truth, write_all

LIMITS = SeriesLimits(min_slices=5, max_gap_spread_mm=0.05)
CASES = faulty_series()


def read_folder(folder: Path) -> list[AssembledSeries]:
    headers = [read_header(path) for path in sorted(folder.iterdir())]
    groups = group_series(header for header in headers if header is not None)
    return [assemble_series(group, LIMITS) for group in groups]


def test_there_are_thirty_different_cases() -> None:
    assert len({case.name for case in CASES}) == 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_series_is_read_exactly_or_refused_with_its_reason(
    tmp_path: Path, case: FaultySeries
) -> None:
    case.write(tmp_path)
    results = read_folder(tmp_path)
    assert tuple(result.reason for result in results) == case.verdicts
    volumes = [result.volume for result in results if result.volume is not None]
    assert len(volumes) == len(case.volumes)
    for volume, expected in zip(volumes, case.volumes, strict=True):
        assert np.array_equal(volume.voxels_hu, expected.voxels_hu)
        shape = (len(expected.voxels_hu), *expected.voxels_hu.shape[1:])
        distance_mm = largest_corner_distance_mm(volume.affine, expected.affine, shape)
        assert distance_mm <= case.tolerance_mm


def test_a_series_as_scanned_names_no_repair(tmp_path: Path) -> None:
    CASES[0].write(tmp_path)
    assert read_folder(tmp_path)[0].repairs == ()


def test_a_written_volume_lies_where_its_slices_lay(tmp_path: Path) -> None:
    near = tilted_plan(12)
    # As far off as a table reaches: single precision steps by 0.00012 mm there.
    far = tuple((x - 250.123, y - 180.456, z - 1700.789) for x, y, z in near.positions_mm)
    shown = dataclasses.replace(near, positions_mm=far)
    write_all(tmp_path / "dicom", datasets_of(shown))
    (result,) = read_folder(tmp_path / "dicom")
    assert result.volume is not None
    write_volume(tmp_path / "volume.nii.gz", result.volume)
    written, expected = read_volume(tmp_path / "volume.nii.gz"), truth(shown)
    assert np.array_equal(written.voxels_hu, expected.voxels_hu)
    shape = (len(shown.slices_hu), *shown.slices_hu.shape[1:])
    assert largest_corner_distance_mm(written.affine, expected.affine, shape) <= 1e-4
