import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medsynth.imaging.dicom_grouping import SeriesGroup, slices_of
from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_series import SeriesLimits, assemble_series, group_series
from tests.medsynth.imaging.planned_series import SLICES, Plan, datasets_of, plan, write_all

LIMITS = SeriesLimits(min_slices=5, max_gap_spread_mm=0.05)


def groups_of(folder: Path, datasets: Sequence[Any]) -> tuple[SeriesGroup, ...]:
    headers = [read_header(path) for path in write_all(folder, datasets)]
    return group_series(header for header in headers if header is not None)


def verdicts(groups: Sequence[SeriesGroup]) -> list[tuple[str, int]]:
    results = [assemble_series(group, LIMITS) for group in groups]
    return [(result.reason.value, result.slices) for result in results]


def second(shown: Plan, change: Callable[[Any, int], None]) -> list[Any]:
    """Give the slices of a second volume of the same series, with UIDs of their own."""
    datasets = datasets_of(shown, first_instance=201)
    for number, dataset in enumerate(datasets):
        change(dataset, number)
    return datasets


def _sharp(dataset: Any, number: int) -> None:
    dataset.ConvolutionKernel = "B70f"


def _thin(dataset: Any, number: int) -> None:
    dataset.SliceThickness = 1.25


def _low_voltage(dataset: Any, number: int) -> None:
    dataset.KVP = 80


def _other_space(dataset: Any, number: int) -> None:
    dataset.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.8001.0.3"


def _next_acquisition(dataset: Any, number: int) -> None:
    dataset.AcquisitionNumber = 2


@pytest.mark.parametrize("change", [_sharp, _thin])
def test_two_kernels_or_thicknesses_are_two_volumes(
    tmp_path: Path, change: Callable[[Any, int], None]
) -> None:
    other = plan(12, seed=5)
    groups = groups_of(tmp_path, [*datasets_of(plan()), *second(other, change)])
    assert verdicts(groups) == [("accepted", 20), ("accepted", 12)]
    assert [group.part for group in groups] == [0, 1]
    volume = assemble_series(groups[1], LIMITS).volume
    assert volume is not None
    assert np.array_equal(volume.voxels_hu, other.slices_hu)


@pytest.mark.parametrize("change", [_low_voltage, _other_space])
@pytest.mark.parametrize(
    # Half a gap apart, or one behind the other, both would make one regular grid.
    "start_mm",
    [-98.75, -50.0],
)
def test_two_voltages_or_spaces_are_two_volumes_though_they_make_one_grid(
    tmp_path: Path, change: Callable[[Any, int], None], start_mm: float
) -> None:
    other = plan(12, seed=5, start_mm=start_mm)
    groups = groups_of(tmp_path, [*datasets_of(plan()), *second(other, change)])
    assert verdicts(groups) == [("accepted", 20), ("accepted", 12)]
    volume = assemble_series(groups[1], LIMITS).volume
    assert volume is not None
    assert np.array_equal(volume.voxels_hu, other.slices_hu)


def test_a_volume_is_found_among_more_turned_slices_than_are_compared(tmp_path: Path) -> None:
    def turn(dataset: Any, number: int) -> None:
        # One degree a slice: far more than rounding, and none of them axial to the others.
        cosine, sine = np.cos(np.radians(number + 1)), np.sin(np.radians(number + 1))
        dataset.ImageOrientationPatient = [round(float(x), 9) for x in (cosine, sine, 0)] + [
            round(float(x), 9) for x in (-sine, cosine, 0)
        ]

    # The turned slices come first in the order of their UIDs.
    turned = second(plan(80), turn)
    axial = datasets_of(plan(), first_instance=301)
    found = verdicts(groups_of(tmp_path, [*turned, *axial]))
    assert found == [("accepted", 20), *[("too_few_slices", 1)] * 80]


