import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from medsynth.errors import ConfigurationError, RecordError
from medsynth.privacy.entropy import Entropy, SystemEntropy
from medsynth.privacy.mechanism import AppliedUpdate
from medsynth.privacy.patients import PrivatePatient
from medsynth.privacy.private_trainer import (
    DISCRIMINATORS,
    GENERATORS,
    PrivateStepSettings,
    PrivateTrainer,
    trained_parameters,
)
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    GeneratorKind,
    build_cycle_networks,
    build_generator,
)
from medsynth.training.device import Compute
from tests.medsynth.privacy.seeded_entropy import SeededEntropy, SilentEntropy
from tests.medsynth.privacy.small_networks import (
    CPU,
    WEIGHTS,
    small_networks,
    small_patients,
    small_trainer,
)

_PATIENTS = small_patients(6)
# A rate at which nobody is ever drawn.
_NOBODY = 1e-12


def _step(trainer: PrivateTrainer, factor: float = 1.0) -> None:
    trainer.train_step(learning_rate_factor=factor)


def _weights(trainer: PrivateTrainer) -> torch.Tensor:
    return torch.cat(
        [p.detach().flatten() for _, n in trainer.networks.named() for p in n.parameters()]
    )


def _state(trainer: PrivateTrainer) -> dict[str, Any]:
    return copy.deepcopy(trainer.state())


def test_every_update_of_a_step_is_recorded() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    for _ in range(2):
        _step(trainer)
    assert trainer.step == 2
    made = {name: mechanism.applied.updates for name, mechanism in trainer.mechanisms.items()}
    assert made == {
        DISCRIMINATORS: (AppliedUpdate(1.0, 0.5, 4),),
        GENERATORS: (AppliedUpdate(1.0, 0.5, 2),),
    }


def test_every_update_draws_its_own_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = small_trainer(small_patients(40), SeededEntropy(0))
    drawn: list[tuple[str, list[str]]] = []
    for name, mechanism in trainer.mechanisms.items():
        monkeypatch.setattr(mechanism, "draw", _spying(name, mechanism.draw, drawn))
    _step(trainer)
    assert [name for name, _ in drawn] == [DISCRIMINATORS, DISCRIMINATORS, GENERATORS]
    patients = [names for _, names in drawn]
    assert patients[0] != patients[1] != patients[2] != patients[0]


def _spying(name: str, draw: Any, drawn: list[tuple[str, list[str]]]) -> Any:
    def spied(patients: tuple[PrivatePatient, ...]) -> list[PrivatePatient]:
        chosen: list[PrivatePatient] = draw(patients)
        drawn.append((name, [patient.patient for patient in chosen]))
        return chosen

    return spied


def test_sums_are_divided_by_the_rate_times_all_patients() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0), sample_rate=0.25)
    for mechanism in trainer.mechanisms.values():
        assert mechanism.settings.expected_patients == 1.5


def test_step_without_patients_moves_all_networks_by_noise() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0), sample_rate=_NOBODY)
    before = copy.deepcopy(dict(trainer.networks.named()))
    _step(trainer)
    for name, network in trainer.networks.named():
        for old, new in zip(before[name].parameters(), network.parameters(), strict=True):
            assert not torch.equal(old, new)


def test_weights_are_a_function_of_noise_alone_where_no_patient_is_drawn() -> None:
    others = small_patients(7)[1:]
    one, other = (
        small_trainer(patients, SeededEntropy(0), sample_rate=_NOBODY)
        for patients in (_PATIENTS, others)
    )
    for trainer in (one, other):
        _step(trainer)
    assert torch.equal(_weights(one), _weights(other))


def test_patients_drawn_have_a_say() -> None:
    one, other = (
        small_trainer(patients, SeededEntropy(0), sample_rate=1.0)
        for patients in (_PATIENTS, small_patients(7)[1:])
    )
    for trainer in (one, other):
        _step(trainer)
    assert not torch.equal(_weights(one), _weights(other))


def test_private_step_learns_where_there_is_no_noise() -> None:
    trainer = small_trainer(_PATIENTS, SilentEntropy(0), sample_rate=1.0)
    judge = trainer.networks.contrast_discriminator
    real = torch.from_numpy(_PATIENTS[0].contrast[0][:, None, :16, :16]).float()

    def distance() -> float:
        with torch.no_grad():
            return float((judge(real) - 1.0).abs().mean())

    before = distance()
    for _ in range(4):
        _step(trainer)
    assert distance() < before


def test_learning_rate_of_zero_moves_nothing() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    before = _weights(trainer)
    _step(trainer, factor=0.0)
    assert torch.equal(_weights(trainer), before)


