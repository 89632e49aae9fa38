"""Training a segmenter on labelled scans, and using it."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from monai.losses import DiceCELoss
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from medsynth.errors import TrainingError
from medsynth.evaluation.augmentation import Augmentation, augment
from medsynth.evaluation.organs import OrganTable
from medsynth.networks.segmenter import Segmenter, most_likely_class
from medsynth.training.device import Compute

WEIGHT_DECAY = 1e-4


@dataclasses.dataclass(frozen=True)
class LabelledScan:
    """A scan with its labels on the training grid.

    Attributes:
        patient: pseudonym of the patient.
        slices_hu: (slices, rows, columns), int16, HU; may be a memory-mapped file.
        labels: the same shape, uint8, label values.
    """

    patient: str
    slices_hu: NDArray[np.int16]
    labels: NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class SegmenterPlan:
    """How a segmenter is trained; equal for all arms.

    Attributes:
        steps: training steps.
        batch: slices in a step.
        channels: width of the network's first level.
        learning_rate: AdamW's learning rate at its highest.
        seed: fixes the first weights and every draw.
        compute: where it is trained, and in which precision.
        augmentation: how far training slices are changed.
    """

    steps: int
    batch: int
    channels: int
    learning_rate: float
    seed: int
    compute: Compute
    augmentation: Augmentation


def train_segmenter(
    scans: Sequence[LabelledScan],
    organs: OrganTable,
    plan: SegmenterPlan,
    *,
    on_step: Callable[[int, float], None],
) -> Segmenter:
    """Train a segmenter from random weights.

    Each step draws its slices from the seed and its own number, every slice
    being equally likely. The loss is Dice over the whole batch, which slices
    without an organ do not upset, plus cross entropy.

    Args:
        scans: what it learns from; all of one slice size.
        organs: the classes to tell.
        plan: how it is trained.
        on_step: called after each step with the steps done and the step's loss.

    Returns:
        The trained network, ready to use, on the plan's device.

    Raises:
        TrainingError: there is no slice to learn from.
    """
    pool = [(scan, index) for scan in scans for index in range(len(scan.slices_hu))]
    if not pool:
        raise TrainingError(
            "A segmenter has 0 labelled slices to learn from. Expected at least one. "
            "Give labels of the source patients' scans."
        )
    segmenter = new_segmenter(organs, plan).to(plan.compute.device)
    optimizer = AdamW(segmenter.parameters(), lr=plan.learning_rate, weight_decay=WEIGHT_DECAY)
    schedule = OneCycleLR(optimizer, max_lr=plan.learning_rate, total_steps=plan.steps + 1)
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False, batch=True)
    segmenter.train()
    for step in range(plan.steps):
        generator = np.random.default_rng([plan.seed, step])
        slices_hu, classes = _draw_batch(pool, organs, plan.batch, generator)
        slices_hu, classes = augment(
            slices_hu.to(plan.compute.device),
            classes.to(plan.compute.device),
            plan.augmentation,
            generator,
        )
        optimizer.zero_grad()
        with plan.compute.precision():
            scores = segmenter(slices_hu)
        loss = loss_function(scores.float(), classes.long())
        loss.backward()
        optimizer.step()
        schedule.step()
        on_step(step + 1, float(loss.detach()))
    return segmenter.eval()


def new_segmenter(organs: OrganTable, plan: SegmenterPlan) -> Segmenter:
    """Give a segmenter whose first weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        return Segmenter(channels=plan.channels, classes=len(organs.names) + 1)


def segment(
    segmenter: Segmenter, slices_hu: NDArray[np.int16], *, batch: int, compute: Compute
) -> NDArray[np.uint8]:
    """Give the most likely class of every pixel of a scan.

    Args:
        segmenter: a trained network on `compute.device`.
        slices_hu: (slices, rows, columns), int16, HU.
        batch: slices at a time.
        compute: where it is computed, and in which precision.

    Returns:
        (slices, rows, columns), uint8, 0 background, 1 the first organ; a new array.
    """
    predicted = np.empty(slices_hu.shape, dtype=np.uint8)
    with torch.inference_mode():
        for first in range(0, len(slices_hu), batch):
            part = np.asarray(slices_hu[first : first + batch], dtype=np.float32)
            with compute.precision():
                scores = segmenter(torch.from_numpy(part)[:, None].to(compute.device))
            predicted[first : first + batch] = most_likely_class(scores).cpu().numpy()
    return predicted


def _draw_batch(
    pool: Sequence[tuple[LabelledScan, int]],
    organs: OrganTable,
    batch: int,
    generator: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    drawn = [pool[index] for index in generator.integers(0, len(pool), size=batch)]
    slices_hu = np.stack([scan.slices_hu[index] for scan, index in drawn]).astype(np.float32)
    lookup = organs.class_lookup()
    classes = np.stack([lookup[scan.labels[index]] for scan, index in drawn])
    return torch.from_numpy(slices_hu)[:, None], torch.from_numpy(classes)[:, None]
