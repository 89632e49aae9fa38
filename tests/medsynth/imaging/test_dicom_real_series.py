import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_pixels import read_stored
from medsynth.imaging.dicom_series import (
    AssembledSeries,
    MissingSlicePolicy,
    SeriesLimits,
    TiltPolicy,
    assemble_series,
    group_series,
)

FOLDER = Path(os.environ.get("MEDSYNTH_REAL_CT", ""))
pytestmark = [
    pytest.mark.real_ct,
    pytest.mark.skipif(
        "MEDSYNTH_REAL_CT" not in os.environ, reason="MEDSYNTH_REAL_CT names no folder"
    ),
]
STRICT = SeriesLimits(min_slices=3, max_gap_spread_mm=0.05)
REPAIRING = SeriesLimits(
    min_slices=3,
    max_gap_spread_mm=0.05,
    missing_slices=MissingSlicePolicy.INTERPOLATE,
    gantry_tilt=TiltPolicy.DESHEAR,
)


def results_of(folder: Path, limits: SeriesLimits = STRICT) -> list[AssembledSeries]:
    headers = [read_header(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    groups = group_series(header for header in headers if header is not None)
    return [assemble_series(group, limits) for group in groups]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ge_head_tilt_irregular_spacing", {("gantry_tilt", 14): 2}),
        (
            "covid_ny_sbu_A002304_axial_cor_sag_mixed",
            {("not_axial", 1): 4, ("too_few_slices", 1): 2},
        ),
        ("mpr_secondary_no_IPP_anisotropic_spacing", {("not_axial", 4): 1}),
        (
            "dcmqi_enhanced_and_seg",
            # Five segmentations; real HU; and the same stored values, without any air,
            # as single slices and as legacy-converted frames of two sizes.
            {("not_ct", 1): 5, ("accepted", 3): 1, ("not_hounsfield", 3): 4},
        ),
        (
            "wg04_transfer_syntaxes",
            {
                ("derived_secondary", 1): 2,
                ("derived_secondary", 5): 1,
                ("duplicate_position", 5): 1,
                ("too_few_slices", 1): 2,
            },
        ),
        (
            "fodicom",
            {("not_ct", 1): 1, ("derived_secondary", 1): 1, ("too_few_slices", 1): 1},
        ),
        ("pydicom_data", {("too_few_slices", 1): 4, ("not_grey", 2): 1}),
    ],
)
def test_each_faulty_folder_ends_in_its_verdicts(
    name: str, expected: dict[tuple[str, int], int]
) -> None:
    results = results_of(FOLDER / "ingest_faults" / name)
    assert Counter((result.reason.value, result.slices) for result in results) == expected


def test_a_head_of_two_thicknesses_and_a_tilt_becomes_two_straight_volumes() -> None:
    results = results_of(FOLDER / "ingest_faults" / "ge_head_tilt_irregular_spacing", REPAIRING)
    assert [result.reason for result in results] == ["accepted", "accepted"]
    for result, gap_mm in zip(results, (7.38, 4.22), strict=True):
        (repair,) = result.repairs
        assert repair.tilt_degrees == pytest.approx(18.5, abs=0.01)
        assert result.volume is not None
        # Along the normal, a gap is shorter by the cosine of the tilt.
        spacing_mm = result.volume.spacing_slice_row_column_mm[0]
        assert spacing_mm == pytest.approx(gap_mm * np.cos(np.radians(18.5)), abs=1e-3)


@pytest.mark.parametrize("image", ["CT1", "CT2"])
def test_each_lossless_encoding_of_one_image_gives_its_values(image: str) -> None:
    folder = FOLDER / "ingest_faults" / "wg04_transfer_syntaxes"
    (plain,) = read_stored(folder / f"{image}_UNC", [0])
    for encoding in ("RLE", "J2KR", "JLSL", "JPLL"):
        (decoded,) = read_stored(folder / f"{image}_{encoding}", [0])
        assert np.array_equal(decoded, plain), encoding


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("volumes/ACRIN-FLT-Breast_001", (59, 512, 512)),
        ("volumes/C3L-00189", (35, 512, 512)),
        ("volumes/CMB-CRC-MSB-01068", (40, 512, 512)),
        ("volumes/LIDC-IDRI-0314", (50, 512, 512)),
        ("totalsegmentator/contrast_dicom", (20, 512, 512)),
    ],
)
def test_each_sound_series_is_one_volume_without_padding(
    name: str, shape: tuple[int, int, int]
) -> None:
    (result,) = results_of(FOLDER / name)
    assert result.reason == "accepted"
    assert result.volume is not None
    assert result.volume.voxels_hu.shape == shape
    assert int(result.volume.voxels_hu.min()) >= -1024
