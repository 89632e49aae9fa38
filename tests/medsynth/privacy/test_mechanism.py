import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from medsynth.errors import ConfigurationError
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.mechanism import AppliedUpdate, MechanismSettings, PrivateMechanism
from medsynth.privacy.patient_losses import DiscriminatorObjective, GeneratorObjective
from medsynth.privacy.patients import PatientDraw, PrivatePatient
from tests.medsynth.privacy.seeded_entropy import SeededEntropy, SilentEntropy
from tests.medsynth.privacy.small_networks import (
    CPU,
    WEIGHTS,
    small_draws,
    small_networks,
    small_patients,
)

_SETTINGS = MechanismSettings(
    name="generators",
    clipping_norm=2.0,
    noise_multiplier=1.5,
    sample_rate=0.5,
    expected_patients=4.0,
)


def _mechanism(
    entropy: Entropy, settings: MechanismSettings = _SETTINGS, weights: int = 3
) -> PrivateMechanism:
    weight = nn.Parameter(torch.zeros(weights))
    return PrivateMechanism(settings, [weight], lambda draw: _product(weight, draw), entropy)


def _product(weight: nn.Parameter, draw: PatientDraw) -> torch.Tensor:
    assert draw.contrast is not None
    return (weight * draw.contrast.flatten()).sum()


def _draw(*gradient: float) -> PatientDraw:
    return PatientDraw(torch.tensor(gradient).view(1, 1, 1, -1), None)


def _on_real_networks(chunk: int | None) -> list[PrivateMechanism]:
    networks = small_networks()
    return [
        PrivateMechanism(
            dataclasses.replace(_SETTINGS, clipping_norm=1e-3),
            [p for network in learning for p in network.parameters()],
            objective,
            SeededEntropy(0),
            chunk,
        )
        for learning, objective in (
            (networks.generators(), GeneratorObjective(networks, WEIGHTS, CPU, {})),
            (networks.discriminators(), DiscriminatorObjective(networks, CPU)),
        )
    ]


def _length(sums: list[torch.Tensor]) -> float:
    return math.sqrt(sum(float(total.square().sum()) for total in sums))


def _moved(mechanism: PrivateMechanism, draws: list[PatientDraw], without: int) -> float:
    neighbour = [draw for place, draw in enumerate(draws) if place != without]
    both = zip(mechanism.clipped_sum(draws), mechanism.clipped_sum(neighbour), strict=True)
    return _length([one - other for one, other in both])


@pytest.mark.parametrize("chunk", [None, 2])
def test_removing_a_patient_moves_the_sum_by_exactly_the_clipping_norm(chunk: int | None) -> None:
    draws = small_draws(4)
    for mechanism in _on_real_networks(chunk):
        # Every patient's gradient is far longer than 1e-3; the third has both phases.
        for without in range(4):
            assert _moved(mechanism, draws, without) == pytest.approx(1e-3, rel=1e-4)


def test_patient_in_both_phases_is_clipped_once() -> None:
    both = small_draws(3)[2]
    for mechanism in _on_real_networks(None):
        assert _length(mechanism.clipped_sum([both])) == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize("gradient", [(1e30, 0, 0), (-7, 1, 3), (0.1, 0, 0), (math.nan, 1, 1)])
def test_no_patient_moves_the_sum_further_than_the_clipping_norm(
    gradient: tuple[float, float, float],
) -> None:
    others = [_draw(2.0, 0.0, 1.0), _draw(-1.0, 5.0, 0.0)]
    moved = _moved(_mechanism(SeededEntropy(0)), [*others, _draw(*gradient)], 2)
    assert moved <= _SETTINGS.clipping_norm * (1 + 1e-12)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_patient_whose_slices_are_no_numbers_adds_nothing(wrong: float) -> None:
    whole = small_draws(3)
    broken = PatientDraw(torch.full((2, 1, 16, 16), wrong), None)
    for mechanism in _on_real_networks(None):
        sums = mechanism.clipped_sum([*whole, broken])
        for total, expected in zip(sums, mechanism.clipped_sum(whole), strict=True):
            assert torch.equal(total, expected)


def test_empty_draw_gives_noise_alone() -> None:
    mechanism = _mechanism(SeededEntropy(7))
    (gradient,) = mechanism.noised(mechanism.clipped_sum([]))
    # Standard deviation 1.5 * 2 = 3, divided by 4 patients expected.
    expected = 3.0 * SeededEntropy(7).normal(3) / 4.0
    assert gradient.tolist() == pytest.approx(expected.tolist(), rel=1e-6)


def test_noise_has_the_declared_deviation() -> None:
    mechanism = _mechanism(SeededEntropy(1), weights=100_000)
    (gradient,) = mechanism.noised(mechanism.clipped_sum([]))
    # 3 / 4; the standard error of a deviation is 1 / sqrt(2n) = 0.22 % of it.
    assert float(gradient.std()) == pytest.approx(0.75, rel=0.012)


def test_noise_is_fresh_for_each_update_and_each_parameter() -> None:
    one, other = nn.Parameter(torch.zeros(5)), nn.Parameter(torch.zeros(5))
    mechanism = PrivateMechanism(_SETTINGS, [one, other], lambda _: one.sum(), SeededEntropy(0))
    made = [g for _ in range(2) for g in mechanism.noised(mechanism.clipped_sum([]))]
    assert len({value for gradient in made for value in gradient.tolist()}) == 20


