import json
import os
from pathlib import Path

from medsynth.records.provenance import installed_versions, write_provenance


def test_provenance_names_versions_and_no_place(tmp_path: Path) -> None:
    write_provenance(tmp_path, seconds=1.24, device="cpu")
    text = (tmp_path / "provenance.json").read_text()
    record = json.loads(text)
    assert record["seconds"] == 1.2
    assert record["packages"] == installed_versions()
    assert str(tmp_path) not in text
    assert os.uname().nodename not in text