def test_beyond_sixty_four_orientations_only_equal_ones_are_taken_together(
    tmp_path: Path,
) -> None:
    # Comparing each with each would let one file of many frames keep the parent for hours.
    (header,) = groups_of(tmp_path, datasets_of(plan(1)))[0].instances
    assert header.geometry is not None
    headers = []
    for number in range(70):
        # Two slices of each orientation, turned against each other by half of what is rounding.
        for part, angle in enumerate((0.01 * number, 0.01 * number + 5e-4)):
            orientation = (np.cos(angle), np.sin(angle), 0.0, -np.sin(angle), np.cos(angle), 0.0)
            geometry = dataclasses.replace(header.geometry, orientation=orientation)
            uid = f"1.2.{1000 + 2 * number + part}"
            headers.append(dataclasses.replace(header, instance_uid=uid, geometry=geometry))
    # 64 pairs; of the last 6 pairs each slice is alone.
    sizes = [len(group.instances) for group in group_series(headers)]
    assert sizes == [2] * 64 + [1] * 12


def test_a_space_of_its_own_for_each_file_divides_nothing(tmp_path: Path) -> None:
    datasets = datasets_of(plan())
    for number, dataset in enumerate(datasets):
        dataset.FrameOfReferenceUID = f"1.2.826.9.{number}"
    assert verdicts(groups_of(tmp_path, datasets)) == [("accepted", 20)]


@pytest.mark.parametrize("number", [0, 19])
@pytest.mark.parametrize(
    "keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"]
)
def test_a_series_whose_end_slice_has_no_place_is_not_taken_for_a_shorter_one(
    tmp_path: Path, number: int, keyword: str
) -> None:
    datasets = datasets_of(plan())
    delattr(datasets[number], keyword)
    assert verdicts(groups_of(tmp_path, datasets)) == [
        ("missing_geometry", 19),
        ("missing_geometry", 1),
    ]


def test_a_screen_copy_without_a_place_costs_the_scan_nothing(tmp_path: Path) -> None:
    copy = datasets_of(plan(1), first_instance=301)[0]
    copy.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    del copy.ImagePositionPatient
    groups = groups_of(tmp_path, [*datasets_of(plan()), copy])
    assert verdicts(groups) == [("accepted", 20), ("missing_geometry", 1)]


def test_a_slice_that_names_no_kernel_and_no_thickness_stays_with_the_others(
    tmp_path: Path,
) -> None:
    datasets = datasets_of(plan())
    del datasets[7].ConvolutionKernel, datasets[7].SliceThickness, datasets[7].KVP
    del datasets[7].FrameOfReferenceUID
    assert verdicts(groups_of(tmp_path, datasets)) == [("accepted", 20)]


def test_acquisitions_whose_slices_alternate_evenly_are_two_volumes(tmp_path: Path) -> None:
    # Half a gap apart, the slices of both would make one regular grid of 1.25 mm.
    other = plan(seed=5, start_mm=-98.75)
    groups = groups_of(tmp_path, [*datasets_of(plan()), *second(other, _next_acquisition)])
    assert verdicts(groups) == [("accepted", 20), ("accepted", 20)]


def test_acquisitions_at_the_same_places_are_two_volumes(tmp_path: Path) -> None:
    groups = groups_of(tmp_path, [*datasets_of(plan()), *second(plan(seed=5), _next_acquisition)])
    assert verdicts(groups) == [("accepted", 20), ("accepted", 20)]


def test_acquisitions_that_continue_each_other_are_one_volume(tmp_path: Path) -> None:
    datasets = datasets_of(plan())
    for dataset in datasets[12:]:
        dataset.AcquisitionNumber = 2
    assert verdicts(groups_of(tmp_path, datasets)) == [("accepted", 20)]


def test_a_slice_missing_between_acquisitions_does_not_make_two_volumes(tmp_path: Path) -> None:
    datasets = datasets_of(plan())
    for dataset in datasets[10:]:
        dataset.AcquisitionNumber = 2
    del datasets[9]
    assert verdicts(groups_of(tmp_path, datasets)) == [("irregular_spacing", 19)]


