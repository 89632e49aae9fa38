import numpy as np
import pytest

from medsynth.cohort.phase_examples import PhaseExamples, make_examples


@pytest.fixture(scope="module")
def examples() -> PhaseExamples:
    return make_examples(4, patients=2)


def test_every_patient_gives_slices_of_one_size(examples: PhaseExamples) -> None:
    assert examples.plain_hu.shape == (28, 128, 128)
    assert np.unique(examples.patients, return_counts=True)[1].tolist() == [14, 14]


def test_enhanced_places_gain_and_most_telling_places_are_enhanced(
    examples: PhaseExamples,
) -> None:
    assert examples.gain_hu[examples.is_enhanced].min() >= 20
    assert (examples.is_enhanced & examples.is_telling).sum() > 0.3 * examples.is_telling.sum()
    assert examples.is_telling.mean() > 0.005


def test_equal_seeds_give_equal_examples(examples: PhaseExamples) -> None:
    again = make_examples(4, patients=1)
    assert again.plain_hu.tobytes() == examples.plain_hu[:14].tobytes()
