import copy
import dataclasses

import numpy as np
import pytest
import torch

from medsynth.errors import ConfigurationError, RecordError
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.mechanism import AppliedUpdate
from medsynth.privacy.patients import PatientDraw, PrivatePatient
from medsynth.privacy.private_trainer import NONCONTRAST_DISCRIMINATOR, PrivateStepSettings
from medsynth.privacy.public_source import PublicSettings
from medsynth.privacy.public_source_trainer import PublicSourceTrainer, RealObjective
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    build_cycle_networks,
)
from tests.medsynth.privacy.public_trainers import public_slices
from tests.medsynth.privacy.seeded_entropy import SeededEntropy, SilentEntropy
from tests.medsynth.privacy.small_networks import CPU, WEIGHTS, small_networks, small_patients

SETTINGS = PrivateStepSettings(
    weights=WEIGHTS,
    learning_rate=1e-3,
    discriminator_learning_rate=1e-3,
    averaging=0.9,
    clipping_norm=1.0,
    discriminator_clipping_norm=1.0,
    noise_multiplier=1.0,
    sample_rate=1.0,
    slices=2,
    patch=16,
    discriminator_steps=2,
    start="public",
    public=PublicSettings("made_up", free_steps=2, batch=2),
)
PATIENTS = small_patients(9)
OTHERS = tuple(
    dataclasses.replace(one, noncontrast=tuple(500 - volume for volume in one.noncontrast))
    for one in small_patients(9)
)
# So short that a number of 32 bits holds nothing of a patient.
_NOTHING = 1e-50


def _trainer(
    patients: tuple[PrivatePatient, ...] = PATIENTS,
    entropy: Entropy | None = None,
    settings: PrivateStepSettings = SETTINGS,
) -> PublicSourceTrainer:
    return PublicSourceTrainer(
        small_networks(), patients, settings, CPU, entropy or SeededEntropy(0), public_slices()
    )


def _weights(trainer: PublicSourceTrainer, *names: str) -> torch.Tensor:
    networks = dict(trainer.networks.named())
    chosen = names or tuple(networks)
    return torch.cat([p.detach().flatten() for name in chosen for p in networks[name].parameters()])


def _trained(trainer: PublicSourceTrainer, steps: int = 3) -> PublicSourceTrainer:
    for _ in range(steps):
        trainer.train_step(learning_rate_factor=1.0)
    return trainer


def test_weights_are_equal_for_any_two_cohorts_where_clipping_leaves_nothing() -> None:
    settings = dataclasses.replace(
        SETTINGS, discriminator_clipping_norm=_NOTHING, noise_multiplier=0.0
    )
    one, other = (
        _trained(_trainer(patients, settings=settings)) for patients in (PATIENTS, OTHERS)
    )
    assert torch.equal(_weights(one), _weights(other))
    before = _weights(_trainer(), "to_noncontrast")
    assert not torch.equal(_weights(one, "to_noncontrast"), before)


def test_patients_reach_the_generators_through_the_mechanism_alone() -> None:
    settings = dataclasses.replace(SETTINGS, noise_multiplier=0.0)
    one, other = (
        _trained(_trainer(patients, settings=settings)) for patients in (PATIENTS, OTHERS)
    )
    for name, _ in one.networks.named():
        # What the contrast discriminator is shown comes from the generators, so that it, too,
        # hears of the patients, but no sooner than they.
        assert not torch.equal(_weights(one, name), _weights(other, name))


def test_weights_are_a_function_of_noise_and_public_scans_where_nobody_is_drawn() -> None:
    settings = dataclasses.replace(SETTINGS, sample_rate=1e-12)
    one, other = (
        _trained(_trainer(patients, SeededEntropy(4), settings)) for patients in (PATIENTS, OTHERS)
    )
    assert torch.equal(_weights(one), _weights(other))


def test_there_is_one_mechanism_and_its_updates_are_recorded() -> None:
    trainer = _trained(_trainer(), steps=3)
    made = {name: mechanism.applied.updates for name, mechanism in trainer.mechanisms.items()}
    assert made == {NONCONTRAST_DISCRIMINATOR: (AppliedUpdate(1.0, 1.0, 6),)}


def test_patients_without_a_noncontrast_scan_take_no_part() -> None:
    # Of nine patients every third has contrast scans alone.
    (mechanism,) = _trainer().mechanisms.values()
    assert mechanism.settings.expected_patients == 6.0
    assert all(not one.contrast for one in _trainer()._patients)


def test_the_objective_does_not_read_contrast_slices() -> None:
    objective = RealObjective(small_networks().noncontrast_discriminator, CPU)
    slices = torch.full((2, 1, 16, 16), 50.0)
    alone = objective(PatientDraw(None, slices))
    beside = objective(PatientDraw(slices + 300.0, slices))
    assert torch.equal(alone, beside)
    nothing = objective(PatientDraw(slices, None))
    assert float(nothing.detach()) == 0.0


