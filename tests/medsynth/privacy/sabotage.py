"""Private trainers that break their promise in one way each, for the tests of the checks."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from medsynth.privacy.entropy import Entropy
from medsynth.privacy.mechanism import PrivateMechanism
from medsynth.privacy.patients import PatientDraw, PrivatePatient
from medsynth.privacy.private_trainer import (
    DISCRIMINATORS,
    GENERATORS,
    PrivateStepSettings,
    PrivateTrainer,
)
from medsynth.training.cycle_networks import CycleNetworks
from medsynth.training.device import Compute
from medsynth.training.image_pool import ImagePool
from tests.medsynth.privacy.private_trainers import COMPUTE, SETTINGS, fresh_networks
from tests.medsynth.privacy.sabotaged_mechanisms import NoNoise, RecordLeftOut


class SabotagedTrainer(PrivateTrainer):
    """A trainer whose mechanisms are of another class."""

    mechanism: type[PrivateMechanism] = PrivateMechanism
    sabotaged: tuple[str, ...] = (DISCRIMINATORS, GENERATORS)

    def _build_mechanisms(self) -> dict[str, PrivateMechanism]:
        return {
            name: self.mechanism(
                honest.settings, honest.parameters, honest._loss, honest._entropy, honest._chunk
            )
            if name in self.sabotaged
            else honest
            for name, honest in super()._build_mechanisms().items()
        }


def build(
    trainer: type[PrivateTrainer], patients: Sequence[PrivatePatient], entropy: Entropy
) -> PrivateTrainer:
    return trainer(fresh_networks(), patients, SETTINGS, COMPUTE, entropy)


class SharedDraw(SabotagedTrainer):
    """The generators learn from the patients who were drawn for the discriminators."""

    def _build_mechanisms(self) -> dict[str, PrivateMechanism]:
        mechanisms = super()._build_mechanisms()
        lender, borrower = mechanisms[DISCRIMINATORS], mechanisms[GENERATORS]
        made = _Borrower(
            borrower.settings, borrower.parameters, borrower._loss, borrower._entropy, None
        )
        lent = _Lender(lender.settings, lender.parameters, lender._loss, lender._entropy, None)
        made.lender = lent
        return {DISCRIMINATORS: lent, GENERATORS: made}


class _Lender(PrivateMechanism):
    last: list[PrivatePatient]

    def draw(self, patients: Sequence[PrivatePatient]) -> list[PrivatePatient]:
        self.last = super().draw(patients)
        return self.last


class _Borrower(PrivateMechanism):
    lender: _Lender

    def draw(self, patients: Sequence[PrivatePatient]) -> list[PrivatePatient]:
        super().draw(patients)
        return self.lender.last


class PhasesAsPatients(PrivateTrainer):
    """A patient in both phases is drawn for each of them."""

    def __init__(
        self,
        networks: CycleNetworks,
        patients: Sequence[PrivatePatient],
        settings: PrivateStepSettings,
        compute: Compute,
        entropy: Entropy,
    ) -> None:
        apart = [PrivatePatient(one.patient, one.contrast, ()) for one in patients]
        apart += [PrivatePatient(one.patient, (), one.noncontrast) for one in patients]
        super().__init__(networks, apart, settings, compute, entropy)


class EmptyDrawsSkipped(PrivateTrainer):
    """No update is made where nobody was drawn, which tells that nobody was."""

    def _update(self, name: str, optimiser: torch.optim.Optimizer) -> None:
        mechanism = self.mechanisms[name]
        taken = mechanism.draw(self._patients)
        if not taken:
            return
        gradients = mechanism.noised(mechanism.clipped_sum([self._drawn(one) for one in taken]))
        for parameter, gradient in zip(mechanism.parameters, gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


class PrivateDiscriminatorsOnly(SabotagedTrainer):
    """The usual recipe for generative networks, which protects nothing in a cycle."""

    mechanism = NoNoise
    sabotaged = (GENERATORS,)


class GeneratorsOutsideOfMechanisms(PrivateTrainer):
    """The generators learn by an optimiser of their own, and record updates that say otherwise."""

    def _update(self, name: str, optimiser: torch.optim.Optimizer) -> None:
        super()._update(name, optimiser)
        if name != GENERATORS:
            return
        with torch.no_grad():
            for parameter in self.mechanisms[name].parameters:
                parameter.add_(1e-4)


class PooledDiscriminators(SabotagedTrainer):
    """Discriminators are shown slices of patients who were drawn in the past."""

    def _build_mechanisms(self) -> dict[str, PrivateMechanism]:
        mechanisms = super()._build_mechanisms()
        honest = mechanisms[DISCRIMINATORS]
        assert isinstance(honest._loss, nn.Module)
        mechanisms[DISCRIMINATORS] = PrivateMechanism(
            honest.settings, honest.parameters, _Pooled(honest._loss), honest._entropy
        )
        return mechanisms


class _Pooled(nn.Module):
    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self.pool = ImagePool(50)
        self.calls = 0

    def forward(self, draw: PatientDraw) -> Tensor:
        assert draw.contrast is not None
        self.calls += 1
        shown = self.pool.exchange(draw.contrast, seed=0, step=self.calls)
        loss: Tensor = self.loss(PatientDraw(shown, draw.noncontrast))
        return loss


class SavedPool(PrivateTrainer):
    """The checkpoint holds slices of the patients."""

    def state(self) -> dict[str, Any]:
        slices = [torch.from_numpy(p.contrast[0][0, :16, :16].copy()) for p in self._patients]
        return {**super().state(), "pools": slices}


class UnNoisedWeightsSaved(SabotagedTrainer):
    """Beside the noised weights, such as would have come without noise are kept and saved."""

    class _Keeping(PrivateMechanism):
        un_noised: list[Tensor]

        def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
            self.un_noised = [
                parameter.detach() - 1e-4 * total.sign()
                for parameter, total in zip(self.parameters, sums, strict=True)
            ]
            return super().noised(sums)

    mechanism = _Keeping

    def state(self) -> dict[str, Any]:
        state = super().state()
        mechanism = self.mechanisms[GENERATORS]
        assert isinstance(mechanism, self._Keeping)
        state["averaged"] = copy.deepcopy(state["averaged"])
        first = next(iter(state["averaged"]["to_noncontrast"]))
        state["averaged"]["to_noncontrast"][first] = mechanism.un_noised[0]
        return state


class LossReturned(PrivateTrainer):
    def train_step(self, *, learning_rate_factor: float) -> Any:
        super().train_step(learning_rate_factor=learning_rate_factor)
        return {"loss": 1.0}


class DiscriminatorStepsCountedOnly(SabotagedTrainer):
    mechanism = RecordLeftOut
    sabotaged = (GENERATORS,)


class BatchNormInDiscriminators(PrivateTrainer):
    """Running statistics are patients' and no noise is on them."""

    def _build_mechanisms(self) -> dict[str, PrivateMechanism]:
        _insert(self, lambda: nn.BatchNorm2d(4, affine=False))
        return super()._build_mechanisms()


class RememberingLayers(PrivateTrainer):
    """A layer takes off what it saw on average, of whomever."""

    def _build_mechanisms(self) -> dict[str, PrivateMechanism]:
        _insert(self, _Remembering)
        return super()._build_mechanisms()


class _Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.zeros(())

    def forward(self, features: Tensor) -> Tensor:
        self.mean = self.mean.lerp(features.detach().mean(), 0.5)
        return features - self.mean


def _insert(trainer: PrivateTrainer, make_layer: Callable[[], nn.Module]) -> None:
    for discriminator in trainer.networks.discriminators():
        layers = next(discriminator.children())
        assert isinstance(layers, nn.Sequential)
        layers.insert(1, make_layer())
