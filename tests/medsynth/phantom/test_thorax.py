import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.phantom.canvas import Label
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.patient import Sex, draw_patient
from medsynth.phantom.randomness import Stream, random_stream
from medsynth.phantom.scan import render_scan
from medsynth.phantom.thorax import draw_chest
from medsynth.phantom.torso import draw_frame
from tests.medsynth.phantom.chest_scans import VOXEL_ML, chest_scan


def _slices_with(labels: NDArray[np.uint8], label: Label) -> NDArray[np.intp]:
    return np.flatnonzero((labels == int(label)).any(axis=(1, 2)))


@pytest.mark.parametrize("index", range(4))
def test_a_chest_holds_two_lungs_of_adult_size(index: int) -> None:
    is_lung = chest_scan(index).labels == int(Label.LUNG)
    # 3 to 7 litres when breathed in; the middle column parts right from left.
    assert 2500 < is_lung.sum() * VOXEL_ML < 8000
    assert is_lung[:, :, :32].sum() * VOXEL_ML > 900
    assert is_lung[:, :, 32:].sum() * VOXEL_ML > 900


@pytest.mark.parametrize("index", range(4))
def test_the_liver_lies_below_the_lungs_and_the_apices_above(index: int) -> None:
    labels = chest_scan(index).labels
    liver, lung = _slices_with(labels, Label.LIVER), _slices_with(labels, Label.LUNG)
    assert len(liver) > 0
    assert liver.max() < lung.max() - 4
    area = (labels == int(Label.LUNG)).sum(axis=(1, 2))
    # The lungs taper into the apices below the neck.
    assert area[-1] < 0.35 * area.max()


def test_raised_arms_leave_the_sides_of_the_chest_free() -> None:
    found = set()
    for index in range(12):
        patient = draw_patient(2, index)
        frame = draw_frame(patient, random_stream(2, index, Stream.ANATOMY))
        chest = draw_chest(patient, frame, random_stream(2, index, Stream.CHEST))
        # Raised, the tube ends above the shoulder joint; otherwise beside the belly.
        are_raised = chest.arms[0].points[-1][2] > chest.arms[0].points[0][2]
        found.add(are_raised)
        middle = chest_scan(index).body[5] if index < 4 else None
        if middle is not None and are_raised:
            assert not middle[:, 0].any()
    assert found == {True, False}


def test_breasts_belong_to_women() -> None:
    for index in range(12):
        patient = draw_patient(2, index)
        frame = draw_frame(patient, random_stream(2, index, Stream.ANATOMY))
        chest = draw_chest(patient, frame, random_stream(2, index, Stream.CHEST))
        assert (chest.breast_half_axes is not None) == (patient.sex is Sex.FEMALE)


def test_chest_and_abdomen_of_a_patient_show_one_liver() -> None:
    # The abdomen's grid reaches from 80 mm below the lumbar vertebra to 80 mm above it; the
    # chest's is as high above as the patient's stature makes it, so volumes alone compare.
    abdomen = PhantomOptions(matrix=64, slices=17, spacing_mm=5.6, slice_mm=20.0)
    low = render_scan(2, 0, abdomen, "noncontrast")
    high = render_scan(
        2,
        0,
        PhantomOptions(
            matrix=64, slices=35, spacing_mm=5.6, slice_mm=20.0, region=BodyRegion.CHEST
        ),
        "noncontrast",
    )
    liver = [(scan.labels == int(Label.LIVER)).sum() for scan in (low, high)]
    assert liver[1] == pytest.approx(liver[0], rel=0.15)
