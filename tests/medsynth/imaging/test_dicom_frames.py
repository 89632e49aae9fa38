from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from medsynth.imaging.dicom_header import ImageKind, read_header
from medsynth.imaging.dicom_series import (
    AssembledSeries,
    SeriesLimits,
    assemble_series,
    group_series,
)
from tests.medsynth.imaging.planned_series import (
    datasets_of,
    enhanced,
    plan,
    set_stored,
    truth,
    write_all,
)

LIMITS = SeriesLimits(min_slices=5, max_gap_spread_mm=0.05)
LEGACY_CLASS = "1.2.840.10008.5.1.4.1.1.2.2"


def results_of(folder: Path, *datasets: Any) -> list[AssembledSeries]:
    headers = [read_header(path) for path in write_all(folder, datasets)]
    groups = group_series(header for header in headers if header is not None)
    return [assemble_series(group, LIMITS) for group in groups]


def shows(result: AssembledSeries, expected: Any) -> bool:
    return (
        result.volume is not None
        and np.array_equal(result.volume.voxels_hu, expected.voxels_hu)
        and bool(np.abs(result.volume.affine - expected.affine).max() < 1e-4)
    )


def test_frames_are_stacked_by_their_places_whatever_their_order(tmp_path: Path) -> None:
    shown = plan(8)
    (result,) = results_of(tmp_path, enhanced(shown, order=[3, 0, 7, 2, 5, 1, 6, 4]))
    assert (result.reason, result.slices) == ("accepted", 8)
    assert shows(result, truth(shown))


def test_each_frame_is_rescaled_by_its_own_slope(tmp_path: Path) -> None:
    shown = plan(6)
    dataset = enhanced(shown, order=range(6))
    stored = (shown.slices_hu.astype(np.int32) + 1024).astype(np.uint16)
    stored[4] *= 2
    set_stored(dataset, stored)
    del dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    for number, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        scale = Dataset()
        scale.RescaleSlope, scale.RescaleIntercept = (0.5 if number == 4 else 1), -1024
        groups.PixelValueTransformationSequence = [scale]
    (result,) = results_of(tmp_path, dataset)
    assert shows(result, truth(shown))


def test_a_legacy_converted_file_is_a_volume(tmp_path: Path) -> None:
    shown = plan(6)
    dataset = enhanced(shown, order=range(6))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = LEGACY_CLASS
    kernel = Dataset()
    kernel.ConvolutionKernel = "B30f"
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.UnassignedSharedConvertedAttributesSequence = [kernel]
    header = read_header(write_all(tmp_path / "header", [dataset])[0])
    assert header is not None
    assert (header.technical.kernel, header.technical.slice_thickness_mm) == ("B30f", 2.5)
    (result,) = results_of(tmp_path / "series", dataset)
    assert shows(result, truth(shown))


def test_stacks_of_one_file_are_volumes_of_their_own(tmp_path: Path) -> None:
    first, other = plan(7), plan(5, seed=5)
    both = enhanced(first, order=range(7))
    second = enhanced(other, order=range(5), stacks=["2"] * 5)
    _append(both, second)
    results = results_of(tmp_path, both)
    assert [result.slices for result in results] == [7, 5]
    assert shows(results[0], truth(first))
    assert shows(results[1], truth(other))


def test_time_points_of_one_stack_are_volumes_of_their_own(tmp_path: Path) -> None:
    first, other = plan(6), plan(6, seed=5)
    both, second = enhanced(first, order=range(6)), enhanced(other, order=range(6))
    _append(both, second)
    for number, groups in enumerate(both.PerFrameFunctionalGroupsSequence):
        groups.FrameContentSequence[0].TemporalPositionIndex = 1 + number // 6
    results = results_of(tmp_path, both)
    assert shows(results[0], truth(first))
    assert shows(results[1], truth(other))


