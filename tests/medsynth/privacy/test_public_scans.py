from pathlib import Path

import numpy as np
import pytest

from medsynth.cohort.slice_store import StoredSeries, store_array, write_index
from medsynth.errors import CohortError
from medsynth.privacy.admission import admit_public
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.public_scans import made_up_scans, stored_scans
from medsynth.training.batches import PatientSlices
from tests.medsynth.privacy.public_trainers import public_slices


def test_made_up_scans_are_always_the_same_and_of_different_patients() -> None:
    one, other = made_up_scans(2), made_up_scans(2)
    volumes = [patient.volumes_hu[0] for patient in one]
    assert [volume.shape for volume in volumes] == [(16, 128, 128)] * 2
    assert [volume.dtype for volume in volumes] == [np.int16] * 2
    for first, second in zip(volumes, other, strict=True):
        assert np.array_equal(first, second.volumes_hu[0])
    assert not np.array_equal(volumes[0], volumes[1])


def test_made_up_scans_hold_bodies_with_contrast_agent() -> None:
    (patient,) = made_up_scans(1)
    soft = patient.volumes_hu[0][(patient.volumes_hu[0] > -50) & (patient.volumes_hu[0] < 400)]
    # Enhanced organs and vessels lie above 80 HU, where plain soft tissue does not reach.
    assert (soft > 80).mean() > 0.1


def test_contrast_scans_of_a_store_are_found_whatever_their_role(tmp_path: Path) -> None:
    stored = [
        StoredSeries(series, patient, phase, (role,), 1, False, False)
        for series, patient, phase, role in (
            ("s1", "p1", "contrast", "train"),
            ("s2", "p1", "contrast", "train"),
            ("s3", "p2", "contrast", "test"),
            ("s4", "p3", "noncontrast", "train"),
        )
    ]
    for entry in stored:
        store_array(tmp_path, "slices", entry.series, np.zeros((1, 16, 16), np.int16))
    write_index(tmp_path, stored)
    found = [(one.patient, len(one.volumes_hu)) for one in stored_scans(tmp_path)]
    assert found == [("p1", 2), ("p2", 1)]


def _private(volume: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> PrivatePatient:
    return PrivatePatient("p7", (volume,), ())


def test_scan_of_a_private_patient_among_the_public_ones_is_refused() -> None:
    public = public_slices(2)
    with pytest.raises(CohortError, match="2 of the 2 slices of a scan of private patient p7"):
        admit_public(public, [_private(public[1].volumes_hu[0])])


def test_scans_of_others_and_slices_of_air_are_admitted() -> None:
    air = np.full((2, 24, 24), -1024, np.int16)
    volume = np.concatenate([air, public_slices(1)[0].volumes_hu[0] + np.int16(1)])
    public = (*public_slices(2), PatientSlices("air", (air,)))
    admit_public(public, [_private(volume), _private(air)])


def test_public_source_without_a_scan_is_refused() -> None:
    with pytest.raises(CohortError, match="holds no contrast scan"):
        admit_public((), [])
