from pathlib import Path

import pytest
import torch
from torch import nn

from medsynth.errors import TrainingError
from medsynth.records.json_lines import read_json_lines
from medsynth.training.distributed import (
    ALONE,
    Ranks,
    as_first_rank,
    average_gradients,
    averaged_losses,
    ranks_of_environment,
    text_of_first_rank,
)
from tests.medsynth.training import train_together
from tests.medsynth.training.torchrun import run_two_processes


def test_shares_of_all_ranks_are_the_batch() -> None:
    shares = [Ranks(rank, 3).share_of(12) for rank in range(3)]
    assert [place for share in shares for place in share] == list(range(12))


def test_batch_that_cannot_be_split_evenly_is_refused() -> None:
    with pytest.raises(TrainingError, match="multiple of 3"):
        Ranks(0, 3).share_of(8)


def test_process_that_torchrun_did_not_start_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert ranks_of_environment() == ALONE


def test_place_is_read_from_what_torchrun_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert ranks_of_environment() == Ranks(rank=5, size=8, local_rank=1)


def test_alone_everything_stays_as_it_is() -> None:
    network = nn.Linear(2, 1)
    torch.autograd.backward(network(torch.ones(1, 2)).sum())
    average_gradients([network], ALONE)
    assert network.weight.grad is not None
    assert network.weight.grad.tolist() == [[1.0, 1.0]]
    assert averaged_losses({"a": torch.tensor(2.0)}, ALONE) == {"a": 2.0}
    assert as_first_rank(0.25, ALONE) == 0.25
    assert text_of_first_rank("said", ALONE) == "said"


def test_two_processes_have_the_loss_curve_of_one_with_the_doubled_batch(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    train_together.train(one, ALONE)
    done = run_two_processes("tests.medsynth.training.train_together", two)
    assert done.returncode == 0, done.stderr

    alone = read_json_lines(one / "metrics.jsonl")
    together = read_json_lines(two / "metrics.jsonl")
    assert [row["step"] for row in together] == [1, 10, 20]
    assert {path.name for path in two.iterdir()} == {path.name for path in one.iterdir()}
    # After about 30 steps the order of a sum's terms alone can move a loss by more: one process
    # that sees its batch in reverse order differs by 3e-5 at step 40.
    for ours, theirs in zip(alone, together, strict=True):
        for name, value in ours.items():
            assert theirs[name] == pytest.approx(value, abs=1e-5), (name, ours["step"])
    # Equal losses of a training that learnt nothing would prove nothing.
    assert together[-1]["cycle"] != pytest.approx(together[0]["cycle"], rel=0.1)
