import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medsynth.imaging.volume import Volume, axial_affine
from medsynth.synthesis.dither import Dither
from medsynth.synthesis.translate import training_slabs, translate_volume
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


class _DarkenNoisily(nn.Module):
    """Decides on each slice by its mean, as a network that sees one slice alone may."""

    def forward(self, hu: Tensor) -> Tensor:
        decision = torch.sin(1000 * hu.mean(dim=(1, 2, 3), keepdim=True))
        return hu - 60 - 10 * decision


def _thin_volume(slices: int, slice_mm: float) -> Volume:
    noise = np.random.default_rng(4).normal(100, 20, (slices, 16, 16))
    return Volume(np.rint(noise).astype(np.int16), axial_affine((slice_mm, 2.0, 2.0)))


def _jump_hu(made: Volume, given: Volume) -> float:
    change = made.voxels_hu.astype(float) - given.voxels_hu
    return float(np.abs(np.diff(change, axis=0)).mean())


def test_the_changes_of_thin_slices_follow_each_other() -> None:
    volume = _thin_volume(60, 1.0)
    made = translate_volume(volume, _DarkenNoisily(), spacing_mm=2.0, batch=4, compute=_CPU)
    # Alone, changes of -50 to -70 would differ by 8 HU on average.
    assert _jump_hu(made, volume) < 1.5


def test_thin_slices_are_shown_to_the_network_in_groups() -> None:
    shown: list[int] = []

    class Count(nn.Module):
        def forward(self, hu: Tensor) -> Tensor:
            shown.append(len(hu))
            return hu

    translate_volume(_thin_volume(100, 1.0), Count(), spacing_mm=2.0, batch=8, compute=_CPU)
    # 20 slabs of 5 slices, each as it is and mirrored, at most 8 at a time.
    assert sum(shown) == 40
    assert max(shown) == 8


@pytest.mark.parametrize("slice_mm", [0.6, 1.0, 2.5, 5.0, 12.0])
def test_the_number_of_slices_in_a_pass_does_not_matter(slice_mm: float) -> None:
    volume = _thin_volume(43, slice_mm)
    whole, piecewise = (
        translate_volume(volume, _DarkenNoisily(), spacing_mm=2.0, batch=batch, compute=_CPU)
        for batch in (64, 3)
    )
    # Sums in another order may round a voxel to the next HU.
    assert np.abs(whole.voxels_hu.astype(int) - piecewise.voxels_hu).max() <= 1
    assert (whole.voxels_hu == piecewise.voxels_hu).mean() > 0.99


@pytest.mark.parametrize("slice_mm", [1.0, 2.5, 5.0])
def test_a_volume_upside_down_is_translated_alike(slice_mm: float) -> None:
    volume = _thin_volume(23, slice_mm)
    turned = volume.with_voxels(volume.voxels_hu[::-1].copy())
    there = translate_volume(volume, _Darken(), spacing_mm=2.0, batch=4, compute=_CPU)
    back = translate_volume(turned, _Darken(), spacing_mm=2.0, batch=4, compute=_CPU)
    assert np.abs(there.voxels_hu.astype(int) - back.voxels_hu[::-1]).max() <= 1


def test_air_and_padding_are_passed_on_exactly() -> None:
    voxels = np.full((4, 16, 16), 60, dtype=np.int16)
    voxels[:, :4] = -1024
    voxels[:, 4:6] = -1000
    volume = Volume(voxels, axial_affine((1.0, 2.0, 2.0)))

    class Brighten(nn.Module):
        def forward(self, hu: Tensor) -> Tensor:
            return hu + 30

    made = translate_volume(
        volume,
        Brighten(),
        spacing_mm=2.0,
        batch=2,
        compute=_CPU,
        dither=Dither("secret", "s1", 8.0),
    )
    assert np.array_equal(made.voxels_hu[:, :6], voxels[:, :6])
    assert (made.voxels_hu[:, 6:] != 60).all()


def test_dither_moves_tissue_by_no_more_than_its_amplitude() -> None:
    volume = Volume(np.full((9, 32, 32), 40, np.int16), axial_affine((5.0, 0.9, 0.9)))
    made = translate_volume(
        volume,
        nn.Identity(),
        spacing_mm=2.0,
        batch=4,
        compute=_CPU,
        dither=Dither("secret", "s1", 2.0),
    )
    moved = np.abs(made.voxels_hu.astype(int) - 40)
    assert int(moved.max()) in (1, 2)
    assert float((moved > 0).mean()) > 0.1


def test_dither_does_not_depend_on_the_number_of_slices_in_a_pass() -> None:
    volume = _thin_volume(30, 2.5)
    one, other = (
        translate_volume(
            volume,
            nn.Identity(),
            spacing_mm=2.0,
            batch=batch,
            compute=_CPU,
            dither=Dither("secret", "s1", 3.0),
        )
        for batch in (2, 5)
    )
    assert (one.voxels_hu == other.voxels_hu).mean() > 0.99


def test_training_slabs_are_what_the_network_is_shown() -> None:
    volume = _thin_volume(20, 1.0)
    seen: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []

    class Look(nn.Module):
        def forward(self, hu: Tensor) -> Tensor:
            seen.append(hu[:, 0].numpy().copy())
            return hu

    translate_volume(volume, Look(), spacing_mm=3.0, batch=8, compute=_CPU)
    assert np.allclose(training_slabs(volume, spacing_mm=3.0, most=9), seen[0], atol=1e-3)
    # One slab of four: the third, where the middle is.
    middle = training_slabs(volume, spacing_mm=3.0, most=1)
    assert np.allclose(middle, seen[0][2:3], atol=1e-3)
