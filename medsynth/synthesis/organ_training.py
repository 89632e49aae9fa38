"""Training of the organ finder on made-up patients alone."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceLoss
from numpy.typing import NDArray
from torch import Tensor, nn

from medsynth.networks.organ_segmenter import ORGANS, OrganSegmenter
from medsynth.synthesis.organ_examples import OrganExamples, make_organ_examples
from medsynth.synthesis.organ_randomisation import OrganBatch, scan_organ_slices
from medsynth.synthesis.organ_weights import write_organ_segmenter

_BATCH = 16
_TEST_SEED = 90_000
# Rare organs would be missed for long without it.
_CLASS_WEIGHTS = (0.5, 1.0, 1.5, 1.5, 2.0, 2.0)


@dataclasses.dataclass(frozen=True)
class OrganTrainingSettings:
    """How the organ finder is trained.

    Attributes:
        seed: decides patients, scanners and the first weights.
        patients: made-up patients to train on.
        test_patients: others, on whom the overlap is measured.
        steps: batches of 16 slices.
        learning_rate: at its highest.
    """

    seed: int = 1
    patients: int = 200
    test_patients: int = 24
    steps: int = 900
    learning_rate: float = 4e-3


@dataclasses.dataclass(frozen=True)
class FinderReport:
    """How the finder does on made-up patients it was not trained on.

    Attributes:
        slices: how many single slices were looked at.
        dice: overlap by organ, over all slices together, 0 to 1.
    """

    slices: int
    dice: tuple[tuple[str, float], ...]


def train_organ_finder(
    settings: OrganTrainingSettings, weights: Path, report: Callable[[str], None]
) -> FinderReport:
    """Train, test, and write the weights.

    The same settings on the same version of torch and number of threads give
    the same weights.

    Args:
        settings: how.
        weights: the file to write.
        report: hears how it goes, a line at a time.

    Returns:
        How well it does on the patients held out.
    """
    report(f"making {settings.patients} patients")
    examples = make_organ_examples(settings.seed, patients=settings.patients)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = OrganSegmenter()
    _fit(network, examples, settings, report)
    network.eval()
    write_organ_segmenter(weights, network, dataclasses.asdict(settings))
    others = make_organ_examples(settings.seed + _TEST_SEED, patients=settings.test_patients)
    return _measure(network, others, settings.seed)


def _fit(
    network: OrganSegmenter,
    examples: OrganExamples,
    settings: OrganTrainingSettings,
    report: Callable[[str], None],
) -> None:
    random = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=1e-3
    )
    # One step more than are made: a schedule of a single step has no way down.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps + 1, pct_start=0.1
    )
    overlap_loss = DiceLoss(to_onehot_y=True, softmax=True, include_background=False, batch=True)
    class_weights = torch.tensor(_CLASS_WEIGHTS)
    network.train()
    mean_loss = 0.0
    for step in range(settings.steps):
        chosen = torch.randint(len(examples.classes), (_BATCH,), generator=random)
        batch = _batch(examples, chosen.numpy(), random)
        scores = network(batch.slices_hu)
        by_place = nn.functional.cross_entropy(scores, batch.classes, weight=class_weights)
        loss: Tensor = by_place + overlap_loss(scores, batch.classes[:, None])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        mean_loss += (float(loss.detach()) - mean_loss) / min(step + 1, 50)
        if (step + 1) % 50 == 0:
            report(f"step {step + 1} of {settings.steps}: loss {mean_loss:.4f}")


def _batch(
    examples: OrganExamples, chosen: NDArray[np.int64], random: torch.Generator
) -> OrganBatch:
    return scan_organ_slices(
        torch.from_numpy(examples.plain_hu[chosen].astype(np.float32)),
        torch.from_numpy(examples.gain_hu[chosen].astype(np.float32)),
        torch.from_numpy(examples.classes[chosen]),
        random,
    )


@torch.no_grad()
def _measure(network: OrganSegmenter, examples: OrganExamples, seed: int) -> FinderReport:
    random = torch.Generator().manual_seed(seed + 1)
    order = np.arange(len(examples.classes))
    both = np.zeros(len(ORGANS))
    either = np.zeros(len(ORGANS))
    for chosen in np.array_split(order, max(len(order) // _BATCH, 1)):
        batch = _batch(examples, chosen, random)
        found = network(batch.slices_hu).argmax(dim=1)
        for index in range(len(ORGANS)):
            is_found, is_there = found == index + 1, batch.classes == index + 1
            both[index] += 2 * int((is_found & is_there).sum())
            either[index] += int(is_found.sum()) + int(is_there.sum())
    dice = tuple(
        (name, float(overlap / max(total, 1)))
        for name, overlap, total in zip(ORGANS, both, either, strict=True)
    )
    return FinderReport(slices=len(order), dice=dice)
