import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEGLSLossless, RLELossless

from medsynth.imaging import dicom_series
from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_series import (
    AssembledSeries,
    SeriesGroup,
    SeriesLimits,
    assemble_series,
    group_series,
)
from tests.medsynth.imaging.dicom_examples import (
    SERIES_UID,
    example_series,
    example_slice,
    set_stored,
    stored_values,
    write_slices,
)

LIMITS = SeriesLimits(min_slices=3, max_gap_spread_mm=0.05)
Change = Callable[[list[Any]], list[Any] | None]


def groups_of(paths: list[Path]) -> tuple[SeriesGroup, ...]:
    headers = [read_header(path) for path in paths]
    return group_series(header for header in headers if header is not None)


def assembled(folder: Path, datasets: list[Any]) -> AssembledSeries:
    return assemble_series(groups_of(write_slices(folder, datasets))[0], LIMITS)


def test_series_becomes_a_volume_in_hounsfield_units(tmp_path: Path) -> None:
    result = assembled(tmp_path, example_series(6))
    assert (result.reason, result.slices) == ("accepted", 6)
    assert result.volume is not None
    assert result.volume.voxels_hu.dtype == np.int16
    assert result.volume.voxels_hu.shape == (6, 16, 20)
    # Stored 1124, 1064 and 0, less 1024.
    assert result.volume.voxels_hu[0, 1, 2] == 100
    assert result.volume.voxels_hu[0, 4, 5] == 40
    assert result.volume.voxels_hu[0, 0, 0] == -1024


def test_affine_gives_the_place_of_each_voxel_in_ras(tmp_path: Path) -> None:
    volume = assembled(tmp_path, example_series(6)).volume
    assert volume is not None
    # Slice 4, row 1, column 2: LPS (-30 + 2 * 3, -20 + 1 * 2, 100 + 4 * 5) = (-24, -18, 120).
    assert (volume.affine @ [2, 1, 4, 1]).tolist() == [24.0, 18.0, 120.0, 1.0]


def test_slices_are_sorted_by_position_whatever_their_names(tmp_path: Path) -> None:
    datasets = example_series(6)
    for number, dataset in enumerate(datasets):
        stored = stored_values()
        stored[0, 0] = 1000 + number
        set_stored(dataset, stored)
    volume = assembled(tmp_path, [datasets[index] for index in (3, 0, 5, 1, 4, 2)]).volume
    assert volume is not None
    assert volume.voxels_hu[:, 0, 0].tolist() == [-24, -23, -22, -21, -20, -19]


def test_a_feet_first_image_is_turned_and_keeps_its_place(tmp_path: Path) -> None:
    datasets = example_series(6)
    for dataset in datasets:
        dataset.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
    volume = assembled(tmp_path, datasets).volume
    assert volume is not None
    # Columns ran to the right: column 2 of 20 is column 17 now.
    assert volume.voxels_hu[0, 1, 17] == 100
    # LPS (-30 - 2 * 3, -18, 100) as before the turn.
    assert (volume.affine @ [17, 1, 0, 1]).tolist() == [36.0, 18.0, 100.0, 1.0]


def test_an_oblique_axial_series_keeps_its_slope(tmp_path: Path) -> None:
    datasets = example_series(6)
    cosine, sine = np.cos(np.radians(10)), np.sin(np.radians(10))
    for number, dataset in enumerate(datasets):
        dataset.ImageOrientationPatient = [1, 0, 0, 0, round(cosine, 9), round(sine, 9)]
        # Along the normal (0, -sine, cosine).
        dataset.ImagePositionPatient = [
            0,
            round(-5 * number * sine, 6),
            round(5 * number * cosine, 6),
        ]
    volume = assembled(tmp_path, datasets).volume
    assert volume is not None
    assert volume.spacing_slice_row_column_mm == pytest.approx((5.0, 2.0, 3.0), abs=1e-5)
    # One row down: LPS (0, 2 cosine, 2 sine), so RAS (0, -2 cosine, 2 sine).
    assert volume.affine[:3, 1] == pytest.approx([0.0, -2 * cosine, 2 * sine], abs=1e-6)


