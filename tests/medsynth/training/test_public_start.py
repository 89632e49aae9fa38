import dataclasses
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from medsynth.errors import ConfigurationError, RecordError
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan
from medsynth.synthesis.translate import translate_volume
from medsynth.training.cycle_networks import GeneratorDesign, build_cycle_networks
from medsynth.training.device import Compute
from medsynth.training.public_start import (
    START_DISCRIMINATOR,
    START_GENERATOR,
    START_SPACING_MM,
    WEIGHTS,
    begin_from_public_start,
    public_generator,
    write_public_start,
)

PROCESSOR = Compute(torch.device("cpu"), mixed=False)
# Four sites, of which the start has seen none: its scanners are drawn at random.
OPTIONS = PhantomOptions(slices=12, sites=4)
LARGEST_BYTES = 8_000_000


def translated_hu(scan: PhantomScan) -> np.ndarray:
    made = translate_volume(
        scan.volume, public_generator(), spacing_mm=START_SPACING_MM, batch=4, compute=PROCESSOR
    )
    return made.voxels_hu.astype(np.float64)


def test_the_start_takes_the_agent_out_without_any_training() -> None:
    scan = render_scan(6001, 3, OPTIONS, "contrast")
    assert scan.truth is not None
    truth_hu = scan.truth.voxels_hu.astype(np.float64)
    before = np.abs(scan.volume.voxels_hu - truth_hu)[scan.body].mean()
    after = np.abs(translated_hu(scan) - truth_hu)[scan.body].mean()
    assert after < 0.5 * before


def test_the_start_leaves_a_noncontrast_scan_almost_alone() -> None:
    scan = render_scan(6001, 7, OPTIONS, "noncontrast")
    change = np.abs(translated_hu(scan) - scan.volume.voxels_hu)[scan.body]
    assert change.mean() < 6.0


def test_the_file_is_small_and_holds_weights_alone() -> None:
    assert WEIGHTS.stat().st_size < LARGEST_BYTES
    content = WEIGHTS.read_bytes()
    header_length = int.from_bytes(content[:8], "little")
    assert b"__metadata__" not in content[8 : 8 + header_length]


def test_all_four_networks_begin_from_it() -> None:
    networks = build_cycle_networks(START_GENERATOR, START_DISCRIMINATOR, seed=0)
    begin_from_public_start(networks, generator=START_GENERATOR, discriminator=START_DISCRIMINATOR)
    stored = safetensors.torch.load_file(WEIGHTS)
    for name, network in networks.named():
        for key, value in network.state_dict().items():
            assert torch.equal(value, stored[f"{name}/{key}"].float())


def test_generators_with_a_scanners_offset_begin_from_it_and_share_the_offset() -> None:
    design = dataclasses.replace(START_GENERATOR, calibrated=True)
    networks = build_cycle_networks(design, START_DISCRIMINATOR, seed=0)
    begin_from_public_start(networks, generator=design, discriminator=START_DISCRIMINATOR)
    slices = 100.0 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(networks.to_noncontrast(slices), public_generator()(slices))
    offsets = [
        dict(network.named_parameters())["offset.units"] for network in networks.generators()
    ]
    assert offsets[0] is offsets[1]


def test_another_design_is_refused() -> None:
    other = GeneratorDesign("unshuffle", channels=16, blocks=2)
    networks = build_cycle_networks(other, START_DISCRIMINATOR, seed=0)
    with pytest.raises(ConfigurationError, match=r'Set train\.start to "scratch"'):
        begin_from_public_start(networks, generator=other, discriminator=START_DISCRIMINATOR)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    networks = build_cycle_networks(START_GENERATOR, START_DISCRIMINATOR, seed=1)
    path = tmp_path / "start.safetensors"
    write_public_start(path, networks)
    tensors = safetensors.torch.load_file(path)
    key = "to_contrast/enter.weight"
    assert tensors[key].dtype == torch.float16
    expected = networks.to_contrast.state_dict()["enter.weight"].half()
    assert torch.equal(tensors[key], expected)


def test_a_missing_file_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("medsynth.training.public_start.WEIGHTS", tmp_path / "none.safetensors")
    with pytest.raises(RecordError, match="missing or damaged"):
        public_generator()
