from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pipelines import train_organ_finder, train_phase_classifier, train_public_start
from pipelines.rebuild_weights import Report, rebuild_weights

Program = Callable[[list[str]], int]

all_programs = pytest.mark.parametrize(
    "program",
    [
        pytest.param(train_organ_finder.main, id="organ_finder"),
        pytest.param(train_phase_classifier.main, id="phase_classifier"),
        pytest.param(train_public_start.main, id="public_start"),
    ],
)


@pytest.fixture
def _two_threads_that_need_not_repeat() -> Iterator[None]:
    threads, is_deterministic = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
    )
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(False)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(is_deterministic)


@all_programs
@pytest.mark.parametrize("arguments", [[], ["weights.bin"], ["a.safetensors", "b.safetensors"]])
def test_anything_but_one_safetensors_path_is_refused(
    program: Program, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program(arguments) == 2
    assert "Expected one path that ends in .safetensors" in capsys.readouterr().err


@all_programs
def test_a_missing_folder_is_refused_before_anything_is_trained(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program([str(tmp_path / "missing" / "w.safetensors")]) == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.usefixtures("_two_threads_that_need_not_repeat")
def test_training_is_on_one_thread_and_repeats_exactly(tmp_path: Path) -> None:
    def train(weights: Path, report: Report) -> str:
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        weights.write_bytes(b"learnt")
        return "done"

    assert rebuild_weights([str(tmp_path / "w.safetensors")], train) == 0
    assert (tmp_path / "w.safetensors").read_bytes() == b"learnt"


@pytest.mark.usefixtures("_two_threads_that_need_not_repeat")
def test_what_training_gives_ends_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(weights: Path, report: Report) -> str:
        report("step 1")
        return "right 0.9"

    rebuild_weights([str(tmp_path / "w.safetensors")], train)
    assert capsys.readouterr() == ("step 1\nright 0.9\n", "")