def test_each_slice_is_rescaled_by_its_own_slope(tmp_path: Path) -> None:
    datasets = example_series(4)
    datasets[2].RescaleSlope = 2
    set_stored(datasets[2], stored_values() // 2)
    volume = assembled(tmp_path, datasets).volume
    assert volume is not None
    assert np.array_equal(volume.voxels_hu[2], volume.voxels_hu[1])


def test_padding_becomes_air(tmp_path: Path) -> None:
    datasets = example_series(4)
    for dataset in datasets:
        stored = (stored_values().astype(np.int16) - 1024).astype(np.int16)
        stored[0] = -2000
        set_stored(dataset, stored)
        dataset.RescaleIntercept = 0
        dataset.PixelPaddingValue = -2000
    volume = assembled(tmp_path, datasets).volume
    assert volume is not None
    assert set(volume.voxels_hu[:, 0].ravel().tolist()) == {-1024}


def test_compressed_and_plain_slices_give_equal_volumes(tmp_path: Path) -> None:
    plain = assembled(tmp_path / "plain", example_series(4)).volume
    datasets = example_series(4)
    for dataset in datasets:
        dataset.compress(RLELossless, generate_instance_uid=False)
    compressed = assembled(tmp_path / "compressed", datasets).volume
    assert plain is not None
    assert compressed is not None
    assert np.array_equal(plain.voxels_hu, compressed.voxels_hu)


def test_files_without_preamble_are_read(tmp_path: Path) -> None:
    paths = []
    for number, dataset in enumerate(example_series(4)):
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        del dataset.file_meta
        path = tmp_path / f"{number}.dcm"
        dataset.save_as(path, implicit_vr=True, little_endian=True)
        paths.append(path)
    assert assemble_series(groups_of(paths)[0], LIMITS).reason == "accepted"


def test_the_same_file_twice_counts_once(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(4))
    copy = tmp_path / "copy.dcm"
    shutil.copy(paths[1], copy)
    result = assemble_series(groups_of([*paths, copy])[0], LIMITS)
    assert (result.reason, result.slices) == ("accepted", 4)


def test_the_same_image_in_another_encoding_counts_once(tmp_path: Path) -> None:
    again = example_slice(1)
    again.compress(JPEGLSLossless, generate_instance_uid=False)
    result = assembled(tmp_path, [*example_series(4), again])
    assert (result.reason, result.slices) == ("accepted", 4)


def test_the_same_pixels_at_another_place_are_a_conflicting_copy(tmp_path: Path) -> None:
    moved = example_slice(1)
    moved.ImagePositionPatient = [-30, -20, 900]
    assert assembled(tmp_path, [*example_series(4), moved]).reason == "conflicting_copies"


def test_padding_that_no_header_names_is_refused(tmp_path: Path) -> None:
    datasets = example_series(4)
    for dataset in datasets:
        stored = stored_values()
        # 2024 - 1024 = 1000 HU in every corner; the circle has a radius of 10 pixels.
        row, column = np.mgrid[:16, :20]
        stored[np.hypot(row - 7.5, column - 9.5) > 10] = 2024
        set_stored(dataset, stored)
    assert assembled(tmp_path, datasets).reason == "unmapped_padding"


@pytest.mark.parametrize(
    "orientation",
    [
        (1, 0, 0, 0, 1, 0),
        (-1, 0, 0, 0, 1, 0),
        (-1, 0, 0, 0, -1, 0),
        (0, 1, 0, -1, 0, 0),
        (0, 1, 0, 1, 0, 0),
        (0.96, 0.28, 0, -0.28, 0.96, 0),
        (1, 0, 0, 0, 0.96, 0.28),
    ],
)
@pytest.mark.parametrize("direction", [1, -1])
def test_each_value_keeps_its_place_in_the_patient(
    tmp_path: Path, orientation: tuple[float, ...], direction: int
) -> None:
    along_row, down_column = np.reshape(orientation, (2, 3)).astype(float)
    normal = direction * np.cross(along_row, down_column)
    datasets, places = example_series(4), {}
    for number, dataset in enumerate(datasets):
        first = np.array([-30.25, -20.5, 100.125]) + 5 * number * normal
        dataset.ImageOrientationPatient = list(orientation)
        dataset.ImagePositionPatient = [f"{value:.9f}" for value in first]
        # Each value appears once: 320 pixels from 1024 on, so HU from 0 on, in each slice.
        stored = (1024 + 320 * number + np.arange(320)).reshape(16, 20).astype(np.uint16)
        stored[0, :4] = 24
        set_stored(dataset, stored)
        for row, column in np.ndindex(16, 20):
            lps = first + 2 * row * down_column + 3 * column * along_row
            places[int(stored[row, column]) - 1024] = lps * (-1, -1, 1)
    volume = assembled(tmp_path, datasets).volume
    assert volume is not None
    for slice_, row, column in np.ndindex(volume.voxels_hu.shape):
        value = int(volume.voxels_hu[slice_, row, column])
        if value != -1000:
            found = volume.affine @ [column, row, slice_, 1]
            assert np.abs(found[:3] - places[value]).max() < 1e-6


def test_a_localizer_in_the_series_becomes_a_group_of_its_own(tmp_path: Path) -> None:
    localizer = example_slice(90)
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    localizer.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    groups = groups_of(write_slices(tmp_path, [localizer, *example_series(4)]))
    assert [assemble_series(group, LIMITS).reason for group in groups] == ["accepted", "localizer"]
    assert [group.part for group in groups] == [0, 1]


def test_groups_do_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, [*example_series(4), *example_series(3, series_uid="1.2.9")])
    assert groups_of(paths) == groups_of(paths[::-1])


