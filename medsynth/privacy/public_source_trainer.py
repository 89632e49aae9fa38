"""A private step in which patients reach one network alone, and all else is learnt for free."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from medsynth.errors import ConfigurationError
from medsynth.networks.calibrated_generator import CalibratedGenerator
from medsynth.privacy.entropy import Entropy
from medsynth.privacy.mechanism import PrivateMechanism
from medsynth.privacy.patient_gradients import sum_one_by_one
from medsynth.privacy.patients import PatientDraw, PrivatePatient
from medsynth.privacy.private_trainer import (
    NONCONTRAST_DISCRIMINATOR,
    PrivateStepSettings,
    PrivateTrainer,
    Trained,
    last_layer,
    trained_parameters,
)
from medsynth.privacy.public_source import PublicSettings
from medsynth.training.batches import Draw, PatientSlices, draw_patches
from medsynth.training.cycle_networks import CycleNetworks
from medsynth.training.device import Compute
from medsynth.training.losses import discriminator_loss, generator_loss

_JUDGED, _FREE = 0, 1


class PublicSourceTrainer(PrivateTrainer):
    """Networks that learn from public contrast scans and one noised discriminator.

    Patients' non-contrast slices are shown to the non-contrast discriminator as real, and to
    nothing else. One update of it is the sum of two gradients: that of the patients' terms,
    each clipped, summed and noised, and that of what the generator makes of public scans. The
    second needs no noise. The generator before the first update knows no patient; given that
    the weights before an update are a function of noised sums and public scans alone, so are
    the second gradient, the updated weights, and all that the generators learn from them until
    the next update. By induction every weight is post-processing of the noised sums, whose
    sensitivity is the clipping norm: only these are counted.

    Patients without a non-contrast scan take no part, and cost nothing.

    Source: own derivation; post-processing after Dwork and Roth 2014, doi 10.1561/0400000042,
    proposition 2.1, and its adaptive composition.
    """

    def __init__(
        self,
        networks: CycleNetworks,
        patients: Sequence[PrivatePatient],
        settings: PrivateStepSettings,
        compute: Compute,
        entropy: Entropy,
        public: Sequence[PatientSlices],
    ) -> None:
        """Put the networks on the device and make optimisers and the mechanism.

        Args:
            networks: the four networks; moved, not copied.
            patients: private ones; those without a non-contrast scan are left out.
            settings: of a step, with those of the public source.
            compute: where and in which precision.
            entropy: for noise, for who is drawn and for which slices.
            public: contrast scans that protect nobody; no private patient may be among them.

        Raises:
            ConfigurationError: there is no public scan, or no setting for it.
        """
        if settings.public is None or not public:
            raise ConfigurationError(
                f"A training from public scans has {len(public)} public patients. Expected at "
                "least one, and privacy.public_source. Set it, or give a workspace with scans."
            )
        if settings.trained == "calibration":
            _forget_verdicts(networks.noncontrast_discriminator)
        self._public = tuple(public)
        self._public_settings: PublicSettings = settings.public
        # Without their contrast scans, which nothing here may read.
        taking_part = [
            PrivatePatient(one.patient, (), one.noncontrast) for one in patients if one.noncontrast
        ]
        super().__init__(networks, taking_part, settings, compute, entropy)

    def train_step(self, *, learning_rate_factor: float) -> None:
        """Update the discriminator of patients some times, then all else from public scans.

        Args:
            learning_rate_factor: on the highest learning rates, from the schedule.
        """
        self._learning.set_learning_rates(learning_rate_factor)
        for update in range(self._settings.discriminator_steps):
            self._update_judge(self.step * self._settings.discriminator_steps + update)
        for update in range(self._public_settings.free_steps):
            contrast = self._drawn_public(
                _FREE, self.step * self._public_settings.free_steps + update
            )
            self._update_generators(contrast)
            if self._settings.trained != "calibration":
                self._update_contrast_discriminator(contrast)
        self.step += 1
        self._learning.update_averages(self.step)

    @property
    def free_parameters(self) -> tuple[nn.Parameter, ...]:
        """Give what is learnt from public scans and noised weights alone."""
        if self._settings.trained == "calibration":
            return self._generating()
        return (*self._generating(), *self.networks.contrast_discriminator.parameters())

    def _build_mechanisms(self) -> dict[str, PrivateMechanism]:
        judge = self.networks.noncontrast_discriminator
        return {
            NONCONTRAST_DISCRIMINATOR: PrivateMechanism(
                self._mechanism_settings(
                    NONCONTRAST_DISCRIMINATOR, self._settings.discriminator_clipping_norm
                ),
                self._judging(judge),
                RealObjective(judge, self._compute),
                self._entropy,
                self._settings.chunk,
            )
        }

    def _judging(self, judge: nn.Module) -> list[nn.Parameter]:
        """Give what learns of the discriminator of patients: as little as will do.

        The fewer parameters, the less noise. To tell brightness by, features of any kind will
        do; from scratch, the features are to be learnt.
        """
        if self._settings.trained == "calibration":
            return list(last_layer(judge).parameters())
        trained: Trained = "norms_and_last" if self._settings.start == "public" else "all"
        return trained_parameters(judge, trained)

    def _update_judge(self, number: int) -> None:
        """Make the one update that patients take part in."""
        mechanism = self.mechanisms[NONCONTRAST_DISCRIMINATOR]
        draws = [self._drawn(patient) for patient in mechanism.draw(self._patients)]
        noised = mechanism.noised(mechanism.clipped_sum(draws))
        public = self._public_gradients(mechanism, self._drawn_public(_JUDGED, number))
        self._take_step(
            mechanism.parameters,
            [one + other.to(one) for one, other in zip(noised, public, strict=True)],
            self._learning.discriminator_optimiser,
        )

    def _public_gradients(self, mechanism: PrivateMechanism, contrast: Tensor) -> list[Tensor]:
        """Give the mean gradient of what is made of public slices, each clipped like a patient.

        Unclipped they would outweigh the patients, and the discriminator would refuse everything.
        """
        judge = self.networks.noncontrast_discriminator
        with torch.no_grad(), self._compute.precision():
            made = self.networks.to_noncontrast(self._as_private_scanner(contrast)).float()

        def refused(draw: PatientDraw) -> Tensor:
            with self._compute.precision():
                verdict = judge(cast(Tensor, draw.noncontrast))
            loss: Tensor = verdict.float().square().mean() / 2.0
            return loss

        sums = sum_one_by_one(
            refused,
            mechanism.parameters,
            [PatientDraw(None, one) for one in made.split(1)],
            clipping_norm=mechanism.settings.clipping_norm,
        )
        return [total / len(made) for total in sums]

    def _update_generators(self, contrast: Tensor) -> None:
        parameters = self._generating()
        loss = self._generators_loss(contrast)
        self._take_step(
            parameters,
            torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True),
            self._learning.generator_optimiser,
        )

    def _generators_loss(self, contrast: Tensor) -> Tensor:
        networks = self.networks
        shown = self._as_private_scanner(contrast)
        if self._settings.trained == "calibration":
            # One number cannot make a translation worse in any other way, so nothing holds it.
            with self._compute.precision():
                verdict = networks.noncontrast_discriminator(networks.to_noncontrast(shown))
            loss: Tensor = (verdict.float() - 1.0).square().mean()
            return loss
        with self._compute.precision():
            out_of_contrast = generator_loss(
                shown,
                forward=networks.to_noncontrast,
                backward=networks.to_contrast,
                judge=networks.noncontrast_discriminator,
                weights=self._settings.weights,
                anchor=self._anchors.get("to_noncontrast"),
            )
            # There is no public non-contrast scan: what was just made stands in for it.
            into_contrast = generator_loss(
                out_of_contrast.translated.float(),
                forward=networks.to_contrast,
                backward=networks.to_noncontrast,
                judge=networks.contrast_discriminator,
                weights=self._settings.weights,
                anchor=self._anchors.get("to_contrast"),
            )
        return out_of_contrast.total + into_contrast.total

    def _update_contrast_discriminator(self, contrast: Tensor) -> None:
        networks = self.networks
        parameters = tuple(networks.contrast_discriminator.parameters())
        with self._compute.precision():
            with torch.no_grad():
                made = networks.to_contrast(networks.to_noncontrast(contrast).float()).float()
            loss = discriminator_loss(networks.contrast_discriminator, contrast, made)
        self._take_step(
            parameters,
            torch.autograd.grad(loss, parameters),
            self._learning.discriminator_optimiser,
        )

    def _as_private_scanner(self, contrast: Tensor) -> Tensor:
        """Show public slices as brightly as the patients' scanner would, where that is learnt.

        The public scans' own scanners are calibrated. Were their slices not brightened, the
        offset could not be seen in what is made of them.
        """
        generator = self.networks.to_noncontrast
        if not isinstance(generator, CalibratedGenerator):
            return contrast
        brightened: Tensor = 2.0 * contrast - generator.offset(contrast)
        return brightened

    def _generating(self) -> tuple[nn.Parameter, ...]:
        parameters = [
            parameter
            for network in self.networks.generators()
            for parameter in trained_parameters(network, self._settings.trained)
        ]
        # The generators share the scanner's offset.
        return tuple(dict.fromkeys(parameters))

    def _drawn_public(self, stream: int, number: int) -> Tensor:
        settings = self._public_settings
        draw = Draw(settings.batch, self._settings.patch, settings.seed)
        return self._compute.moved(draw_patches(self._public, draw, step=number, stream=stream))


class RealObjective(nn.Module):
    """A patient's share of the non-contrast discriminator's objective: the real term alone."""

    def __init__(self, judge: nn.Module, compute: Compute) -> None:
        """Bind the objective to its network.

        Args:
            judge: the non-contrast discriminator.
            compute: the precision of the forward pass.
        """
        super().__init__()
        self.judge = judge
        self._compute = compute

    def forward(self, draw: PatientDraw) -> Tensor:
        """Give a scalar, the mean over the patient's non-contrast slices; contrast is not read.

        It is 0 without non-contrast slices.
        """
        if draw.noncontrast is None:
            return 0.0 * next(self.judge.parameters()).sum()
        with self._compute.precision():
            verdict = self.judge(draw.noncontrast)
        # Halved as in `discriminator_loss`, of which it is a part.
        loss: Tensor = (verdict.float() - 1.0).square().mean() / 2.0
        return loss


@torch.no_grad()
def _forget_verdicts(judge: nn.Module) -> None:
    """Take a discriminator's opinion, not its features; in place.

    One that was taught on calibrated scans wants what it is shown darker, whatever the patients'
    scanner shows, and would lead the offset astray until patients have taught it otherwise.
    """
    for parameter in last_layer(judge).parameters():
        parameter.zero_()
