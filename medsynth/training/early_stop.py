"""When to stop a training: a comparison that needs no truth.

Translated slices should show the same HU at the same coarse places of the body as
real non-contrast slices do. The comparison sees a training that falls apart; among
trainings that go well, the patients' anatomy hides which is better. Patients
that are trained on tell less: a translator that learnt them by heart looks right on
them. So a few are held back. The comparison reads patients' slices, so what it
decides would have to be charged to the budget of a private training.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medsynth.errors import TrainingError
from medsynth.training.batches import Draw, PatientSlices, draw_patches
from medsynth.training.device import Compute

JUDGED_SLICES = 24
# The fewer the patients, the more the distance is one of anatomy.
HELD_BACK = 6
FEWEST_PATIENTS = 12
# Streams 0 to 2 are the phases' and the pictures'.
_STREAMS = (3, 4)
_BATCH = 8
_SMOOTHED_OVER = 5
_BODY_HU = -300.0
_PLACES = (3, 4)
_LOWEST_HU, _HIGHEST_HU, _BIN_HU = -150.0, 300.0, 5.0
_FEWEST_PIXELS = 200


@dataclasses.dataclass(frozen=True)
class EarlyStop:
    """When to stop before the budget is used up.

    Attributes:
        every_steps: steps between judgements.
        patience: judgements without a better one after which to stop.
    """

    every_steps: int
    patience: int


@dataclasses.dataclass(frozen=True)
class JudgedSlices:
    """Whole slices that every judgement looks at; never in pairs.

    Attributes:
        contrast: (count, 1, rows, columns), float32, HU.
        noncontrast: likewise, of other patients.
    """

    contrast: Tensor
    noncontrast: Tensor


def hold_back(
    patients: Sequence[PatientSlices],
) -> tuple[Sequence[PatientSlices], Sequence[PatientSlices]]:
    """Divide one phase's patients into those that are trained on and those that judge.

    Args:
        patients: in an order that says nothing of them, as that of pseudonyms.

    Returns:
        Those to train on, and the six to judge by.

    Raises:
        TrainingError: there are too few to hold any back.
    """
    if len(patients) < FEWEST_PATIENTS:
        raise TrainingError(
            f"Early stop is asked for with {len(patients)} training patients of a phase. Expected "
            f"at least {FEWEST_PATIENTS}, as {HELD_BACK} only judge. Set train.early_stop=false."
        )
    return patients[HELD_BACK:], patients[:HELD_BACK]


def draw_judged_slices(
    contrast: Sequence[PatientSlices], noncontrast: Sequence[PatientSlices], *, seed: int
) -> JudgedSlices:
    """Draw the slices that are judged: always the same for one seed.

    Args:
        contrast: contrast slices of patients that are held back.
        noncontrast: non-contrast slices of patients that are held back.
        seed: the training's.
    """
    drawn = []
    for patients, stream in zip((contrast, noncontrast), _STREAMS, strict=True):
        whole = patients[0].volumes_hu[0].shape[-1]
        draw = Draw(batch=JUDGED_SLICES, patch=whole, seed=seed)
        drawn.append(draw_patches(patients, draw, step=0, stream=stream))
    return JudgedSlices(contrast=drawn[0], noncontrast=drawn[1])


class BestTranslator:
    """The best translator so far, and whether better ones still come."""

    def __init__(self, rule: EarlyStop, judged: JudgedSlices, compute: Compute) -> None:
        """Start with none.

        Args:
            rule: when to look and when to give up.
            judged: what to look at.
            compute: where and in which precision the networks run.
        """
        self._rule = rule
        self._judged = judged
        self._compute = compute
        self._lowest = float("inf")
        self._waited = 0
        self._last_step = 0
        self._weights: dict[str, dict[str, Tensor]] = {}

    @property
    def is_over(self) -> bool:
        """Tell whether as many judgements as the rule allows have brought nothing better."""
        return self._waited >= self._rule.patience

    def judge_when_due(self, networks: Mapping[str, nn.Module], step: int) -> None:
        """Judge every few steps, as the rule says.

        Args:
            networks: name -> generator, "to_noncontrast" among them.
            step: number of steps they were trained.
        """
        if step % self._rule.every_steps == 0:
            self.judge(networks, step)

    def judge(self, networks: Mapping[str, nn.Module], step: int) -> None:
        """Keep a copy of the weights if they are the best so far; a step is judged once.

        Args:
            networks: name -> generator, "to_noncontrast" among them.
            step: number of steps they were trained.
        """
        if step == self._last_step:
            return
        self._last_step = step
        distance = distance_to_real(networks["to_noncontrast"], self._judged, self._compute)
        if distance < self._lowest:
            self._lowest, self._waited = distance, 0
            self._weights = {
                name: {key: value.detach().cpu().clone() for key, value in n.state_dict().items()}
                for name, n in networks.items()
            }
        else:
            self._waited += 1

    def put_into(self, networks: Mapping[str, nn.Module]) -> None:
        """Fill the networks with the best weights.

        Args:
            networks: as they were judged; changed in place.
        """
        for name, weights in self._weights.items():
            networks[name].load_state_dict(weights)

    def state(self) -> dict[str, Any]:
        """Give everything that later judgements depend on, as tensors and plain values."""
        return {
            "lowest": self._lowest,
            "waited": self._waited,
            "last_step": self._last_step,
            "weights": self._weights,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state that `state` gave."""
        self._lowest = state["lowest"]
        self._waited = state["waited"]
        self._last_step = state["last_step"]
        self._weights = state["weights"]


