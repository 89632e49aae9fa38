from pathlib import Path

import pytest

from pipelines.train_organ_finder import main


@pytest.mark.parametrize("arguments", [[], ["weights.bin"], ["a.safetensors", "b.safetensors"]])
def test_anything_but_one_safetensors_path_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "Expected one path that ends in .safetensors" in capsys.readouterr().err


def test_a_missing_folder_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "missing" / "w.safetensors")]) == 2
    assert "does not exist" in capsys.readouterr().err