def test_averages_lie_between_the_start_and_the_present() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    averaged = trainer.averaged["to_noncontrast"]
    start = next(averaged.parameters()).clone()
    _step(trainer)
    kept = next(averaged.parameters())
    present = next(trainer.networks.to_noncontrast.parameters())
    # A young average of one step keeps 1 / 11 of what it was.
    assert torch.allclose(kept, start / 11 + present * 10 / 11)


def test_no_gradient_is_left_after_a_step() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    _step(trainer)
    for _, network in trainer.networks.named():
        assert all(parameter.grad is None for parameter in network.parameters())


def test_norms_and_last_layers_alone_learn_where_asked_for() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0), trained="norms_and_last")
    before = copy.deepcopy(dict(trainer.networks.named()))
    _step(trainer)
    moved = {
        f"{network_name}/{name}"
        for network_name, network in trainer.networks.named()
        for (name, new), old in zip(
            network.named_parameters(), before[network_name].parameters(), strict=True
        )
        if not torch.equal(old, new)
    }
    of_generators = {
        f"{generator}/{name}"
        for generator in ("to_noncontrast", "to_contrast")
        for name in (
            *("blocks.0.layers.0.norm.weight", "blocks.0.layers.0.norm.bias"),
            *("leave.weight", "leave.bias"),
        )
    }
    of_discriminators = {
        f"{judge}/{name}"
        for judge in ("noncontrast_discriminator", "contrast_discriminator")
        for name, _ in dict(trainer.networks.named())[judge].named_parameters()
    }
    assert moved == of_generators | of_discriminators


@pytest.mark.parametrize(("kind", "count"), [("unshuffle", 6), ("skip", 2), ("resnet", 2)])
def test_last_layer_of_every_design_is_found(kind: GeneratorKind, count: int) -> None:
    generator = build_generator(GeneratorDesign(kind, channels=4, blocks=2))
    chosen = trained_parameters(generator, "norms_and_last")
    # Two blocks of "unshuffle" have a norm each, with weight and bias; the others have none.
    assert len(chosen) == count
    last = list(generator.parameters())[-2:]
    assert [id(p) for p in chosen[-2:]] == [id(p) for p in last]


def test_resumed_training_goes_on_as_the_unbroken_one() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    _step(trainer)
    state = _state(trainer)
    chance = SeededEntropy(9)
    resumed = small_trainer(_PATIENTS, chance)
    resumed.restore(state)
    assert torch.equal(_weights(resumed), _weights(trainer))
    unbroken = small_trainer(_PATIENTS, SeededEntropy(9))
    unbroken.restore(_state(trainer))
    for one in (resumed, unbroken):
        _step(one)
    assert torch.equal(_weights(resumed), _weights(unbroken))
    assert resumed.step == 2
    assert resumed.mechanisms[DISCRIMINATORS].applied.steps == 4
    assert resumed.mechanisms[GENERATORS].applied.steps == 2
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            resumed.averaged["to_contrast"].parameters(),
            unbroken.averaged["to_contrast"].parameters(),
            strict=True,
        )
    )


def test_trainers_restored_from_one_state_never_share_noise() -> None:
    first = small_trainer(_PATIENTS, SystemEntropy(), sample_rate=_NOBODY)
    state = _state(first)
    made = []
    for _ in range(2):
        torch.manual_seed(0)
        trainer = small_trainer(_PATIENTS, SystemEntropy(), sample_rate=_NOBODY)
        trainer.restore(state)
        # Nobody is drawn, so that noise is all that there is.
        made.append(
            [
                gradient
                for mechanism in trainer.mechanisms.values()
                for gradient in mechanism.noised(mechanism.clipped_sum([]))
            ]
        )
    for one, other in zip(*made, strict=True):
        assert not bool((one == other).any())


def test_state_without_a_record_of_updates_is_refused() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    _step(trainer)
    state = _state(trainer)
    del state["applied"]
    with pytest.raises(RecordError, match="does not account for all updates"):
        trainer.restore(state)


@pytest.mark.parametrize("name", [DISCRIMINATORS, GENERATORS])
def test_record_of_fewer_updates_than_the_weights_took_is_refused(name: str) -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    _step(trainer)
    state = _state(trainer)
    ((noise, rate, steps),) = state["applied"][name]
    state["applied"][name] = [[noise, rate, steps - 1]]
    with pytest.raises(RecordError, match="checkpoint of step 1"):
        trainer.restore(state)


def test_refused_state_changes_nothing() -> None:
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    _step(trainer)
    weights = _weights(trainer)
    state = {**_state(small_trainer(_PATIENTS, SeededEntropy(1))), "step": 5}
    with pytest.raises(RecordError):
        trainer.restore(state)
    assert torch.equal(_weights(trainer), weights)
    assert trainer.step == 1


