import numpy as np
import pytest

from privacy_audit.likeness.shrinkage import shrunk_covariance


def test_many_samples_leave_the_covariance_nearly_as_it_is() -> None:
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(20000, 2)) * [1.0, 3.0]
    assert shrunk_covariance(samples) == pytest.approx(np.diag([1.0, 9.0]), abs=0.25)


def test_two_samples_of_two_numbers_worked_by_hand() -> None:
    # Centred: (1, 0) and (-1, 0). S = diag(1, 0), mean variance 1/2, |S - I/2|^2 = 1/2.
    # Each |x x' - S|^2 is 0: the data ask for no shrinking.
    samples = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert shrunk_covariance(samples) == pytest.approx(np.diag([1.0, 0.0]))


def test_samples_that_say_little_shrink_to_the_sphere() -> None:
    # Centred they are the four corners: S = I, which is the sphere already.
    samples = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert shrunk_covariance(samples) == pytest.approx(np.eye(2))


def test_fewer_samples_than_numbers_give_a_covariance_that_can_be_inverted() -> None:
    samples = np.random.default_rng(0).normal(size=(5, 20))
    assert np.linalg.eigvalsh(shrunk_covariance(samples)).min() > 0
