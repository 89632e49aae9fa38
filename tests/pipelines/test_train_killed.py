from pathlib import Path

import pytest

from medsynth.errors import PrivacyError
from medsynth.privacy.ledger import Ledger
from medsynth.records.json_lines import read_json
from pipelines import stages, train
from tests.pipelines.stage_running import run_stages
from tests.pipelines.test_train_privately import _config, _prepared

_END = Ledger.end


class _KilledError(Exception):
    """Stands for the end of the process."""


def _kill(*_arguments: object, **_named: object) -> None:
    raise _KilledError


def _end_and_be_killed(ledger: Ledger, training_id: str) -> None:
    _END(ledger, training_id)
    raise _KilledError


@pytest.fixture(params=["before the ledger's end", "before the checkpoint goes", "before the end"])
def killed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a workspace whose private training made all its steps and was killed then."""
    _prepared(tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "before the ledger's end":
            patched.setattr(Ledger, "end", _kill)
        elif request.param == "before the checkpoint goes":
            patched.setattr(Ledger, "end", _end_and_be_killed)
        else:
            patched.setattr(stages, "write_manifest", _kill)
        with pytest.raises(_KilledError):
            run_stages([train.STAGE], tmp_path, _config())
    return tmp_path


def test_killed_at_its_end_it_is_charged_once(killed: Path) -> None:
    run_stages([train.STAGE], killed, _config())
    record = read_json(killed / "train" / "privacy.json")
    assert record["total_epsilon"] == pytest.approx(record["epsilon"])
    assert (record["steps"], record["lost_steps"]) == (3, 0)
    assert not (killed / "train" / "checkpoint.pt").exists()


def test_killed_at_its_end_it_is_not_lost_to_other_settings(killed: Path) -> None:
    with pytest.raises(PrivacyError, match="by hand"):
        run_stages([train.STAGE], killed, _config("privacy.epsilon=7"))
    assert (killed / ".train.partial" / "privacy.json").is_file()
