import torch

from medsynth.privacy.patient_losses import (
    CalibrationObjective,
    DiscriminatorObjective,
    GeneratorObjective,
)
from medsynth.privacy.patients import PatientDraw
from medsynth.training.losses import (
    discriminator_loss,
    generator_loss,
)
from tests.medsynth.privacy.small_networks import CPU, WEIGHTS, small_draws, small_networks

_BOTH = small_draws(3)[2]
_CONTRAST_ALONE = PatientDraw(_BOTH.contrast, None)
_NONCONTRAST_ALONE = PatientDraw(None, _BOTH.noncontrast)


def test_generators_objective_is_the_translators_of_each_phase_added() -> None:
    networks = small_networks()
    assert _BOTH.contrast is not None
    assert _BOTH.noncontrast is not None
    out_of_contrast = generator_loss(
        _BOTH.contrast,
        forward=networks.to_noncontrast,
        backward=networks.to_contrast,
        judge=networks.noncontrast_discriminator,
        weights=WEIGHTS,
    ).total
    out_of_noncontrast = generator_loss(
        _BOTH.noncontrast,
        forward=networks.to_contrast,
        backward=networks.to_noncontrast,
        judge=networks.contrast_discriminator,
        weights=WEIGHTS,
    ).total
    objective = GeneratorObjective(networks, WEIGHTS, CPU, {})
    assert torch.equal(objective(_BOTH), out_of_contrast + out_of_noncontrast)
    assert torch.equal(objective(_CONTRAST_ALONE), out_of_contrast)
    assert torch.equal(objective(_NONCONTRAST_ALONE), out_of_noncontrast)


def test_change_is_counted_from_the_anchors() -> None:
    networks = small_networks()
    own = dict(zip(("to_noncontrast", "to_contrast"), networks.generators(), strict=True))
    without = GeneratorObjective(networks, WEIGHTS, CPU, {})(_BOTH)
    anchored = GeneratorObjective(networks, WEIGHTS, CPU, own)(_BOTH)
    # From what the generators make now there is no change, so that term falls away.
    assert float(anchored.detach()) < float(without.detach())


def test_discriminators_objective_is_the_translators_on_fresh_translations() -> None:
    networks = small_networks()
    assert _BOTH.contrast is not None
    assert _BOTH.noncontrast is not None
    with torch.no_grad():
        made_noncontrast = networks.to_noncontrast(_BOTH.contrast)
        made_contrast = networks.to_contrast(_BOTH.noncontrast)
    expected = discriminator_loss(
        networks.noncontrast_discriminator, _BOTH.noncontrast, made_noncontrast
    ) + discriminator_loss(networks.contrast_discriminator, _BOTH.contrast, made_contrast)
    objective = DiscriminatorObjective(networks, CPU)
    assert torch.allclose(objective(_BOTH), expected)


def test_discriminators_terms_of_either_phase_add_up() -> None:
    objective = DiscriminatorObjective(small_networks(), CPU)
    apart = objective(_CONTRAST_ALONE) + objective(_NONCONTRAST_ALONE)
    assert torch.allclose(objective(_BOTH), apart)


def test_discriminators_objective_leads_to_no_generator() -> None:
    networks = small_networks()
    DiscriminatorObjective(networks, CPU)(_BOTH).backward()
    for generator in networks.generators():
        assert all(parameter.grad is None for parameter in generator.parameters())


def test_calibration_objective_has_a_term_for_each_phase_there_is() -> None:
    objective = CalibrationObjective(small_networks(), CPU)
    terms = objective(_CONTRAST_ALONE), objective(_NONCONTRAST_ALONE)
    assert min(float(term.detach()) for term in terms) > 0.0
    assert torch.equal(objective(_BOTH), terms[0] + terms[1])
