import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_series import (
    AssembledSeries,
    MissingSlicePolicy,
    Repair,
    RepairKind,
    SeriesLimits,
    TiltPolicy,
    assemble_series,
    group_series,
)
from tests.medsynth.imaging.planned_series import (
    COLUMN_MM,
    COLUMNS,
    ROW_MM,
    ROWS,
    Plan,
    datasets_of,
    plan,
    truth,
    write_all,
)

STRICT = SeriesLimits(min_slices=5, max_gap_spread_mm=0.05)
FILLING = dataclasses.replace(STRICT, missing_slices=MissingSlicePolicy.INTERPOLATE)
STRAIGHTENING = dataclasses.replace(STRICT, gantry_tilt=TiltPolicy.DESHEAR)


def assembled(folder: Path, datasets: Sequence[Any], limits: SeriesLimits) -> AssembledSeries:
    headers = [read_header(path) for path in write_all(folder, datasets)]
    (group,) = group_series(header for header in headers if header is not None)
    return assemble_series(group, limits)


def without(numbers: set[int]) -> list[Any]:
    return [one for number, one in enumerate(datasets_of(plan())) if number not in numbers]


def test_a_missing_slice_becomes_the_mean_of_its_neighbours_and_is_named(tmp_path: Path) -> None:
    result = assembled(tmp_path, without({9}), FILLING)
    assert (result.reason, result.slices) == ("accepted", 19)
    assert result.repairs == (Repair(RepairKind.INTERPOLATED_SLICES, slices=(9,)),)
    expected = truth(plan())
    assert result.volume is not None
    assert np.allclose(result.volume.affine, expected.affine, atol=1e-6)
    scanned = [number for number in range(20) if number != 9]
    assert np.array_equal(result.volume.voxels_hu[scanned], expected.voxels_hu[scanned])
    neighbours = expected.voxels_hu[[8, 10]].astype(float)
    assert np.array_equal(result.volume.voxels_hu[9], np.rint(neighbours.mean(axis=0)))


def test_two_neighbours_missing_are_weighted_by_their_distance(tmp_path: Path) -> None:
    volume = assembled(tmp_path, without({9, 10}), FILLING).volume
    expected = truth(plan()).voxels_hu.astype(float)
    assert volume is not None
    # Place 9 is one gap from slice 8 and two from slice 11.
    blended = expected[8] * 2 / 3 + expected[11] / 3
    assert np.abs(volume.voxels_hu[9] - blended).max() <= 0.5


@pytest.mark.parametrize(
    ("numbers", "limits"),
    [({9}, STRICT), ({3, 9, 15}, FILLING), ({9, 10, 11}, FILLING), ({9}, STRAIGHTENING)],
)
def test_missing_slices_are_refused_unless_two_at_most_may_be_filled(
    tmp_path: Path, numbers: set[int], limits: SeriesLimits
) -> None:
    result = assembled(tmp_path, without(numbers), limits)
    assert (result.reason, result.volume) == ("irregular_spacing", None)


def smooth(row_mm: NDArray[np.float64], column_mm: NDArray[np.float64], z_mm: float) -> Any:
    """Give a body whose HU are known everywhere: a soft ball in air, and a slope along z."""
    distance = np.hypot(row_mm - 19.2, column_mm - 22.0)
    return -1024.0 + (1064.0 + z_mm) / (1.0 + np.exp((distance - 6.0) / 1.2))


def sheared_plan(slide_rows_mm: float, slide_columns_mm: float) -> Plan:
    """Give axial slices of `smooth`, each shifted against the last."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    slices, positions = [], []
    for number in range(12):
        top, left = slide_rows_mm * number, slide_columns_mm * number
        shown = smooth(row * ROW_MM + top, column * COLUMN_MM + left, 2.5 * number)
        slices.append(np.rint(shown).astype(np.int16))
        positions.append((left, top, 2.5 * number))
    return Plan(np.stack(slices), tuple(positions))


@pytest.mark.parametrize("slide_mm", [(0.42, 0.0), (-0.42, 0.0), (0.31, -0.4)])
def test_a_straightened_volume_shows_the_body_where_it_is(
    tmp_path: Path, slide_mm: tuple[float, float]
) -> None:
    result = assembled(tmp_path, datasets_of(sheared_plan(*slide_mm)), STRAIGHTENING)
    volume = result.volume
    assert volume is not None
    slices, rows, columns = volume.voxels_hu.shape
    assert slices == 12
    # Columns, rows and slices are perpendicular now.
    assert np.allclose(volume.affine[:3, :3], np.diag([-COLUMN_MM, -ROW_MM, 2.5]), atol=1e-9)
    row, column = np.mgrid[:rows, :columns]
    top, left = -volume.affine[1, 3], -volume.affine[0, 3]
    for number in range(12):
        known = smooth(row * ROW_MM + top, column * COLUMN_MM + left, 2.5 * number)
        # Linear interpolation errs by spacing^2 / 8 times the curvature: the edge, a logistic of
        # 1.2 mm and 1091 HU, bends by at most 0.0962 * 1091 / 1.2^2 = 73 HU a square millimetre:
        # 5.8 HU along the rows, 4.5 along the columns; and 0.5 for each of two roundings.
        assert np.abs(volume.voxels_hu[number] - known).max() < 11.3


def test_a_straightened_volume_names_its_tilt(tmp_path: Path) -> None:
    result = assembled(tmp_path, datasets_of(sheared_plan(0.66987, 0.0)), STRAIGHTENING)
    (repair,) = result.repairs
    assert repair.kind is RepairKind.DESHEARED_TILT
    # The tangent of 15 degrees is 0.66987 mm by 2.5 mm.
    assert repair.tilt_degrees == pytest.approx(15.0, abs=0.01)


@pytest.mark.parametrize("rounding_mm", [0.0, 1e-8, -1e-8])
def test_straightening_by_whole_pixels_changes_no_value(tmp_path: Path, rounding_mm: float) -> None:
    shown = sheared_plan(2 * ROW_MM, rounding_mm)
    volume = assembled(tmp_path, datasets_of(shown), STRAIGHTENING).volume
    assert volume is not None
    # Eleven steps of two rows: the matrix grows by 22 rows, and slice n starts at row 2 n.
    assert volume.voxels_hu.shape == (12, ROWS + 22, COLUMNS)
    for number in range(12):
        start = 2 * number
        assert np.array_equal(
            volume.voxels_hu[number, start : start + ROWS], shown.slices_hu[number]
        )
        assert (volume.voxels_hu[number, :start] == -1024).all()


def test_a_tilted_series_with_a_missing_slice_takes_both_policies(tmp_path: Path) -> None:
    datasets = datasets_of(sheared_plan(0.66987, 0.0))
    del datasets[5]
    both = dataclasses.replace(FILLING, gantry_tilt=TiltPolicy.DESHEAR)
    result = assembled(tmp_path / "both", datasets, both)
    assert [repair.kind for repair in result.repairs] == ["desheared_tilt", "interpolated_slices"]
    assert assembled(tmp_path / "fill", datasets, FILLING).reason == "gantry_tilt"
    assert assembled(tmp_path / "tilt", datasets, STRAIGHTENING).reason == "irregular_spacing"


def test_policies_change_nothing_in_a_sound_series(tmp_path: Path) -> None:
    both = dataclasses.replace(FILLING, gantry_tilt=TiltPolicy.DESHEAR)
    result = assembled(tmp_path, datasets_of(plan()), both)
    assert result.repairs == ()
    assert result.volume is not None
    assert np.array_equal(result.volume.voxels_hu, truth(plan()).voxels_hu)
