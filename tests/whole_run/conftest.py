from pathlib import Path

import pytest

from tests.whole_run.commands import make_patients, medsynth, run_arguments


@pytest.fixture(scope="session")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve coarse made-up patients."""
    return make_patients(tmp_path_factory.mktemp("patients") / "made", patients=12, seed=3)


@pytest.fixture(scope="session")
def finished(patients: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which a whole run, release included, has ended well. Not to be changed."""
    workspace = tmp_path_factory.mktemp("finished") / "workspace"
    done = medsynth(*run_arguments(patients, workspace), "--set=release.accept_inconclusive=true")
    assert done.returncode == 0, done.stderr
    return workspace
