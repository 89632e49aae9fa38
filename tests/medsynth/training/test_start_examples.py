import numpy as np

from medsynth.phantom.wide_patient import MATRIX
from medsynth.training.start_examples import make_start_examples


def test_each_patient_has_slices_with_and_without_agent() -> None:
    examples = make_start_examples(seed=3, patients=1)
    assert examples.plain_hu.shape == examples.gain_hu.shape
    assert examples.plain_hu.shape[1:] == (MATRIX, MATRIX)
    assert examples.gain_hu.max() > 40
    assert examples.gain_hu.min() >= 0


def test_dense_bone_takes_up_nothing() -> None:
    examples = make_start_examples(seed=3, patients=1)
    # Nothing but bone is that dense without an agent.
    bone = examples.plain_hu > 350
    assert bone.sum() > 500
    assert np.median(examples.gain_hu[bone]) == 0.0


def test_patients_are_the_same_however_many_are_made() -> None:
    one = make_start_examples(seed=3, patients=1)
    two = make_start_examples(seed=3, patients=2)
    assert np.array_equal(one.plain_hu, two.plain_hu[: len(one.plain_hu)])
    assert len(two.plain_hu) == 2 * len(one.plain_hu)


def test_another_seed_gives_other_patients() -> None:
    one = make_start_examples(seed=3, patients=1)
    other = make_start_examples(seed=4, patients=1)
    assert not np.array_equal(one.plain_hu, other.plain_hu)
