"""Training and testing one arm."""

import numpy as np
import pytest
import torch

from medsynth.errors import TrainingError
from medsynth.evaluation.arms import ARMS, CONTRAST_ONLY, CYCLEGAN_MIX, REAL_NONCONTRAST, arms_named
from medsynth.evaluation.augmentation import Augmentation
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import organ_table
from medsynth.evaluation.segmentation_utility import ArmResult, RealTestScans, run_arm
from medsynth.evaluation.segmenter_training import LabelledScan, SegmenterPlan, new_segmenter
from medsynth.training.device import Compute

ORGANS = organ_table({1: "kidney", 5: "liver"})


def plan(steps: int) -> SegmenterPlan:
    """Give a plan small enough for a test."""
    return SegmenterPlan(
        steps=steps,
        batch=4,
        channels=8,
        learning_rate=5e-3,
        seed=3,
        compute=Compute(torch.device("cpu"), mixed=False),
        augmentation=Augmentation(),
    )


def square_scan(patient: str, organ_hu: int, seed: int) -> LabelledScan:
    """A noisy body of 0 HU with a square organ, label 1, of a given brightness."""
    generator = np.random.default_rng(seed)
    labels = np.zeros((4, 32, 32), dtype=np.uint8)
    for slice_labels in labels:
        row, column = generator.integers(4, 18, size=2)
        slice_labels[row : row + 10, column : column + 10] = 1
    noise_hu = generator.normal(0.0, 8.0, size=labels.shape)
    return LabelledScan(
        patient, (organ_hu * labels.astype(np.float64) + noise_hu).astype(np.int16), labels
    )


def run(steps: int, training_hu: tuple[int, ...]) -> ArmResult:
    """Train on organs of the given brightness; test on organs of 150 and of -100 HU."""
    training = [square_scan(f"s{hu}", hu, seed) for seed, hu in enumerate(training_hu)]
    tests = RealTestScans(
        in_distribution=(square_scan("t1", 150, 10),),
        out_of_distribution=(square_scan("t2", -100, 11),),
    )
    return run_arm("arm", training, tests, ORGANS, plan(steps), on_step=lambda _done, _loss: None)


def dice_of(measurements: tuple[Measurement, ...]) -> float:
    """Give the kidney's Dice, the only organ that is there."""
    assert [m.region for m in measurements] == ["kidney"]
    return measurements[0].value


def test_segmenter_finds_what_it_has_learnt_and_not_what_it_has_never_seen() -> None:
    result = run(60, (150, 140, 160))
    assert dice_of(result.in_distribution) > 0.9
    assert dice_of(result.out_of_distribution) < 0.3


def test_segmenter_that_has_seen_both_finds_both() -> None:
    result = run(60, (150, 140, -100, -110))
    assert dice_of(result.in_distribution) > 0.8
    assert dice_of(result.out_of_distribution) > 0.8
    assert result.training_patients == 4


def test_equal_seeds_give_equal_results() -> None:
    assert run(4, (150,)) == run(4, (150,))


def test_first_weights_do_not_depend_on_what_was_drawn_before() -> None:
    first = new_segmenter(ORGANS, plan(1)).state_dict()
    torch.rand(5)
    second = new_segmenter(ORGANS, plan(1)).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_without_slices_is_refused() -> None:
    with pytest.raises(TrainingError, match="0 labelled slices"):
        run(1, ())


def test_arms_come_in_a_fixed_order_and_once() -> None:
    assert arms_named(("cyclegan_mix", "contrast_only", "cyclegan_mix")) == (
        CONTRAST_ONLY,
        CYCLEGAN_MIX,
    )
    assert arms_named(("real_noncontrast",)) == (REAL_NONCONTRAST,)
    assert len({arm.name for arm in ARMS}) == len(ARMS)
