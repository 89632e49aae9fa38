import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.likeness.learned_embedding import describe_grid, fit_embedding
from tests.privacy_audit.conftest import Body


def _share_matched(
    real: NDArray[np.float64], released: NDArray[np.float64], pairs: slice, probes: slice
) -> float:
    embedding = fit_embedding(real, released[pairs], real[pairs])
    placed = embedding.embed_released(released[probes])
    distance = np.linalg.norm(
        placed[:, np.newaxis] - embedding.embed_real(real)[np.newaxis], axis=2
    )
    return float((distance.argmin(axis=1) == np.arange(len(real))[probes]).mean())


def test_what_the_method_changes_is_learnt_and_weighed_down() -> None:
    # Numbers 0 to 4 are drowned by the method, 5 to 9 are kept, and all are moved by 7.
    generator = np.random.default_rng(0)
    real = generator.normal(size=(90, 10))
    released = real + 7.0
    released[:, :5] += 4.0 * generator.normal(size=(90, 5))
    released[:, 5:] += 0.1 * generator.normal(size=(90, 5))
    plain = np.linalg.norm((released - 7.0)[60:, np.newaxis] - real[np.newaxis], axis=2)
    unlearnt = (plain.argmin(axis=1) == np.arange(60, 90)).mean()
    assert _share_matched(real, released, slice(0, 60), slice(60, 90)) > unlearnt + 0.3


def test_nothing_is_learnt_where_nothing_is_left() -> None:
    generator = np.random.default_rng(0)
    real, released = generator.normal(size=(2, 90, 10))
    assert _share_matched(real, released, slice(0, 60), slice(60, 90)) < 0.15


def test_volumes_of_different_length_give_vectors_of_one_length(body: Body) -> None:
    lengths = {
        describe_grid(fit_body_grid(Pixels(body(1, slices=count), None), "made up"), 2).size
        for count in (2, 3, 5)
    }
    assert len(lengths) == 1


def test_a_vector_is_finite_and_not_constant(body: Body) -> None:
    vector = describe_grid(fit_body_grid(Pixels(body(1), None), "made up"), 1)
    assert np.isfinite(vector).all()
    assert vector.std() > 0
    assert vector.size == pytest.approx(2 * 24 * 24 + 2 * 12 * 12)
