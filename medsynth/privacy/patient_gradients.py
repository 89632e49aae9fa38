"""Each patient's own gradient, clipped and summed: one patient at a time, or several at once.

Both ways give the same sums; the first is the reference and works with any
loss, the second is quicker where a patient's share is too small to keep the
device busy.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from medsynth.privacy.patients import PatientDraw

PatientLoss = Callable[[PatientDraw], Tensor]


def sum_one_by_one(
    loss: PatientLoss,
    parameters: Sequence[nn.Parameter],
    draws: Sequence[PatientDraw],
    *,
    clipping_norm: float,
) -> list[Tensor]:
    """Clip each patient's gradient over all parameters together and add them up.

    Args:
        loss: a patient's draw -> scalar.
        parameters: what the gradient is taken over.
        draws: one a patient, on the device of the parameters; may be none.
        clipping_norm: the longest a patient's gradient may be.

    Returns:
        One sum a parameter, in float64: rounding must not let a patient move a sum further.
    """
    sums = _ClippedSum(parameters, clipping_norm)
    for draw in draws:
        gradients = torch.autograd.grad(
            loss(draw), parameters, allow_unused=True, materialize_grads=True
        )
        sums.add(gradient.unsqueeze(0) for gradient in gradients)
    return sums.of_each_parameter()


def sum_in_chunks(
    loss: nn.Module,
    parameters: Mapping[str, nn.Parameter],
    draws: Sequence[PatientDraw],
    *,
    clipping_norm: float,
    chunk: int,
) -> list[Tensor]:
    """Do what `sum_one_by_one` does, with several patients in one pass.

    Args:
        loss: a patient's draw -> scalar; it reaches the parameters through itself alone.
        parameters: name within `loss` -> parameter.
        draws: one a patient, on the device of the parameters, each of as many slices.
        clipping_norm: the longest a patient's gradient may be.
        chunk: patients in a pass.

    Returns:
        One sum a parameter, in float64, in the order of `parameters`.
    """
    sums = _ClippedSum(parameters.values(), clipping_norm)
    values = {name: parameter.detach() for name, parameter in parameters.items()}
    for together in _alike_in_chunks(draws, chunk):
        # Gradients are those of torch.func, so no second graph is to be kept beside them.
        with torch.no_grad():
            gradients = _gradients_of_each(loss, values, together)
        sums.add(gradients[name] for name in parameters)
    return sums.of_each_parameter()


class _ClippedSum:
    """Adds up patients' gradients, each laid out as one row of numbers and clipped by it."""

    def __init__(self, parameters: Iterable[nn.Parameter], clipping_norm: float) -> None:
        self._parameters = tuple(parameters)
        self._clipping_norm = clipping_norm
        numbers = sum(parameter.numel() for parameter in self._parameters)
        device = self._parameters[0].device if self._parameters else None
        self._total = torch.zeros(numbers, dtype=torch.float64, device=device)

    def add(self, gradients: Iterable[Tensor]) -> None:
        """Add gradients of some patients, (patients, *parameter) each, patient by patient."""
        rows = torch.cat([gradient.flatten(1) for gradient in gradients], dim=1).double()
        norms = torch.linalg.vector_norm(rows, dim=1)
        # A patient whose gradient is no number must not stop the update: that would tell of it.
        usable = torch.isfinite(norms)
        factors = (self._clipping_norm / norms[usable]).clamp(max=1.0)
        self._total += factors @ rows[usable]

    def of_each_parameter(self) -> list[Tensor]:
        """Give one sum a parameter, float64."""
        sizes = [parameter.numel() for parameter in self._parameters]
        parts = torch.split(self._total, sizes)
        return [part.view_as(p) for part, p in zip(parts, self._parameters, strict=True)]


def _gradients_of_each(
    loss: nn.Module, values: dict[str, Tensor], together: Sequence[PatientDraw]
) -> dict[str, Tensor]:
    phases = [_stacked([d.contrast for d in together]), _stacked([d.noncontrast for d in together])]

    def loss_of_one(
        values: dict[str, Tensor], contrast: Tensor | None, noncontrast: Tensor | None
    ) -> Tensor:
        made: Tensor = torch.func.functional_call(
            loss, values, (PatientDraw(contrast, noncontrast),)
        )
        return made

    each = torch.func.vmap(
        torch.func.grad(loss_of_one),
        in_dims=(None, *(None if phase is None else 0 for phase in phases)),
    )
    gradients: dict[str, Tensor] = each(values, *phases)
    return gradients


def _alike_in_chunks(draws: Sequence[PatientDraw], chunk: int) -> Iterator[Sequence[PatientDraw]]:
    """Group those who have the same phases, at most `chunk` at a time."""

    def phases(draw: PatientDraw) -> tuple[bool, bool]:
        return draw.contrast is not None, draw.noncontrast is not None

    for _, alike in itertools.groupby(sorted(draws, key=phases), key=phases):
        remaining = list(alike)
        for start in range(0, len(remaining), chunk):
            yield remaining[start : start + chunk]


def _stacked(patches: Sequence[Tensor | None]) -> Tensor | None:
    there = [patch for patch in patches if patch is not None]
    return torch.stack(there) if there else None
