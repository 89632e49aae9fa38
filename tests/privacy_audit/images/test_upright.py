import numpy as np
import pytest
from nibabel.orientations import OrientationError
from numpy.typing import NDArray

from privacy_audit.images.upright import turn_upright

_VOLUME = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def _steps(head: float, back: float, left: float) -> NDArray[np.float64]:
    return np.diag([head, back, left])


def test_upright_volume_stays_as_it_is() -> None:
    stack = turn_upright(_VOLUME, _steps(5, 1, 1))
    assert np.array_equal(stack.values, _VOLUME)
    assert stack.slice_gap_mm == 5.0


def test_axes_that_run_the_other_way_are_turned() -> None:
    stack = turn_upright(_VOLUME[::-1, :, ::-1], _steps(-5, 1, -1))
    assert np.array_equal(stack.values, _VOLUME)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1)])
def test_order_of_the_axes_does_not_matter(order: tuple[int, int, int]) -> None:
    stack = turn_upright(_VOLUME.transpose(order), _steps(5, 2, 1)[:, order])
    assert np.array_equal(stack.values, _VOLUME)
    assert stack.slice_gap_mm == 5.0


def test_thick_coronal_slices_stay_slices_with_the_head_up() -> None:
    # Two values from foot to head, three slices from front to back.
    stack = turn_upright(_VOLUME, _steps(1, 6, 1))
    assert stack.values.shape == (3, 2, 4)
    assert stack.slice_gap_mm == 6.0
    assert np.array_equal(stack.values[0], _VOLUME[::-1, 0, :])


def test_thick_sagittal_slices_stay_slices_with_the_head_up_and_the_front_left() -> None:
    stack = turn_upright(_VOLUME, _steps(1, 1, 6))
    assert stack.values.shape == (4, 2, 3)
    assert np.array_equal(stack.values[0], _VOLUME[::-1, :, 0])


def test_volume_without_directions_is_refused() -> None:
    with pytest.raises(ValueError, match="no directions"):
        turn_upright(_VOLUME, _steps(1, 0, 1))
    with pytest.raises((ValueError, OrientationError)):
        turn_upright(_VOLUME, _steps(1, np.nan, 1))