@torch.no_grad()
def distance_to_real(network: nn.Module, judged: JudgedSlices, compute: Compute) -> float:
    """Give how far translated slices are from real ones in HU, place by place.

    The body of each slice is cut into 3 x 4 places; at each the HU of
    all translated slices, smoothed, are compared with those of all real
    non-contrast slices.

    Args:
        network: (batch, 1, rows, columns) HU to the same, on the device.
        judged: the slices to look at.
        compute: where and in which precision the network runs.

    Returns:
        Mean over the places of the Wasserstein distance, HU.

    Source: own derivation; the distance on a line is the area between the cumulative
    distributions (Vallender 1974, doi 10.1137/1118101).
    """
    made = []
    for start in range(0, len(judged.contrast), _BATCH):
        part = compute.moved(judged.contrast[start : start + _BATCH])
        with compute.precision():
            made.append(network(part).float().cpu())
    translated, source = _smoothed(torch.cat(made)), _smoothed(judged.contrast)
    real = _smoothed(judged.noncontrast)
    here, there = _place_of_pixels(source), _place_of_pixels(real)
    distances = []
    for place in range(_PLACES[0] * _PLACES[1]):
        ours, theirs = translated[here == place], real[there == place]
        if min(len(ours), len(theirs)) >= _FEWEST_PIXELS:
            distances.append(_wasserstein_hu(ours, theirs))
    return float(np.mean(distances)) if distances else 0.0


def _smoothed(slices: Tensor) -> NDArray[np.float32]:
    # Noise is the scanner's, and its share differs from scan to scan.
    pooled = nn.functional.avg_pool2d(slices, _SMOOTHED_OVER, 1, _SMOOTHED_OVER // 2)
    smoothed: NDArray[np.float32] = pooled[:, 0].numpy()
    return smoothed


def _place_of_pixels(slices: NDArray[np.float32]) -> NDArray[np.int64]:
    places = np.full(slices.shape, -1, dtype=np.int64)
    for number, is_body in enumerate(slices > _BODY_HU):
        rows, columns = np.nonzero(is_body)
        if len(rows):
            row = _part(rows, _PLACES[0])
            column = _part(columns, _PLACES[1])
            places[number, rows, columns] = row * _PLACES[1] + column
    return places


def _part(positions: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    first, last = positions.min(), positions.max()
    part: NDArray[np.int64] = (positions - first) * parts // (last - first + 1)
    return part


def _wasserstein_hu(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    edges = np.arange(_LOWEST_HU, _HIGHEST_HU + 1, _BIN_HU)
    # What lies beyond the range counts as its end, so that both hold all their pixels.
    cumulative = [
        np.cumsum(np.histogram(np.clip(hu, _LOWEST_HU, _HIGHEST_HU), edges)[0]) / len(hu)
        for hu in (ours, theirs)
    ]
    return float(np.abs(cumulative[0] - cumulative[1]).sum() * _BIN_HU)
