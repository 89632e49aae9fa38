import numpy as np
import torch
from torch import Tensor, nn

from medsynth.imaging.volume import Volume, axial_affine
from medsynth.synthesis.translate import translate_volume
from medsynth.training.device import Compute

_CPU = Compute(torch.device("cpu"), mixed=False)


class _Darken(nn.Module):
    def forward(self, hu: Tensor) -> Tensor:
        return torch.where(hu > 100, hu - 90, hu)


def _volume(spacing_mm: float, size: int) -> Volume:
    voxels = np.full((3, size, size), -100, dtype=np.int16)
    middle = slice(size // 4, 3 * size // 4)
    voxels[:, middle, middle] = 150
    noise = np.random.default_rng(0).integers(-9, 10, voxels.shape).astype(np.int16)
    return Volume(voxels + noise, axial_affine((5.0, spacing_mm, spacing_mm)))


def test_on_the_training_grid_the_network_is_applied_as_it_is() -> None:
    volume = _volume(2.0, 32)
    made = translate_volume(volume, _Darken(), spacing_mm=2.0, batch=2, compute=_CPU)
    expected = np.where(volume.voxels_hu > 100, volume.voxels_hu - 90, volume.voxels_hu)
    assert np.array_equal(made.voxels_hu, expected)
    assert np.array_equal(made.affine, volume.affine)


def test_on_a_finer_grid_the_inputs_noise_is_kept() -> None:
    volume = _volume(1.0, 64)
    made = translate_volume(volume, _Darken(), spacing_mm=2.0, batch=8, compute=_CPU)
    change = made.voxels_hu.astype(int) - volume.voxels_hu
    # Deep inside the square every pixel changes by the same 90 HU, its noise untouched.
    assert np.array_equal(change[:, 24:40, 24:40], np.full((3, 16, 16), -90))
    assert np.array_equal(change[:, :8, :8], np.zeros((3, 8, 8)))


def test_odd_sizes_come_back_in_their_own_size() -> None:
    volume = Volume(np.zeros((1, 37, 51), dtype=np.int16), axial_affine((3.0, 0.7, 0.9)))
    made = translate_volume(volume, _Darken(), spacing_mm=2.8, batch=1, compute=_CPU)
    assert made.voxels_hu.shape == (1, 37, 51)
    assert made.voxels_hu.dtype == np.int16


def test_result_stays_within_the_range_that_is_stored() -> None:
    volume = Volume(np.full((1, 8, 8), 3000, dtype=np.int16), axial_affine((3.0, 2.0, 2.0)))

    class Brighten(nn.Module):
        def forward(self, hu: Tensor) -> Tensor:
            return hu + 500

    made = translate_volume(volume, Brighten(), spacing_mm=2.0, batch=1, compute=_CPU)
    assert int(made.voxels_hu.max()) == 3071


def test_a_network_that_prefers_one_side_is_evened_out() -> None:
    volume = Volume(np.zeros((1, 8, 8), dtype=np.int16), axial_affine((3.0, 2.0, 2.0)))

    class BrightenLeftHalf(nn.Module):
        def forward(self, hu: Tensor) -> Tensor:
            ramp = torch.zeros_like(hu)
            ramp[..., :4] = 40.0
            return hu + ramp

    made = translate_volume(volume, BrightenLeftHalf(), spacing_mm=2.0, batch=1, compute=_CPU)
    # 40 on one half from the slice, 40 on the other from its mirror image: 20 on both.
    assert np.array_equal(made.voxels_hu, np.full((1, 8, 8), 20))