def _each(keyword: str, value: object) -> Change:
    def change(datasets: list[Any]) -> None:
        for dataset in datasets:
            setattr(dataset, keyword, value)

    return change


def _one(number: int, keyword: str, value: object) -> Change:
    def change(datasets: list[Any]) -> None:
        setattr(datasets[number], keyword, value)

    return change


def _without(keyword: str) -> Change:
    def change(datasets: list[Any]) -> None:
        for dataset in datasets:
            delattr(dataset, keyword)

    return change


def _shear(datasets: list[Any]) -> None:
    for number, dataset in enumerate(datasets):
        # 15 degrees: 5 mm * tan(15 degrees) = 1.34 mm a slice.
        dataset.ImagePositionPatient = [0, 1.34 * number, 5 * number]


def _drop_a_middle_slice(datasets: list[Any]) -> list[Any]:
    return datasets[:2] + datasets[3:]


def _smaller_middle_slice(datasets: list[Any]) -> None:
    set_stored(datasets[2], stored_values()[:8])


def _truncated_pixels(datasets: list[Any]) -> None:
    datasets[1].PixelData = datasets[1].PixelData[:100]


def _blank(datasets: list[Any]) -> None:
    for dataset in datasets:
        set_stored(dataset, np.zeros((16, 20), dtype=np.uint16))


def _negative_without_sign(datasets: list[Any]) -> None:
    stored = stored_values().astype(np.int16)
    stored[5, 6] = -40
    # Read without a sign, -40 is 65496: the darkest streak would be the densest metal.
    set_stored(datasets[2], stored)
    datasets[2].PixelRepresentation = 0