def test_one_patients_share_is_half_the_squared_distance_from_real() -> None:
    judge = torch.nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        judge.weight.fill_(0.0)
        judge.bias = torch.nn.Parameter(torch.tensor([0.2]))
    loss = RealObjective(judge, CPU)(PatientDraw(None, torch.zeros(1, 1, 4, 4)))
    # (0.2 - 1)^2 / 2 = 0.32.
    assert float(loss.detach()) == pytest.approx(0.32)


def test_public_gradient_is_no_longer_than_the_clipping_norm() -> None:
    settings = dataclasses.replace(SETTINGS, discriminator_clipping_norm=1e-3)
    trainer = _trainer(settings=settings)
    (mechanism,) = trainer.mechanisms.values()
    public = trainer._public_gradients(mechanism, torch.full((3, 1, 16, 16), 150.0))
    length = float(torch.cat([one.flatten() for one in public]).norm())
    # Three equal slices, each clipped: their mean has the clipping norm.
    assert length == pytest.approx(1e-3)


def test_resumed_training_goes_on_as_the_unbroken_one() -> None:
    trainer = _trained(_trainer(), steps=1)
    state = copy.deepcopy(trainer.state())
    resumed, unbroken = _trainer(entropy=SeededEntropy(9)), _trainer(entropy=SeededEntropy(9))
    for one in (resumed, unbroken):
        one.restore(copy.deepcopy(state))
        _trained(one, steps=1)
    assert torch.equal(_weights(resumed), _weights(unbroken))
    assert resumed.step == 2
    assert resumed.mechanisms[NONCONTRAST_DISCRIMINATOR].applied.steps == 4


def test_record_of_fewer_updates_than_the_weights_took_is_refused() -> None:
    state = _trained(_trainer(), steps=1).state()
    state["applied"] = {NONCONTRAST_DISCRIMINATOR: [[1.0, 1.0, 1]]}
    with pytest.raises(RecordError, match="does not account for all updates"):
        _trainer().restore(state)


def test_more_free_steps_cost_no_more_updates_of_patients() -> None:
    public = PublicSettings("made_up", free_steps=5, batch=2)
    trainer = _trained(_trainer(settings=dataclasses.replace(SETTINGS, public=public)), steps=1)
    assert trainer.mechanisms[NONCONTRAST_DISCRIMINATOR].applied.steps == 2


def test_discriminator_of_patients_is_never_said_to_be_free() -> None:
    trainer = _trainer()
    free = {id(parameter) for parameter in trainer.free_parameters}
    judge = trainer.networks.noncontrast_discriminator
    assert not free & {id(parameter) for parameter in judge.parameters()}


@pytest.mark.parametrize("missing", ["settings", "scans"])
def test_public_source_without_settings_or_scans_is_refused(missing: str) -> None:
    settings = dataclasses.replace(SETTINGS, public=None) if missing == "settings" else SETTINGS
    public = () if missing == "scans" else public_slices()
    with pytest.raises(ConfigurationError, match="public_source"):
        PublicSourceTrainer(small_networks(), PATIENTS, settings, CPU, SeededEntropy(0), public)


def _calibrating(brightness_hu: int) -> PublicSourceTrainer:
    """Give a trainer of the offset against a judge that is shown much brighter patients."""
    settings = dataclasses.replace(
        SETTINGS,
        trained="calibration",
        start="scratch",
        learning_rate=0.05,
        discriminator_learning_rate=1e-2,
        noise_multiplier=0.0,
        public=PublicSettings("made_up", free_steps=1, batch=4),
    )
    networks = build_cycle_networks(
        GeneratorDesign("unshuffle", channels=4, blocks=1, calibrated=True),
        DiscriminatorDesign("unshuffle", channels=8),
        seed=1,
    )
    # The same scans, shown otherwise: brightness is all that a judge can tell them by.
    patients = [
        PrivatePatient(
            f"p{place}",
            (),
            tuple((volume + brightness_hu).astype(np.int16) for volume in one.volumes_hu),
        )
        for place, one in enumerate(public_slices(6))
    ]
    return PublicSourceTrainer(
        networks, patients, settings, CPU, SilentEntropy(0), public_slices(6)
    )


@pytest.mark.parametrize("brightness_hu", [-60, 60])
def test_calibration_moves_the_offset_towards_the_patients_brightness(brightness_hu: int) -> None:
    trainer = _trained(_calibrating(brightness_hu), steps=25)
    (offset,) = trainer._generating()
    assert float(offset.detach()) * brightness_hu > 0
    assert trainer.free_parameters == (offset,)


def test_public_slices_are_shown_as_brightly_as_the_patients_scanner_would() -> None:
    trainer = _calibrating(0)
    with torch.no_grad():
        trainer._generating()[0].fill_(1.5)
    shown = trainer._as_private_scanner(torch.tensor([50.0, -1000.0]))
    # 1.5 units are 30 HU; air stays air.
    assert shown.tolist() == [80.0, -1000.0]
