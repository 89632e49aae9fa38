import numpy as np
import pytest
import torch
from torch import Tensor

from medsynth.errors import ConfigurationError
from medsynth.training.contrastive_trainer import ContrastiveTrainer, build_one_sided_networks
from medsynth.training.cycle_networks import DiscriminatorDesign, GeneratorDesign
from medsynth.training.device import Compute
from medsynth.training.losses import LossWeights
from medsynth.training.trainer_state import StepSettings

_CPU = Compute(torch.device("cpu"), mixed=False)


def _trainer(*, image_pool: int = 0) -> ContrastiveTrainer:
    networks = build_one_sided_networks(
        GeneratorDesign("unshuffle", channels=8, blocks=2),
        DiscriminatorDesign("unshuffle", channels=8),
        seed=5,
    )
    settings = StepSettings(
        weights=LossWeights(cycle=0.0, identity=0.5, change=0.1, correspondence=0.3),
        learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        averaging=0.9,
        image_pool=image_pool,
        seed=5,
    )
    return ContrastiveTrainer(networks, settings, _CPU)


def _discs(disc_hu: float, *, seed: int) -> Tensor:
    """Two slices with a disc of some HU on -100 HU, at random places."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32]
    slices = []
    for row, column in generator.uniform(8, 24, (2, 2)):
        disc = (rows - row) ** 2 + (columns - column) ** 2 < 36
        slices.append(np.where(disc, disc_hu, -100.0) + generator.normal(0, 5, (32, 32)))
    return torch.from_numpy(np.stack(slices).astype(np.float32))[:, None]


def _train(trainer: ContrastiveTrainer, steps: int) -> dict[str, Tensor]:
    losses: dict[str, Tensor] = {}
    for _ in range(steps):
        losses = trainer.train_step(
            _discs(150.0, seed=2 * trainer.step),
            _discs(40.0, seed=2 * trainer.step + 1),
            learning_rate_factor=1.0,
        )
    return losses


def test_training_darkens_what_contrast_made_bright() -> None:
    trainer = _trainer()
    _train(trainer, 150)
    given = _discs(150.0, seed=10_000)
    with torch.no_grad():
        change = trainer.averaged["to_noncontrast"](given) - given
    assert float(change[given > 100].mean()) < -30.0
    assert abs(float(change[given < 0].mean())) < 15.0


def test_restored_training_goes_on_as_if_never_stopped() -> None:
    unbroken, broken = _trainer(), _trainer()
    _train(unbroken, 4)
    _train(broken, 2)
    resumed = _trainer()
    resumed.restore(broken.state())
    _train(resumed, 2)
    assert resumed.step == unbroken.step == 4
    for (name, kept), (_, wanted) in zip(
        resumed.networks.named(), unbroken.networks.named(), strict=True
    ):
        for mine, theirs in zip(kept.parameters(), wanted.parameters(), strict=True):
            assert torch.equal(mine, theirs), name
    averages = [trainer.averaged["to_noncontrast"] for trainer in (resumed, unbroken)]
    for mine, theirs in zip(*(network.parameters() for network in averages), strict=True):
        assert torch.equal(mine, theirs)


def test_every_network_learns_in_a_step() -> None:
    trainer = _trainer()
    before = {
        name: [parameter.clone() for parameter in network.parameters()]
        for name, network in trainer.networks.named()
    }
    _train(trainer, 3)
    for name, network in trainer.networks.named():
        moved = [
            not torch.equal(old, new)
            for old, new in zip(before[name], network.parameters(), strict=True)
        ]
        assert all(moved), name


def test_there_is_no_way_back() -> None:
    assert list(_trainer().averaged) == ["to_noncontrast"]


def test_original_generator_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"train\.generator"):
        build_one_sided_networks(
            GeneratorDesign("resnet", channels=4, blocks=1),
            DiscriminatorDesign("unshuffle", channels=8),
            seed=0,
        )


def test_image_pool_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="image_pool=0"):
        _trainer(image_pool=50)