def test_sum_is_divided_by_the_patients_expected_however_many_came() -> None:
    mechanism = _mechanism(SilentEntropy(0))
    for count in (1, 3):
        (gradient,) = mechanism.noised(mechanism.clipped_sum([_draw(0.0, 1.0, 0.0)] * count))
        assert gradient.tolist() == [0.0, count / 4.0, 0.0]


def test_noised_gradient_has_the_type_of_its_parameter() -> None:
    mechanism = _mechanism(SeededEntropy(0))
    (total,) = mechanism.clipped_sum([_draw(1.0, 0.0, 0.0)])
    assert total.dtype == torch.float64
    assert mechanism.noised([total])[0].dtype == torch.float32


def test_patients_are_drawn_anew_each_time() -> None:
    patients, mechanism = small_patients(30), _mechanism(SeededEntropy(0))
    one, other = mechanism.draw(patients), mechanism.draw(patients)
    assert one != other


def test_patients_are_drawn_at_the_declared_rate() -> None:
    patients = [PrivatePatient(str(n), (), ()) for n in range(10_000)]
    drawn = _mechanism(SeededEntropy(0)).draw(patients)
    # Binomial(10000, 0.5): standard deviation 50.
    assert abs(len(drawn) - 5000) < 275


def test_equal_updates_are_recorded_together() -> None:
    mechanism = _mechanism(SeededEntropy(0))
    assert mechanism.applied.steps == 0
    for _ in range(3):
        mechanism.draw(())
        mechanism.noised(mechanism.clipped_sum([]))
    assert mechanism.applied.updates == (AppliedUpdate(1.5, 0.5, 3),)
    assert mechanism.applied.name == "generators"


@pytest.mark.parametrize("draws", [0, 2])
def test_update_without_one_draw_of_its_own_is_recorded_as_seeing_everybody(draws: int) -> None:
    mechanism = _mechanism(SeededEntropy(0))
    for _ in range(draws):
        mechanism.draw(())
    mechanism.noised(mechanism.clipped_sum([]))
    assert mechanism.applied.updates == (AppliedUpdate(1.5, 1.0, 1),)


def test_record_shows_the_noise_that_was_used() -> None:
    mechanism = _mechanism(SeededEntropy(0))
    sums = mechanism.clipped_sum([])
    mechanism.settings = dataclasses.replace(_SETTINGS, noise_multiplier=0.75)
    mechanism.draw(())
    mechanism.noised(sums)
    assert mechanism.applied.updates == (AppliedUpdate(0.75, 0.5, 1),)


def test_record_counts_noise_in_units_of_the_norm_that_clipped() -> None:
    mechanism = _mechanism(SeededEntropy(0))
    sums = mechanism.clipped_sum([])
    # Noise for a norm of 1 beside sums clipped to 2 protects half as much.
    mechanism.settings = dataclasses.replace(_SETTINGS, clipping_norm=1.0)
    mechanism.draw(())
    mechanism.noised(sums)
    assert mechanism.applied.updates == (AppliedUpdate(0.75, 0.5, 1),)


def test_record_goes_on_from_its_state() -> None:
    mechanism, resumed = _mechanism(SeededEntropy(0)), _mechanism(SeededEntropy(1))
    mechanism.draw(())
    mechanism.noised(mechanism.clipped_sum([]))
    resumed.restore(mechanism.state())
    assert resumed.applied == mechanism.applied
    resumed.draw(())
    resumed.noised(resumed.clipped_sum([]))
    assert resumed.applied.steps == 2


def test_networks_that_do_not_learn_are_frozen_while_the_others_do() -> None:
    networks = small_networks()
    generating = [p for network in networks.generators() for p in network.parameters()]
    mechanism = PrivateMechanism(
        _SETTINGS, generating, GeneratorObjective(networks, WEIGHTS, CPU, {}), SeededEntropy(0)
    )
    mechanism.clipped_sum(small_draws(1))
    assert all(p.requires_grad for p in generating)
    for judge in networks.discriminators():
        assert not any(p.requires_grad for p in judge.parameters())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("clipping_norm", 0.0),
        ("clipping_norm", math.inf),
        ("noise_multiplier", -1.0),
        ("noise_multiplier", math.nan),
        ("sample_rate", 0.0),
        ("sample_rate", 1.1),
        ("expected_patients", 0.0),
    ],
)
def test_setting_out_of_range_is_refused(setting: str, value: float) -> None:
    values = {**dataclasses.asdict(_SETTINGS), setting: value}
    with pytest.raises(ConfigurationError, match=f"{setting} of mechanism generators is"):
        _mechanism(SeededEntropy(0), MechanismSettings(**values))


def test_several_patients_at_once_need_a_loss_that_is_a_module() -> None:
    weight = nn.Parameter(torch.zeros(3))
    with pytest.raises(ConfigurationError, match="to take 2 patients at once"):
        PrivateMechanism(_SETTINGS, [weight], lambda _: weight.sum(), SeededEntropy(0), 2)


def test_mechanism_keeps_nothing_of_patients() -> None:
    def noised_after(draws: list[PatientDraw]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        mechanism = _mechanism(SilentEntropy(0))
        mechanism.noised(mechanism.clipped_sum(draws))
        (gradient,) = mechanism.noised(mechanism.clipped_sum([]))
        return gradient.numpy()

    assert noised_after([_draw(1.0, 2.0, 3.0)]).tolist() == [0.0, 0.0, 0.0]
