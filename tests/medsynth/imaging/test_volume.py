import numpy as np
import pytest

from medsynth.errors import ImageError
from medsynth.imaging.volume import Volume, axial_affine


def test_spacing_is_given_in_the_arrays_order() -> None:
    volume = Volume(np.zeros((2, 3, 4), dtype=np.int16), axial_affine((5.0, 2.0, 3.0)))
    assert volume.spacing_slice_row_column_mm == (5.0, 2.0, 3.0)


@pytest.mark.parametrize("shape", [(3, 4), (0, 3, 4), (1, 2, 3, 4)])
def test_array_that_is_no_volume_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="slices, rows, columns"):
        Volume(np.zeros(shape, dtype=np.int16), np.eye(4))


def test_affine_that_is_not_finite_is_refused() -> None:
    affine = np.eye(4)
    affine[0, 3] = np.nan
    with pytest.raises(ImageError, match="finite"):
        Volume(np.zeros((1, 1, 1), dtype=np.int16), affine)


def test_values_of_another_shape_are_refused() -> None:
    volume = Volume(np.zeros((2, 3, 4), dtype=np.int16), np.eye(4))
    with pytest.raises(ImageError, match="grid"):
        volume.with_voxels(np.zeros((2, 3, 5), dtype=np.int16))