def test_several_patients_at_once_are_refused_in_bfloat16_on_a_processor() -> None:
    settings = PrivateStepSettings(
        weights=WEIGHTS,
        learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        averaging=0.9,
        clipping_norm=1.0,
        discriminator_clipping_norm=1.0,
        noise_multiplier=1.0,
        sample_rate=0.5,
        slices=2,
        patch=16,
    )
    mixed = Compute(CPU.device, mixed=True)
    networks = small_networks()
    PrivateTrainer(networks, _PATIENTS, settings, mixed, SeededEntropy(0))
    chunked = dataclasses.replace(settings, chunk=2)
    with pytest.raises(ConfigurationError, match="2 patients are to be taken at once"):
        PrivateTrainer(networks, _PATIENTS, chunked, mixed, SeededEntropy(0))


def test_vectorised_step_is_that_of_one_patient_at_a_time_but_for_rounding() -> None:
    one, other = (
        small_trainer(_PATIENTS, SeededEntropy(0), sample_rate=1.0, chunk=chunk)
        for chunk in (None, 4)
    )
    for trainer in (one, other):
        _step(trainer)
    # Adam's first steps are the learning rate long whatever the gradient, here 1e-3.
    assert float((_weights(one) - _weights(other)).abs().mean()) < 1e-5


def test_networks_are_modules_of_the_trainer_and_not_copies() -> None:
    networks = small_networks()
    trainer = small_trainer(_PATIENTS, SeededEntropy(0))
    own: dict[str, nn.Module] = dict(trainer.networks.named())
    assert own.keys() == dict(networks.named()).keys()
    for mechanism in trainer.mechanisms.values():
        ids = {id(p) for network in own.values() for p in network.parameters()}
        assert {id(p) for p in mechanism.parameters} <= ids


def _calibration_trainer(entropy: Entropy, *, sample_rate: float = 0.5) -> PrivateTrainer:
    settings = PrivateStepSettings(
        weights=WEIGHTS,
        learning_rate=1e-2,
        discriminator_learning_rate=1e-3,
        averaging=0.9,
        clipping_norm=1.0,
        discriminator_clipping_norm=1.0,
        noise_multiplier=1.0,
        sample_rate=sample_rate,
        slices=2,
        patch=16,
        discriminator_steps=0,
        trained="calibration",
        start="public",
    )
    networks = build_cycle_networks(
        GeneratorDesign("unshuffle", channels=4, blocks=1, calibrated=True),
        DiscriminatorDesign("unshuffle", channels=4),
        seed=1,
    )
    return PrivateTrainer(networks, _PATIENTS, settings, CPU, entropy)


def test_calibration_moves_the_shared_offset_alone() -> None:
    trainer = _calibration_trainer(SeededEntropy(0))
    before = copy.deepcopy(trainer.networks.to_noncontrast)
    judges = copy.deepcopy(trainer.networks.discriminators())
    _step(trainer)
    moved = [
        name
        for (name, new), old in zip(
            trainer.networks.to_noncontrast.named_parameters(), before.parameters(), strict=True
        )
        if not torch.equal(old, new)
    ]
    assert moved == ["offset.units"]
    for judge, old_judge in zip(trainer.networks.discriminators(), judges, strict=True):
        for new, old in zip(judge.parameters(), old_judge.parameters(), strict=True):
            assert torch.equal(new, old)


def test_shared_offset_takes_one_step_and_one_noise() -> None:
    trainer = _calibration_trainer(SeededEntropy(0), sample_rate=_NOBODY)
    assert [p.numel() for p in trainer.mechanisms[GENERATORS].parameters] == [1]
    _step(trainer)
    offsets = [
        parameter
        for generator in trainer.networks.generators()
        for name, parameter in generator.named_parameters()
        if name == "offset.units"
    ]
    assert offsets[0] is offsets[1]
    # Adam's first step is as long as the learning rate; two of them would be about 0.02.
    assert abs(float(offsets[0].detach())) == pytest.approx(1e-2, rel=1e-3)


def test_training_without_discriminators_has_one_mechanism_and_resumes() -> None:
    trainer = _calibration_trainer(SeededEntropy(0))
    _step(trainer)
    assert list(trainer.mechanisms) == [GENERATORS]
    resumed = _calibration_trainer(SeededEntropy(1))
    resumed.restore(_state(trainer))
    _step(resumed)
    assert resumed.mechanisms[GENERATORS].applied.updates == (AppliedUpdate(1.0, 0.5, 2),)
