import json
from pathlib import Path

import numpy as np
import pytest

from privacy_audit.reporting.report import as_plain, write_report
from tests.privacy_audit.audit_records import make_check, make_record

_PICTURE = np.zeros((4, 12, 3), dtype=np.uint8)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_report_is_private_files_and_a_public_folder(tmp_path: Path) -> None:
    write_report(tmp_path, make_record(), {0: _PICTURE})
    assert list(_files(tmp_path)) == [
        "audit.html",
        "audit.json",
        "flagged/0000.png",
        "public/audit_public.html",
        "public/audit_public.json",
    ]
    record = json.loads((tmp_path / "audit.json").read_text())
    # Both flags are of one pair.
    assert [flag["picture"] for flag in record["flagged"]] == ["flagged/0000.png"] * 2


def test_equal_records_give_equal_bytes_whatever_the_order_of_their_keys(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    record = make_record(
        flagged=[*make_record()["flagged"], {**make_record()["flagged"][0], "synthetic": "b"}]
    )
    turned = {key: record[key] for key in reversed(record)}
    for part in ("checks", "patients"):
        turned[part] = {key: record[part][key] for key in reversed(record[part])}
    write_report(tmp_path / "one", record, {0: _PICTURE, 2: _PICTURE + 9})
    write_report(tmp_path / "two", turned, {2: _PICTURE + 9, 0: _PICTURE})
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (0.12345649999, 0.123456),
        (-1e-9, 0.0),
        (float("nan"), None),
        (float("-inf"), "-inf"),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        ((np.bool_(True), [1.0]), [True, [1.0]]),
    ],
)
def test_values_become_what_json_holds(value: object, plain: object) -> None:
    written = json.dumps(as_plain({"a": value}))
    assert written == json.dumps({"a": plain})


def test_record_without_any_number_is_written(tmp_path: Path) -> None:
    nothing = make_check("inconclusive", statistic=None, ci=None, threshold=None, n=0)
    write_report(tmp_path, make_record(checks={"near_copy": nothing}, flagged=[]), {})
    assert "not measured" in (tmp_path / "audit.html").read_text()
    assert "No pair was flagged." in (tmp_path / "audit.html").read_text()
