import pytest
import torch
from torch import Tensor, nn

from medsynth.errors import TrainingError
from medsynth.training.early_stop import (
    JUDGED_SLICES,
    BestTranslator,
    EarlyStop,
    JudgedSlices,
    distance_to_real,
    draw_judged_slices,
    hold_back,
)
from tests.medsynth.training.train_together import CPU, small_slices


class _Add(nn.Module):
    def __init__(self, hu: float) -> None:
        super().__init__()
        self.hu = nn.Parameter(torch.tensor(hu))

    def forward(self, slices: Tensor) -> Tensor:
        return slices + self.hu * (slices > 0)


def _judged() -> JudgedSlices:
    """A body of 100 HU in contrast and of 60 HU without, in a frame of air."""
    slices = torch.full((2, 1, 64, 64), -1000.0)
    contrast, noncontrast = slices.clone(), slices.clone()
    contrast[:, :, 8:56, 8:56] = 100.0
    noncontrast[:, :, 4:52, 8:56] = 60.0
    return JudgedSlices(contrast, noncontrast)


def _judge_all(rule: EarlyStop, offsets: list[float]) -> tuple[BestTranslator, nn.Module]:
    best = BestTranslator(rule, _judged(), CPU)
    network = _Add(0.0)
    for step, hu in enumerate(offsets, start=1):
        network.hu.data.fill_(hu)
        best.judge_when_due({"to_noncontrast": network}, step)
    return best, network


def test_distance_is_the_shift_in_hu_wherever_the_body_lies() -> None:
    # 100 HU made 60 HU is what real slices show; 100 HU left at 100 HU is 40 HU off. The edge
    # smoothed into the air is the same share of both bodies and is cut off at -150 HU.
    assert distance_to_real(_Add(-40.0), _judged(), CPU) == pytest.approx(0.0, abs=3.0)
    assert distance_to_real(_Add(0.0), _judged(), CPU) == pytest.approx(40.0, abs=6.0)


def test_distance_sees_two_places_exchanged() -> None:
    judged = _judged()
    judged.contrast[:, :, 8:56, 8:32] = 60.0
    judged.noncontrast[:, :, 4:52, 32:56] = 100.0
    exchanged = judged.noncontrast.flip(-1)
    right = distance_to_real(nn.Identity(), judged, CPU)
    wrong = distance_to_real(nn.Identity(), JudgedSlices(judged.contrast, exchanged), CPU)
    assert wrong > right + 20.0


def test_stop_comes_after_as_many_worse_judgements_as_patience_allows() -> None:
    rule = EarlyStop(every_steps=1, patience=2)
    assert not _judge_all(rule, [0.0, -20.0, -10.0])[0].is_over
    assert _judge_all(rule, [0.0, -20.0, -10.0, -5.0])[0].is_over
    assert not _judge_all(rule, [0.0, -20.0, -10.0, -30.0, -5.0])[0].is_over


def test_only_every_few_steps_are_judged() -> None:
    best, _ = _judge_all(EarlyStop(every_steps=3, patience=1), [0.0, 0.0, -20.0, 0.0, 0.0])
    assert not best.is_over


def test_best_weights_are_put_back() -> None:
    best, network = _judge_all(EarlyStop(every_steps=1, patience=9), [0.0, -38.0, -10.0])
    best.put_into({"to_noncontrast": network})
    assert float(network.state_dict()["hu"]) == -38.0


def test_step_judged_before_an_interruption_is_not_judged_again() -> None:
    rule = EarlyStop(every_steps=1, patience=2)
    best, network = _judge_all(rule, [-38.0, -10.0])
    resumed = BestTranslator(rule, _judged(), CPU)
    resumed.restore(best.state())
    over = []
    for step in (2, 3):
        resumed.judge_when_due({"to_noncontrast": network}, step)
        over.append(resumed.is_over)
    assert over == [False, True]
    resumed.put_into({"to_noncontrast": network})
    assert float(network.state_dict()["hu"]) == -38.0


def test_judged_slices_are_whole_and_always_the_same() -> None:
    slices = small_slices()
    first = draw_judged_slices(slices.contrast, slices.noncontrast, seed=1)
    again = draw_judged_slices(slices.contrast, slices.noncontrast, seed=1)
    other = draw_judged_slices(slices.contrast, slices.noncontrast, seed=2)
    assert first.contrast.shape == first.noncontrast.shape == (JUDGED_SLICES, 1, 32, 32)
    assert torch.equal(first.contrast, again.contrast)
    assert torch.equal(first.noncontrast, again.noncontrast)
    assert not torch.equal(first.contrast, other.contrast)


def test_slices_of_air_alone_have_no_distance() -> None:
    air = torch.full((1, 1, 32, 32), -1000.0)
    assert distance_to_real(nn.Identity(), JudgedSlices(air, air), CPU) == 0.0


def test_nobody_trains_and_judges() -> None:
    trained, judging = hold_back(small_slices().contrast)
    assert [patient.patient for patient in judging] == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert [patient.patient for patient in trained] == ["c6", "c7", "c8", "c9", "c10", "c11"]


def test_too_few_patients_to_hold_any_back_are_refused() -> None:
    with pytest.raises(TrainingError, match="at least 12"):
        hold_back(small_slices().contrast[:11])