def test_acquisitions_of_one_stack_are_volumes_of_their_own(tmp_path: Path) -> None:
    first, other = plan(6), plan(6, seed=5)
    both, second = enhanced(first, order=range(6)), enhanced(other, order=range(6))
    _append(both, second)
    for number, groups in enumerate(both.PerFrameFunctionalGroupsSequence):
        groups.FrameContentSequence[0].FrameAcquisitionNumber = 1 + number // 6
    results = results_of(tmp_path, both)
    assert shows(results[0], truth(first))
    assert shows(results[1], truth(other))


def test_two_files_with_slices_at_the_same_places_are_two_volumes(tmp_path: Path) -> None:
    first, other = plan(6), plan(6, seed=5)
    second = enhanced(other, order=range(6))
    second.SOPInstanceUID = second.file_meta.MediaStorageSOPInstanceUID = "1.2.3.99"
    results = results_of(tmp_path, enhanced(first, order=range(6)), second)
    assert [result.reason for result in results] == ["accepted", "accepted"]


def test_a_volume_over_two_files_is_one_volume(tmp_path: Path) -> None:
    shown = plan(10)
    second = enhanced(shown, order=range(5, 10))
    second.SOPInstanceUID = second.file_meta.MediaStorageSOPInstanceUID = "1.2.3.99"
    (result,) = results_of(tmp_path, enhanced(shown, order=range(5)), second)
    assert shows(result, truth(shown))


def _without_groups(dataset: Any) -> None:
    del dataset.PerFrameFunctionalGroupsSequence


def _one_frame_too_many(dataset: Any) -> None:
    dataset.NumberOfFrames = 7


def _without_scale(dataset: Any) -> None:
    del dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence


def _without_place(dataset: Any) -> None:
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        del groups.PlanePositionSequence


def _perfusion(dataset: Any) -> None:
    scale = dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence[0]
    scale.RescaleType = "ML_100G"


def _coloured(dataset: Any) -> None:
    dataset.PixelPresentation = "COLOR"


def _projected(dataset: Any) -> None:
    dataset.VolumeBasedCalculationTechnique = "MAX_IP"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without_groups, "multi_frame_unsupported"),
        (_one_frame_too_many, "multi_frame_unsupported"),
        (_without_scale, "missing_rescale"),
        (_without_place, "missing_geometry"),
        (_perfusion, "not_hounsfield"),
        (_coloured, "not_grey"),
        (_projected, "derived_secondary"),
    ],
)
def test_each_defect_of_a_multi_frame_file_is_refused(
    tmp_path: Path, change: Any, reason: str
) -> None:
    dataset = enhanced(plan(6), order=range(6))
    change(dataset)
    assert [result.reason for result in results_of(tmp_path, dataset)] == [reason]


def test_frames_without_functional_groups_do_not_pass_as_single_slices(tmp_path: Path) -> None:
    dataset = datasets_of(plan(1))[0]
    dataset.NumberOfFrames, dataset.PixelData = 2, dataset.PixelData * 2
    header = read_header(write_all(tmp_path, [dataset])[0])
    assert header is not None
    assert (header.kind, header.frames) == (ImageKind.MULTI_FRAME_CT, ())


def test_agent_and_volume_are_read_from_an_enhanced_file(tmp_path: Path) -> None:
    dataset = enhanced(plan(3), order=range(3))
    agent, route = Dataset(), Dataset()
    agent.CodeMeaning, route.CodeMeaning, agent.ContrastBolusVolume = "Iohexol", "Intravenous", 90
    agent.ContrastBolusAdministrationRouteSequence = [route]
    dataset.ContrastBolusAgentSequence = [agent]
    header = read_header(write_all(tmp_path, [dataset])[0])
    assert header is not None
    found = header.contrast
    assert (found.agent, found.routes, found.volume_ml) == ("Iohexol", "Intravenous", 90.0)


def _append(dataset: Any, other: Any) -> None:
    """Add another enhanced data set's frames behind those of the first."""
    frames: Sequence[Any] = other.PerFrameFunctionalGroupsSequence
    dataset.PerFrameFunctionalGroupsSequence.extend(frames)
    dataset.NumberOfFrames += other.NumberOfFrames
    dataset.PixelData += other.PixelData
