import pytest
import torch

from medsynth.training.cycle_networks import DiscriminatorDesign, GeneratorDesign, GeneratorKind
from medsynth.training.device import Compute
from medsynth.training.engine import EngineKind, TranslationEngine, build_engine
from medsynth.training.losses import LossWeights
from medsynth.training.trainer_state import StepSettings

_CPU = Compute(torch.device("cpu"), mixed=False)
_ALL = [
    (engine, generator)
    for engine in ("cycle", "contrastive")
    for generator in ("unshuffle", "skip")
]


def _engine(kind: EngineKind, generator: GeneratorKind) -> TranslationEngine:
    return build_engine(
        kind,
        GeneratorDesign(generator, channels=8, blocks=2),
        DiscriminatorDesign("unshuffle", channels=8),
        settings=StepSettings(
            weights=LossWeights(cycle=1.0, identity=0.5, change=0.1, correspondence=0.2),
            learning_rate=1e-3,
            discriminator_learning_rate=1e-3,
            averaging=0.9,
            image_pool=0,
            seed=5,
        ),
        compute=_CPU,
    )


def _step(engine: TranslationEngine) -> dict[str, float]:
    generator = torch.Generator().manual_seed(engine.step)
    contrast, noncontrast = 100.0 * torch.randn(2, 2, 1, 32, 32, generator=generator)
    losses = engine.train_step(contrast, noncontrast, learning_rate_factor=1.0)
    return {name: float(loss) for name, loss in losses.items()}


@pytest.mark.parametrize(("kind", "generator"), _ALL)
def test_every_engine_goes_on_from_its_state(kind: EngineKind, generator: GeneratorKind) -> None:
    engine, resumed = _engine(kind, generator), _engine(kind, generator)
    _step(engine)
    resumed.restore(engine.state())
    assert resumed.step == engine.step == 1
    assert _step(resumed) == _step(engine)


@pytest.mark.parametrize(("kind", "generator"), _ALL)
def test_equal_seeds_give_equal_engines(kind: EngineKind, generator: GeneratorKind) -> None:
    assert _step(_engine(kind, generator)) == _step(_engine(kind, generator))


@pytest.mark.parametrize("kind", ["cycle", "contrastive"])
def test_every_engine_keeps_a_network_out_of_contrast(kind: EngineKind) -> None:
    engine = _engine(kind, "unshuffle")
    slices = torch.zeros(1, 1, 32, 32)
    # Untrained generators return their input.
    assert torch.equal(engine.averaged["to_noncontrast"](slices), slices)