def _copy_with_other_pixels(datasets: list[Any]) -> list[Any]:
    other = example_slice(2)
    set_stored(other, stored_values() + np.uint16(1))
    return [*datasets, other]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda datasets: datasets[:2], "too_few_slices"),
        (_each("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
        (_each("ImageType", ["DERIVED", "SECONDARY", "REFORMATTED"]), "derived_secondary"),
        (_each("ImageType", ["DERIVED", "PRIMARY", "AXIAL", "MAT_REMOVED"]), "derived_secondary"),
        (_each("ImageType", ["DERIVED", "PRIMARY", "AXIAL", "SUBTRACTION"]), "derived_secondary"),
        (_each("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4"), "not_ct"),
        (_each("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2.1"), "multi_frame_unsupported"),
        (_each("ImageOrientationPatient", [1, 0, 0, 0, 0, -1]), "not_axial"),
        (_each("BurnedInAnnotation", "YES"), "burned_in_text"),
        (_each("PhotometricInterpretation", "MONOCHROME1"), "not_grey"),
        (_without("ImagePositionPatient"), "missing_geometry"),
        (_without("RescaleIntercept"), "missing_rescale"),
        (_each("RescaleSlope", 0), "missing_rescale"),
        (_each("RescaleType", "Z_EFF"), "not_hounsfield"),
        (_each("RescaleIntercept", -1300), "not_hounsfield"),
        (_each("RescaleIntercept", 0), "not_hounsfield"),
        (_each("RescaleSlope", "1e-9"), "not_hounsfield"),
        (_blank, "not_hounsfield"),
        (_negative_without_sign, "not_hounsfield"),
        (_one(1, "PatientID", "somebody else"), "mixed_patients"),
        (_one(1, "ImagePositionPatient", [-30, -20, 106.0]), "irregular_spacing"),
        (_one(1, "ImagePositionPatient", [-30, -20, 100]), "duplicate_position"),
        (_one(2, "ImagePositionPatient", [-30, -18, 110]), "irregular_spacing"),
        (_shear, "gantry_tilt"),
        (_drop_a_middle_slice, "irregular_spacing"),
        (_smaller_middle_slice, "mixed_matrix"),
        (_truncated_pixels, "unreadable_pixels"),
        (_copy_with_other_pixels, "conflicting_copies"),
    ],
)
def test_each_defect_is_refused_with_its_reason(
    tmp_path: Path, change: Change, reason: str
) -> None:
    datasets = example_series(6)
    changed = change(datasets)
    result = assembled(tmp_path, datasets if changed is None else changed)
    assert result.reason == reason
    assert result.volume is None


def test_one_slice_is_too_few_whatever_the_limit(tmp_path: Path) -> None:
    group = groups_of(write_slices(tmp_path, example_series(1)))[0]
    limits = SeriesLimits(min_slices=1, max_gap_spread_mm=0.05)
    assert assemble_series(group, limits).reason == "too_few_slices"


def test_a_series_without_any_identity_is_refused(tmp_path: Path) -> None:
    datasets = example_series(4)
    for dataset in datasets:
        dataset.SeriesInstanceUID = dataset.StudyInstanceUID = ""
    assert assembled(tmp_path, datasets).reason == "missing_identity"


def test_gaps_within_the_limit_are_accepted(tmp_path: Path) -> None:
    datasets = example_series(6)
    datasets[1].ImagePositionPatient = [-30, -20, 105.02]
    # Gaps of 5.02 and 4.98 mm differ by 0.04 mm.
    assert assembled(tmp_path, datasets).reason == "accepted"


def test_a_file_gone_after_discovery_costs_its_series_only(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, example_series(4))
    group = groups_of(paths)[0]
    paths[0].unlink()
    assert assemble_series(group, LIMITS).reason == "unreadable_pixels"


def test_a_file_written_again_after_discovery_is_not_read_by_its_old_header(
    tmp_path: Path,
) -> None:
    paths = write_slices(tmp_path, example_series(4))
    group = groups_of(paths)[0]
    # The next slice in this file's name: as many bytes, at another place in the patient.
    paths[3].replace(paths[2])
    shutil.copy(paths[2], paths[3])
    assert assemble_series(group, LIMITS).reason == "unreadable_pixels"


def test_lack_of_memory_is_not_taken_for_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = groups_of(write_slices(tmp_path, example_series(4)))[0]

    def no_room(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(dicom_series, "read_stored", no_room)
    with pytest.raises(MemoryError):
        assemble_series(group, LIMITS)


def test_identity_is_not_shown_by_repr(tmp_path: Path) -> None:
    assert SERIES_UID not in repr(groups_of(write_slices(tmp_path, example_series(3))))
