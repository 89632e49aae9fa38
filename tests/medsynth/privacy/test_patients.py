import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from medsynth.errors import CohortError
from medsynth.privacy.patients import PrivatePatient, draw_slices, join_patients, poisson_sample
from medsynth.training.batches import PatientSlices
from tests.medsynth.privacy.seeded_entropy import SeededEntropy


def _volume(hu: int, slices: int = 3) -> NDArray[np.int16]:
    return np.full((slices, 8, 8), hu, dtype=np.int16)


def test_patient_in_both_phases_is_one_patient() -> None:
    contrast, noncontrast = _volume(150), _volume(40)
    joined = join_patients(
        [PatientSlices("both", (contrast,)), PatientSlices("a", (contrast,))],
        [PatientSlices("both", (noncontrast,)), PatientSlices("z", (noncontrast,))],
    )
    assert [patient.patient for patient in joined] == ["a", "both", "z"]
    both = joined[1]
    assert both.contrast[0] is contrast
    assert both.noncontrast[0] is noncontrast
    assert joined[0].noncontrast == joined[2].contrast == ()


def test_series_listed_apart_are_one_patients() -> None:
    listed = [PatientSlices("p", (_volume(1),)), PatientSlices("p", (_volume(2), _volume(3)))]
    (joined,) = join_patients(listed, [])
    assert [int(volume[0, 0, 0]) for volume in joined.contrast] == [1, 2, 3]


@pytest.mark.parametrize("volumes", [(), (_volume(0), _volume(0, slices=0))])
def test_patient_without_slices_is_refused(volumes: tuple[NDArray[np.int16], ...]) -> None:
    with pytest.raises(CohortError, match="p1 has a phase or a series without slices"):
        join_patients([PatientSlices("p1", volumes)], [])


def test_draw_has_k_patches_of_each_phase_there_is() -> None:
    patient = PrivatePatient("p", (_volume(150),), (_volume(40), _volume(41)))
    draw = draw_slices(patient, slices=5, patch=4, entropy=SeededEntropy(0))
    assert draw.contrast is not None
    assert draw.noncontrast is not None
    assert draw.contrast.shape == draw.noncontrast.shape == (5, 1, 4, 4)
    assert draw.contrast.dtype == torch.float32
    assert bool((draw.contrast == 150).all())
    assert set(draw.noncontrast.flatten().tolist()) <= {40.0, 41.0}


def test_phase_without_series_is_not_drawn() -> None:
    draw = draw_slices(
        PrivatePatient("p", (), (_volume(40),)), slices=2, patch=4, entropy=SeededEntropy(0)
    )
    assert draw.contrast is None


def test_slices_are_drawn_anew_each_time() -> None:
    volume = np.arange(1000, dtype=np.int16).reshape(1000, 1, 1)
    patient, entropy = PrivatePatient("p", (volume,), ()), SeededEntropy(0)
    one, other = (
        draw_slices(patient, slices=8, patch=1, entropy=entropy).contrast for _ in range(2)
    )
    assert one is not None
    assert other is not None
    assert not torch.equal(one, other)


def test_each_takes_part_whose_chance_lies_below_the_rate() -> None:
    chances = SeededEntropy(3).uniform(50)
    drawn = poisson_sample(50, 0.3, SeededEntropy(3))
    assert drawn == [place for place, chance in enumerate(chances) if chance < 0.3]


def test_rate_of_one_draws_everybody() -> None:
    assert poisson_sample(5, 1.0, SeededEntropy(0)) == [0, 1, 2, 3, 4]


def test_number_drawn_varies_as_that_of_independent_chances() -> None:
    entropy = SeededEntropy(0)
    counts = np.array([len(poisson_sample(40, 0.25, entropy)) for _ in range(2000)])
    # Binomial(40, 0.25): mean 10, variance 7.5. Standard errors 0.061 and about 0.24.
    assert abs(counts.mean() - 10.0) < 0.35
    assert abs(counts.var() - 7.5) < 1.4