def test_acquisitions_of_two_body_regions_are_two_volumes(tmp_path: Path) -> None:
    pelvis = plan(10, seed=5, start_mm=-300.7)
    groups = groups_of(tmp_path, [*datasets_of(plan()), *second(pelvis, _next_acquisition)])
    assert verdicts(groups) == [("accepted", 20), ("accepted", 10)]


def test_monitoring_slices_do_not_spoil_the_volume(tmp_path: Path) -> None:
    monitoring = datasets_of(plan(6), first_instance=301)
    for number, dataset in enumerate(monitoring):
        dataset.ImagePositionPatient = [-20.5, -31.25, -75]
        dataset.AcquisitionNumber = 2 + number
    groups = groups_of(tmp_path, [*monitoring, *datasets_of(plan())])
    assert verdicts(groups) == [("accepted", 20)] + [("too_few_slices", 1)] * 6


def test_a_number_for_each_slice_does_not_tear_a_volume_apart(tmp_path: Path) -> None:
    datasets = datasets_of(plan())
    for number, dataset in enumerate(datasets):
        dataset.AcquisitionNumber = number
    datasets[9].ImagePositionPatient = datasets[8].ImagePositionPatient
    assert verdicts(groups_of(tmp_path, datasets)) == [("duplicate_position", 20)]


def test_a_pause_tells_acquisitions_apart_that_have_no_number(tmp_path: Path) -> None:
    datasets = [*datasets_of(plan()), *second(plan(seed=5), lambda *_: None)]
    for number, dataset in enumerate(datasets):
        del dataset.AcquisitionNumber
        # A slice each 0.2 s, and a minute between the acquisitions.
        start = "1015" if number < SLICES else "1016"
        dataset.ContentTime = f"{start}{10 + 0.2 * (number % SLICES):09.6f}"
    groups = groups_of(tmp_path, datasets)
    assert verdicts(groups) == [("accepted", 20), ("accepted", 20)]


def test_slices_at_one_place_without_any_time_are_refused(tmp_path: Path) -> None:
    datasets = [*datasets_of(plan()), *second(plan(seed=5), lambda *_: None)]
    assert verdicts(groups_of(tmp_path, datasets)) == [("duplicate_position", 40)]


def test_parts_do_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    datasets = [*datasets_of(plan()), *second(plan(seed=5), _next_acquisition)]
    headers = [read_header(path) for path in write_all(tmp_path, datasets)]
    known = [header for header in headers if header is not None]
    assert group_series(known) == group_series(known[::-1])


def test_each_slice_of_a_series_is_in_exactly_one_group(tmp_path: Path) -> None:
    datasets = [*datasets_of(plan()), *second(plan(seed=5), _sharp)]
    datasets[3].Rows, datasets[3].PixelData = 24, datasets[3].PixelData[: 24 * 64 * 2]
    groups = groups_of(tmp_path, datasets)
    keys = [one.key for group in groups for one in slices_of(group.instances)]
    assert sorted(keys) == sorted((str(dataset.SOPInstanceUID), 0) for dataset in datasets)


def test_a_projection_is_refused_as_computed_from_others(tmp_path: Path) -> None:
    datasets = datasets_of(plan())
    for dataset in datasets:
        dataset.ImageType = ["DERIVED", "PRIMARY", "AXIAL", "MIP"]
    assert verdicts(groups_of(tmp_path, datasets)) == [("derived_secondary", 20)]


def test_slices_of_another_orientation_are_a_group_of_their_own(tmp_path: Path) -> None:
    turned = dataclasses.replace(plan(10, seed=5), orientation=(1.0, 0.0, 0.0, 0.0, 0.9848, 0.1736))
    groups = groups_of(tmp_path, [*datasets_of(plan()), *second(turned, lambda *_: None)])
    assert [len(group.instances) for group in groups] == [20, 10]
