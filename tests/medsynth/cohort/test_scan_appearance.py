"""What a scan shows, whatever its phase."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.cohort.phase import Phase
from medsynth.cohort.scan_appearance import describe_scan
from medsynth.deidentify.allow_list import TechnicalFields
from tests.medsynth.cohort.made_series import accepted_series

SPACING_MM = 3.0
SHAPE = (5, 64, 64)
RECORD = accepted_series(
    "s",
    "p",
    Phase.CONTRAST,
    shape=(5, 96, 128),
    spacing_mm=(4.0, 2.0, 1.5),
    has_labels=True,
    technical=TechnicalFields("ge", "soft", 120, 3.0),
)


def slices() -> NDArray[np.int16]:
    """A body of 40 x 30 pixels with a lung of 10 x 10, over a table of 40 x 4 pixels."""
    hu = np.full(SHAPE, -1000, dtype=np.int16)
    hu[:, 12:42, 12:52] = 40
    hu[:, 20:30, 20:30] = -800
    hu[:, 56:60, 12:52] = 0
    return hu


def test_sizes_are_in_millimetres() -> None:
    found = describe_scan(slices(), None, RECORD, spacing_mm=SPACING_MM)
    assert found.body_width_mm == pytest.approx(120.0)
    assert found.body_depth_mm == pytest.approx(90.0)
    assert found.coverage_mm == pytest.approx(20.0)
    # 96 rows of 2 mm and 128 columns of 1.5 mm.
    assert found.field_of_view_mm == pytest.approx(192.0)
    assert found.slice_thickness_mm == 3.0


def test_lung_is_a_share_of_the_body() -> None:
    found = describe_scan(slices(), None, RECORD, spacing_mm=SPACING_MM)
    assert found.lung_share == pytest.approx(100 / 1200, rel=0.02)


def test_the_table_is_measured_outside_the_body() -> None:
    found = describe_scan(slices(), None, RECORD, spacing_mm=SPACING_MM)
    # 160 pixels of 9 mm2.
    assert found.table_cm2 == pytest.approx(14.4)


def test_a_body_inside_its_field_of_view_is_not_cut() -> None:
    assert describe_scan(slices(), None, RECORD, spacing_mm=SPACING_MM).cut_share == 0.0


def test_a_narrow_field_of_view_cuts_the_body() -> None:
    narrow = dataclasses.replace(RECORD, shape=(5, 40, 40), spacing_mm=(4.0, 2.0, 2.0))
    hu = slices()
    outside = np.ones(SHAPE[1:], dtype=np.bool_)
    outside[19:45, 19:45] = False
    hu[:, outside] = -1024
    assert describe_scan(hu, None, narrow, spacing_mm=SPACING_MM).cut_share > 0.3


def test_noise_is_found_as_it_was_made() -> None:
    drawn = np.random.default_rng(0).normal(0, 12, SHAPE)
    fat = slices()
    fat[fat == 40] = -100
    noisy = np.rint(fat + drawn).astype(np.int16)
    found = describe_scan(noisy, None, RECORD, spacing_mm=SPACING_MM)
    assert found.noise_hu == pytest.approx(12.0, rel=0.08)


def test_noise_is_unknown_where_there_is_no_fat() -> None:
    assert np.isnan(describe_scan(slices(), None, RECORD, spacing_mm=SPACING_MM).noise_hu)


def test_lesions_are_unknown_without_labels() -> None:
    lesions = np.zeros(SHAPE, dtype=np.bool_)
    lesions[2, 30:36, 30:40] = True
    unknown = describe_scan(slices(), None, RECORD, spacing_mm=SPACING_MM)
    known = describe_scan(slices(), lesions, RECORD, spacing_mm=SPACING_MM)
    assert np.isnan(unknown.has_lesion)
    assert known.has_lesion == 1.0
    # 60 voxels of 5 slices of about 1200.
    assert known.lesion_share == pytest.approx(60 / 6000, rel=0.02)


def test_a_scan_without_a_body_has_no_size() -> None:
    air = np.full(SHAPE, -1000, dtype=np.int16)
    found = describe_scan(air, None, RECORD, spacing_mm=SPACING_MM)
    assert np.isnan(found.body_width_mm)
    assert found.lung_share == 0.0
