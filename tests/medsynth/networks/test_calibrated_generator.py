import torch

from medsynth.networks.calibrated_generator import CalibratedGenerator, ScannerOffset
from medsynth.networks.unshuffle_generator import UnshuffleGenerator


def _base() -> UnshuffleGenerator:
    torch.manual_seed(0)
    base = UnshuffleGenerator(channels=4, blocks=1)
    torch.nn.init.normal_(base.leave.weight, std=0.1)
    return base


def _slices() -> torch.Tensor:
    return torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1)) * 60 + 80


def test_without_an_offset_the_generator_is_as_it_was() -> None:
    base = _base()
    torch.testing.assert_close(
        CalibratedGenerator(base, ScannerOffset())(_slices()), base(_slices())
    )


def test_offset_takes_soft_tissue_back_and_leaves_air() -> None:
    offset = ScannerOffset()
    offset.units.data.fill_(1.5)
    calibrated = offset(torch.tensor([-1000.0, -100.0, 50.0, 900.0]))
    assert calibrated.tolist() == [-1000.0, -130.0, 20.0, 870.0]


def test_scan_that_is_too_bright_by_the_offset_changes_as_the_calibrated_one() -> None:
    offset = ScannerOffset()
    offset.units.data.fill_(1.0)
    base = _base()
    slices = _slices().clamp(min=-200)
    changed = CalibratedGenerator(base, offset)(slices + 20.0) - (slices + 20.0)
    torch.testing.assert_close(changed, base(slices) - slices, atol=1e-3, rtol=0)
    assert changed.abs().max() > 1


def test_offset_learns_from_a_change_that_should_not_be() -> None:
    generator = CalibratedGenerator(_base(), ScannerOffset())
    slices = _slices()
    (generator(slices) - slices).abs().mean().backward()
    assert generator.offset.units.grad is not None
    assert generator.offset.units.grad.abs() > 0
