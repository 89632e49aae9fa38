"""Mechanisms that break their promise in one way each, for the tests of the checks."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from medsynth.privacy.mechanism import AppliedUpdates, PrivateMechanism
from medsynth.privacy.patients import PatientDraw, PrivatePatient


class HalvedNoise(PrivateMechanism):
    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        right, none = super().noised(sums), [total / self._divisor() for total in sums]
        return [((one + other) / 2).to(one) for one, other in zip(right, none, strict=True)]


class WeakerNoise(PrivateMechanism):
    """Two per cent less, which no picture and no loss would show."""

    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        right, none = super().noised(sums), [total / self._divisor() for total in sums]
        return [(0.98 * a + 0.02 * b).to(a) for a, b in zip(right, none, strict=True)]


class LessNoiseBesidePatients(PrivateMechanism):
    """The noise is as claimed wherever nobody could see the difference."""

    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        right, none = super().noised(sums), [total / self._divisor() for total in sums]
        if not any(bool(total.any()) for total in sums):
            return right
        return [(0.8 * a + 0.2 * b).to(a) for a, b in zip(right, none, strict=True)]


class NoiseInTurns(PrivateMechanism):
    """Every third update carries the noise of the first again, though new noise was drawn."""

    updates = 0
    kept: list[Tensor]

    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        right = super().noised(sums)
        none = [total / self._divisor() for total in sums]
        turn, self.updates = self.updates % 3, self.updates + 1
        if self.updates == 1:
            self.kept = [one - other for one, other in zip(right, none, strict=True)]
        if turn:
            return right
        return [(a + b).float() for a, b in zip(none, self.kept, strict=True)]


class NoNoise(PrivateMechanism):
    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        super().noised(sums)
        return [(total / self._divisor()).float() for total in sums]


class OneLayerWithoutNoise(PrivateMechanism):
    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        return [*super().noised(sums)[:-1], (sums[-1] / self._divisor()).float()]


class SameNoiseAgain(PrivateMechanism):
    kept: list[Tensor] | None = None

    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        right = super().noised(sums)
        none = [total / self._divisor() for total in sums]
        if self.kept is None:
            self.kept = [one - other for one, other in zip(right, none, strict=True)]
        return [(a + b).float() for a, b in zip(none, self.kept, strict=True)]


class UniformNoise(PrivateMechanism):
    """Of the right spread, but bounded: a patient beyond the bound is certain."""

    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        right = super().noised(sums)
        scale = self.settings.noise_multiplier * self.settings.clipping_norm / self._divisor()
        made = []
        for noised, total in zip(right, sums, strict=True):
            normal = (noised - total / self._divisor()) / scale
            uniform = (torch.special.ndtr(normal) - 0.5) * 12**0.5
            made.append((total / self._divisor() + scale * uniform).float())
        return made


class NoiseOfTheRunsSeed(PrivateMechanism):
    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        super().noised(sums)
        scale = self.settings.noise_multiplier * self.settings.clipping_norm
        return [
            ((total + scale * torch.randn(total.shape)) / self._divisor()).float() for total in sums
        ]


class NoiseOfItsOwnSeed(PrivateMechanism):
    generator = np.random.default_rng(0)

    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        super().noised(sums)
        scale = self.settings.noise_multiplier * self.settings.clipping_norm
        return [
            (
                (total + scale * torch.from_numpy(self.generator.standard_normal(total.shape)))
                / self._divisor()
            ).float()
            for total in sums
        ]


class NoClipping(PrivateMechanism):
    def clipped_sum(self, draws: Sequence[PatientDraw]) -> list[Tensor]:
        sums = super().clipped_sum([])
        for draw in draws:
            sums = [a + b.double() for a, b in zip(sums, self._gradients(draw), strict=True)]
        return sums

    def _gradients(self, draw: PatientDraw) -> tuple[Tensor, ...]:
        super().clipped_sum([])
        return torch.autograd.grad(
            self._loss(draw), self.parameters, allow_unused=True, materialize_grads=True
        )


class ClippingOfSlices(PrivateMechanism):
    """Each slice is clipped, and a patient's slices are added up."""

    def clipped_sum(self, draws: Sequence[PatientDraw]) -> list[Tensor]:
        return super().clipped_sum([one for draw in draws for one in _slices(draw)])


