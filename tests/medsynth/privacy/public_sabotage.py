"""Trainers with a public source that break their promise in one way each."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medsynth.privacy.entropy import Entropy
from medsynth.privacy.mechanism import PrivateMechanism
from medsynth.privacy.patients import PatientDraw, PrivatePatient
from medsynth.privacy.private_trainer import NONCONTRAST_DISCRIMINATOR, PrivateStepSettings
from medsynth.privacy.public_source_trainer import PublicSourceTrainer
from medsynth.training.batches import PatientSlices
from medsynth.training.cycle_networks import CycleNetworks
from medsynth.training.device import Compute
from medsynth.training.losses import difference_in_loss_units
from tests.medsynth.privacy.sabotaged_mechanisms import HalvedNoise, NoClipping, NoNoise


class _WithMechanism(PublicSourceTrainer):
    """A trainer whose mechanism is of another class."""

    mechanism: type[PrivateMechanism] = PrivateMechanism

    def _build_mechanisms(self) -> dict[str, PrivateMechanism]:
        return {
            name: self.mechanism(
                honest.settings, honest.parameters, honest._loss, honest._entropy, honest._chunk
            )
            for name, honest in super()._build_mechanisms().items()
        }


class RealTermWithoutNoise(_WithMechanism):
    mechanism = NoNoise


class RealTermWithHalfTheNoise(_WithMechanism):
    mechanism = HalvedNoise


class RealTermWithoutClipping(_WithMechanism):
    mechanism = NoClipping


class _Remembering(PublicSourceTrainer):
    """Keeps the slices that were drawn for the last private update."""

    last: Tensor | None = None

    def _drawn(self, patient: PrivatePatient) -> PatientDraw:
        drawn = super()._drawn(patient)
        self.last = drawn.noncontrast
        return drawn


class GeneratorsLearnFromTheDrawn(_Remembering):
    """The usual identity term: a non-contrast scan of a patient must stay as it is."""

    def _generators_loss(self, contrast: Tensor) -> Tensor:
        loss = super()._generators_loss(contrast)
        if self.last is not None:
            kept = self.networks.to_noncontrast(self.last)
            loss = loss + difference_in_loss_units(kept, self.last)
        return loss


class FreeUpdateOnPrivateSlices(PublicSourceTrainer):
    """One patient's slices are mixed among the public ones, whoever was drawn."""

    def _drawn_public(self, stream: int, number: int) -> Tensor:
        public = super()._drawn_public(stream, number)
        patient = self._patients[0]
        own = self._moved(super()._drawn(patient).noncontrast)
        assert own is not None
        return torch.cat([public[1:], own[:1]])


class ContrastDiscriminatorSeesPatients(_Remembering):
    def _update_contrast_discriminator(self, contrast: Tensor) -> None:
        super()._update_contrast_discriminator(contrast if self.last is None else self.last)


class SyntheticTermOfTheDrawn(_Remembering):
    """What is made of the drawn patients is shown to be refused, without noise."""

    def _public_gradients(self, mechanism: PrivateMechanism, contrast: Tensor) -> list[Tensor]:
        shown = contrast if self.last is None else self.last
        self.last = None
        return super()._public_gradients(mechanism, shown)


class SyntheticTermOfAll(PublicSourceTrainer):
    """What is made of a patient is shown to be refused, though nobody was drawn."""

    def _public_gradients(self, mechanism: PrivateMechanism, contrast: Tensor) -> list[Tensor]:
        own = super()._drawn(self._patients[0]).noncontrast
        assert own is not None
        return super()._public_gradients(mechanism, torch.cat([contrast[1:], own[:1]]))


class JudgeLearnsFreely(_Remembering):
    """The judge of patients takes another step, which is called free."""

    def _update_generators(self, contrast: Tensor) -> None:
        super()._update_generators(contrast)
        if self.last is None:
            return
        parameters = self.mechanisms[NONCONTRAST_DISCRIMINATOR].parameters
        judge = self.networks.noncontrast_discriminator
        loss = (judge(self.last) - 1.0).square().mean()
        self._take_step(
            parameters,
            torch.autograd.grad(loss, parameters),
            self._learning.discriminator_optimiser,
        )


class JudgeIsSaidToBeFree(PublicSourceTrainer):
    @property
    def free_parameters(self) -> tuple[nn.Parameter, ...]:
        return (*super().free_parameters, *self.networks.noncontrast_discriminator.parameters())


class NoiseOfASeed(_WithMechanism):
    """Its noise repeats from run to run."""

    class _Seeded(PrivateMechanism):
        generator: torch.Generator | None = None

        def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
            super().noised(sums)
            self.generator = self.generator or torch.Generator().manual_seed(0)
            scale = self.settings.noise_multiplier * self.settings.clipping_norm
            return [
                (
                    (total + scale * torch.randn(total.shape, generator=self.generator))
                    / self._divisor()
                ).float()
                for total in sums
            ]

    mechanism = _Seeded


class EmptyDrawsSkipped(PublicSourceTrainer):
    """No update is made where nobody was drawn, which tells that nobody was."""

    def _update_judge(self, number: int) -> None:
        mechanism = self.mechanisms[NONCONTRAST_DISCRIMINATOR]
        taken = mechanism.draw(self._patients)
        if not taken:
            return
        noised = mechanism.noised(mechanism.clipped_sum([self._drawn(one) for one in taken]))
        public = self._public_gradients(mechanism, self._drawn_public(0, number))
        gradients = [one + other.to(one) for one, other in zip(noised, public, strict=True)]
        optimiser = self._learning.discriminator_optimiser
        self._take_step(mechanism.parameters, gradients, optimiser)


class PhasesAsPatients(PublicSourceTrainer):
    """Patients' contrast scans are let in as if they were other patients'."""

    def __init__(
        self,
        networks: CycleNetworks,
        patients: Sequence[PrivatePatient],
        settings: PrivateStepSettings,
        compute: Compute,
        entropy: Entropy,
        public: Sequence[PatientSlices],
    ) -> None:
        apart = [PrivatePatient(one.patient, (), one.contrast) for one in patients]
        super().__init__(networks, [*apart, *patients], settings, compute, entropy, public)
