import hashlib

import numpy as np
import pytest

from medsynth.errors import ConfigurationError
from medsynth.privacy.fingerprints import fingerprint_patients
from medsynth.privacy.patients import PrivatePatient

KEY = bytes(range(32))
SCAN = np.arange(48, dtype=np.int16).reshape(3, 4, 4)
OTHER_SCAN = SCAN + np.int16(1)


def _marks(patient: PrivatePatient, key: bytes = KEY) -> set[str]:
    return set(fingerprint_patients([patient], key)[0].marks)


def test_patient_has_a_mark_of_the_pseudonym_and_of_each_volume() -> None:
    assert len(_marks(PrivatePatient("p1", (SCAN,), (OTHER_SCAN,)))) == 3


def test_same_scan_under_another_pseudonym_and_phase_shares_a_mark() -> None:
    one, other = PrivatePatient("p1", (SCAN,), ()), PrivatePatient("p2", (), (SCAN.copy(),))
    assert len(_marks(one) & _marks(other)) == 1


def test_same_pseudonym_with_other_pixels_shares_a_mark() -> None:
    one, other = PrivatePatient("p1", (SCAN,), ()), PrivatePatient("p1", (OTHER_SCAN,), ())
    assert len(_marks(one) & _marks(other)) == 1


def test_different_patients_share_no_mark() -> None:
    one, other = PrivatePatient("p1", (SCAN,), ()), PrivatePatient("p2", (OTHER_SCAN,), ())
    assert not _marks(one) & _marks(other)


def test_equal_bytes_in_another_shape_are_another_scan() -> None:
    one = PrivatePatient("p1", (SCAN,), ())
    other = PrivatePatient("p2", (SCAN.reshape(3, 2, 8),), ())
    assert not _marks(one) & _marks(other)


def test_another_key_gives_other_marks() -> None:
    patient = PrivatePatient("p1", (SCAN,), ())
    assert not _marks(patient) & _marks(patient, bytes(32))


def test_marks_tell_neither_pseudonym_nor_its_plain_hash() -> None:
    marks = _marks(PrivatePatient("p1", (SCAN,), ()))
    plain = hashlib.sha256(b"p1").hexdigest()
    assert not any("p1" in mark or plain.startswith(mark) for mark in marks)


def test_slices_in_memory_and_mapped_from_a_file_have_equal_marks(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("store") / "scan.npy"
    np.save(path, SCAN)
    mapped = PrivatePatient("p1", (np.load(path, mmap_mode="r"),), ())
    assert _marks(mapped) == _marks(PrivatePatient("p1", (SCAN,), ()))


def test_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="31 bytes"):
        fingerprint_patients([], bytes(31))