class ClippingOfPhases(PrivateMechanism):
    """A patient in both phases counts twice."""

    def clipped_sum(self, draws: Sequence[PatientDraw]) -> list[Tensor]:
        apart = []
        for draw in draws:
            apart += [PatientDraw(draw.contrast, None)] * (draw.contrast is not None)
            apart += [PatientDraw(None, draw.noncontrast)] * (draw.noncontrast is not None)
        return super().clipped_sum(apart)


class ClippingOfLayers(NoClipping):
    """Each parameter is clipped alone, which is longer together."""

    def _gradients(self, draw: PatientDraw) -> tuple[Tensor, ...]:
        norm = self.settings.clipping_norm
        return tuple(
            g * min(1.0, norm / (float(g.norm()) + 1e-12)) for g in super()._gradients(draw)
        )


class ClippingOfSums(NoClipping):
    """The whole batch is clipped once, as if it were one patient; one who leaves may turn it."""

    def clipped_sum(self, draws: Sequence[PatientDraw]) -> list[Tensor]:
        sums = super().clipped_sum(draws)
        norm = float(torch.cat([total.flatten() for total in sums]).norm())
        factor = min(1.0, self.settings.clipping_norm / (norm + 1e-12))
        return [factor * total for total in sums]


class StoppedByNoNumbers(PrivateMechanism):
    """A gradient that is no number spoils the sum, and so shows who was there."""

    def clipped_sum(self, draws: Sequence[PatientDraw]) -> list[Tensor]:
        sums = super().clipped_sum(draws)
        if any(_is_no_number(draw) for draw in draws):
            return [total * float("nan") for total in sums]
        return sums


class Shuffling(PrivateMechanism):
    """Everyone takes part once in each round, in batches of one size, in a random order."""

    waiting: tuple[PrivatePatient, ...] = ()

    def draw(self, patients: Sequence[PrivatePatient]) -> list[PrivatePatient]:
        super().draw(patients)
        size = max(1, round(self.settings.sample_rate * len(patients)))
        if len(self.waiting) < size:
            order = np.argsort(self._entropy.uniform(len(patients)))
            self.waiting = tuple(patients[int(place)] for place in order)
        drawn, self.waiting = self.waiting[:size], self.waiting[size:]
        return list(drawn)


class FixedBatches(PrivateMechanism):
    """Each draw is fresh, but of a fixed number of patients."""

    def draw(self, patients: Sequence[PrivatePatient]) -> list[PrivatePatient]:
        super().draw(patients)
        size = max(1, round(self.settings.sample_rate * len(patients)))
        order = np.argsort(self._entropy.uniform(len(patients)))[:size]
        return [patients[int(place)] for place in order]


class HigherRate(PrivateMechanism):
    def draw(self, patients: Sequence[PrivatePatient]) -> list[PrivatePatient]:
        taken = super().draw(patients)
        chances = self._entropy.uniform(len(patients))
        names = {one.patient for one in taken}
        more = [p for p, chance in zip(patients, chances, strict=True) if chance < 0.02]
        return [*taken, *(one for one in more if one.patient not in names)]


class DivisionByRealised(PrivateMechanism):
    """Sums are divided by the number who took part, which tells who did."""

    drawn = 1

    def draw(self, patients: Sequence[PrivatePatient]) -> list[PrivatePatient]:
        taken = super().draw(patients)
        self.drawn = max(1, len(taken))
        return taken

    def noised(self, sums: Sequence[Tensor]) -> list[Tensor]:
        factor = self._divisor() / self.drawn
        return [factor * one for one in super().noised(sums)]


class RecordLeftOut(PrivateMechanism):
    """Updates that are made and not recorded."""

    @property
    def applied(self) -> AppliedUpdates:
        return AppliedUpdates(self.settings.name, ())


class RecordForgottenWhenSaved(PrivateMechanism):
    def state(self) -> list[list[float]]:
        return []


def _slices(draw: PatientDraw) -> list[PatientDraw]:
    count = len(_first(draw))
    return [
        PatientDraw(
            None if draw.contrast is None else draw.contrast[place : place + 1],
            None if draw.noncontrast is None else draw.noncontrast[place : place + 1],
        )
        for place in range(count)
    ]


def _first(draw: PatientDraw) -> Tensor:
    found = draw.noncontrast if draw.contrast is None else draw.contrast
    assert found is not None
    return found


def _is_no_number(draw: PatientDraw) -> bool:
    return not bool(torch.isfinite(_first(draw)).all())
