import os
from pathlib import Path

import pytest

from medsynth.errors import RecordError
from medsynth.records.lock import workspace_lock


def test_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    with (
        workspace_lock(tmp_path),
        pytest.raises(RecordError, match=f"process {os.getpid()}"),
        workspace_lock(tmp_path),
    ):
        pass


def test_lock_is_free_again_after_the_block(tmp_path: Path) -> None:
    with workspace_lock(tmp_path):
        pass
    with workspace_lock(tmp_path):
        pass
