import numpy as np

from medsynth.imaging.body import body_mask


def _slice_with_table() -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    voxels = np.full((1, 64, 64), -1000, dtype=np.int16)
    voxels[0, 10:40, 10:50] = 40
    voxels[0, 20:30, 20:30] = -900
    voxels[0, 50:52, :] = 100
    return voxels


def test_lung_counts_as_body_and_the_table_does_not() -> None:
    mask = body_mask(_slice_with_table())
    assert mask[0, 25, 25]
    assert not mask[0, 50:52].any()
    # The opening rounds the corners: 4 corners lose a few pixels each.
    assert 1180 <= int(mask.sum()) <= 1200


def test_empty_slice_has_no_body() -> None:
    assert not body_mask(np.full((2, 16, 16), -1000, dtype=np.int16)).any()
