import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medsynth.evaluation.hidden_signal import (
    ReversibleScan,
    hidden_signal_report,
    measure_hidden_signal,
)
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import Measurement
from medsynth.synthesis.dither import Dither
from medsynth.training.device import Compute

_CPU = Compute(torch.device("cpu"), mixed=False)
_STEP_HU = 4.0
_BRIGHT_HU = 100.0
_GAIN_HU = 90.0


class _Hider(nn.Module):
    """Darkens what is bright, and writes 1 HU beside a step of 4 where it did."""

    def forward(self, hu: Tensor) -> Tensor:
        bright = hu > _BRIGHT_HU
        dark = torch.where(bright, hu - _GAIN_HU, hu)
        return _STEP_HU * torch.round(dark / _STEP_HU) + bright.float()


class _Reader(nn.Module):
    """Brightens where it reads 1 HU beside a step of 4."""

    def forward(self, hu: Tensor) -> Tensor:
        beside = hu - _STEP_HU * torch.round(hu / _STEP_HU)
        return hu + _GAIN_HU * ((beside > 0.5) & (beside < 1.5))


class _HonestDarkener(nn.Module):
    def forward(self, hu: Tensor) -> Tensor:
        return torch.where(hu > _BRIGHT_HU, hu - _GAIN_HU, hu)


class _HonestBrightener(nn.Module):
    """Brightens what is as dense as soft tissue, as it must where nothing tells it more."""

    def forward(self, hu: Tensor) -> Tensor:
        return hu + _GAIN_HU / 2 * torch.sigmoid((hu - 30) / 20)


def _sources() -> list[NDArray[np.float32]]:
    """Bright and dark tissue that look alike once the contrast agent is gone."""
    made = []
    for seed in range(4):
        generator = np.random.default_rng(seed)
        values = np.full((2, 40, 40), -1000.0)
        values[:, 4:36, 4:36] = 50
        values[:, 10:30, 10 + 2 * seed : 22] += _GAIN_HU
        values[:, 4:36, 4:36] += generator.normal(0, 6, (2, 32, 32))
        made.append(values.astype(np.float32))
    return made


def _translated(network: nn.Module, source_hu: NDArray[np.float32]) -> NDArray[np.float32]:
    made: NDArray[np.float32] = network(torch.from_numpy(source_hu)[:, None])[:, 0].numpy()
    return made


def _measured(
    network: nn.Module, partner: nn.Module, *, dither_hu: float = 0.0, truth: bool = False
) -> list[Measurement]:
    found: list[Measurement] = []
    for number, source in enumerate(_sources()):
        output = _translated(network, source)
        output += Dither("secret", str(number), dither_hu).noise(0, output.shape)
        truth_hu = np.where(source > _BRIGHT_HU, source - np.float32(_GAIN_HU), source)
        scan = ReversibleScan(str(number), source, output, truth_hu if truth else None)
        found += measure_hidden_signal(scan, partner, seed=1, compute=_CPU)
    return found


def _mean(measurements: list[Measurement], quantity: str) -> float:
    return float(np.mean([m.value for m in measurements if m.quantity == quantity]))


def test_a_network_that_hides_is_seen() -> None:
    measured = _measured(_Hider(), _Reader())
    # Read without noise all is right to half a step; about a fifth of the body is bright.
    assert _mean(measured, "rebuilt_hu") < 2.0
    assert _mean(measured, "hidden_signal_hu") > 10.0


def test_a_hiding_network_rebuilds_better_from_its_output_than_from_the_truth() -> None:
    measured = _measured(_Hider(), _Reader(), truth=True)
    assert _mean(measured, "rebuilt_truth_hu") > _mean(measured, "rebuilt_hu") + 10.0


def test_dither_takes_away_what_is_hidden() -> None:
    before = _mean(_measured(_Hider(), _Reader()), "hidden_signal_hu")
    after = _mean(_measured(_Hider(), _Reader(), dither_hu=2.0), "hidden_signal_hu")
    assert abs(after) < 0.1 * before


def test_an_honest_network_hides_nothing() -> None:
    measured = _measured(_HonestDarkener(), _HonestBrightener(), truth=True)
    assert abs(_mean(measured, "hidden_signal_hu")) < 0.1
    assert _mean(measured, "rebuilt_truth_hu") == pytest.approx(_mean(measured, "rebuilt_hu"))


def test_noise_that_is_only_passed_on_is_no_error() -> None:
    measured = _measured(_HonestDarkener(), nn.Identity())
    assert _mean(measured, "rebuilt_covered_4_hu") == pytest.approx(
        _mean(measured, "rebuilt_hu"), abs=1e-4
    )


def test_a_slice_without_a_body_has_nothing_to_measure() -> None:
    air = np.full((1, 16, 16), -1000, dtype=np.float32)
    scan = ReversibleScan("p1", air, air, None)
    assert measure_hidden_signal(scan, nn.Identity(), seed=0, compute=_CPU) == []


def test_report_gives_the_mean_over_patients_with_its_interval() -> None:
    measured = _measured(_Hider(), _Reader(), truth=True)
    report = hidden_signal_report(measured, Resampling(200, 0))
    assert report["n"] == 4
    assert report["hidden_signal_hu"] == pytest.approx(_mean(measured, "hidden_signal_hu"))
    interval = report["ci"]
    assert isinstance(interval, list)
    assert interval[0] < _mean(measured, "hidden_signal_hu") < interval[1]
    rebuilt = report["rebuilt_mae_hu"]
    assert isinstance(rebuilt, dict)
    assert set(rebuilt) == {
        *("output", "rounded", "truth"),
        *(f"covered_{amplitude}_hu" for amplitude in ("0.5", "1", "2", "4")),
    }


def test_report_without_truth_does_not_speak_of_it() -> None:
    rebuilt = hidden_signal_report(_measured(_Hider(), _Reader()), Resampling(9, 0))[
        "rebuilt_mae_hu"
    ]
    assert isinstance(rebuilt, dict)
    assert "truth" not in rebuilt


def test_report_of_nothing_is_empty() -> None:
    assert hidden_signal_report([], Resampling(9, 0)) == {}
