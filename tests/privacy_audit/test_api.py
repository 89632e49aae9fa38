import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from medsynth.errors import AuditError
from privacy_audit.api import AuditResult, run_audit
from privacy_audit.images.image_sets import ImageSet
from privacy_audit.inputs import AuditInputs, Evidence
from privacy_audit.verdict import APPLIES_TO

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]
Audit = Callable[..., AuditResult]


@pytest.fixture
def audit(tmp_path: Path, body: Body, write_set: WriteSet) -> Audit:
    """Give a function that audits synthetic images against 5 train and 6 holdout patients."""

    def run(
        synthetic: dict[str, NDArray[np.float32]],
        *,
        source_of: dict[str, str] | None = None,
        mode: str = "weights",
        report: str = "report",
        workers: int = 1,
        holdout: int = 6,
    ) -> AuditResult:
        train = {f"t{seed:02d}": body(seed) for seed in range(5)}
        unseen = {f"h{seed:02d}": body(seed) for seed in range(50, 50 + holdout)}
        inputs = AuditInputs(
            train=write_set(tmp_path / "train", train),
            synthetic=write_set(tmp_path / "synthetic", synthetic),
            source=None,
            source_of=source_of,
            holdout=write_set(tmp_path / "holdout", unseen) if holdout else None,
            null=None,
            evidence=Evidence(released_folder=tmp_path / "synthetic"),
        )
        (tmp_path / report).mkdir()
        return run_audit(inputs, tmp_path / report, mode=mode, seed=7, processes=workers)

    return run


def test_synthetic_images_that_are_the_training_images_fail_at_the_floor(
    audit: Audit, body: Body
) -> None:
    result = audit({f"s{seed:02d}": body(seed) for seed in range(5)})
    assert result.verdict == "fail"
    assert result.checks["near_copy_exact"].statistic == 1.0
    near = [flag for flag in result.flagged if flag.check == "near_copy"]
    # Six holdout patients: no p-value below 1 / 7.
    assert [flag.p_value for flag in near] == [pytest.approx(1 / 7)] * 5
    assert all(flag.synthetic[1:3] == flag.patient[1:3] for flag in near)


def test_images_of_unrelated_patients_are_not_flagged(audit: Audit, body: Body) -> None:
    result = audit({f"s{seed}": body(seed, invert=True) for seed in range(90, 93)})
    assert result.flagged == ()
    assert result.self_test.verdict == "pass"
    # Six holdout patients cannot tell one copy among three from chance.
    assert result.verdict == "inconclusive"


def test_undeclared_copy_in_another_contrast_fails_and_names_its_patient(
    audit: Audit, body: Body
) -> None:
    copy = np.roll(body(3, invert=True)[:, :, ::-1], (4, -3), axis=(1, 2))
    result = audit({"s0": body(90), "s1": copy, "s2": body(91)})
    assert result.verdict == "fail"
    assert {(flag.synthetic, flag.patient) for flag in result.flagged} == {("s1.npy", "t03")}


def test_declared_translations_pass_to_linkage_and_only_there(audit: Audit, body: Body) -> None:
    synthetic = {f"s{seed}": body(seed, invert=True) for seed in range(5)}
    source_of = {f"s{seed}.npy": f"t{seed:02d}" for seed in range(5)}
    result = audit(synthetic, source_of=source_of, mode="translated")
    assert {flag.check for flag in result.flagged} <= {
        name for name in APPLIES_TO if name.startswith("linkage_")
    }
    assert result.checks["linkage_to_source"].verdict == "fail"
    assert result.verdict == "inconclusive"
    again = audit(synthetic, source_of=source_of, mode="unlinked", report="second")
    assert again.verdict == "fail"


def test_without_holdout_the_training_patients_can_raise_an_alarm_but_not_clear(
    audit: Audit, body: Body
) -> None:
    clean = audit({"s0": body(90)}, holdout=0)
    assert clean.checks["near_copy"].details["null"] == "train_left_out"
    assert clean.verdict == "inconclusive"
    copied = audit({"s0": body(90), "s1": body(2, invert=True)}, holdout=0, report="second")
    assert copied.verdict == "fail"


@pytest.mark.parametrize("mode", ["translated", "weights"])
def test_with_training_and_synthetic_images_alone_nothing_is_cleared(
    audit: Audit, body: Body, mode: str
) -> None:
    result = audit({f"s{seed}": body(seed) for seed in range(90, 96)}, holdout=0, mode=mode)
    assert result.verdict == "inconclusive"
    assert result.checks["membership_released"].verdict == "inconclusive"


def test_unmapped_copy_of_a_source_that_was_not_trained_on_is_found(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    inputs = AuditInputs(
        train=write_set(tmp_path / "train", {f"t{n}": body(n) for n in range(5)}),
        source=write_set(tmp_path / "source", {f"x{n}": body(n) for n in range(30, 33)}),
        synthetic=write_set(tmp_path / "made", {"s0": body(31, invert=True), "s1": body(90)}),
        holdout=write_set(tmp_path / "holdout", {f"h{n}": body(n) for n in range(50, 56)}),
        evidence=Evidence(released_folder=tmp_path / "made"),
    )
    (tmp_path / "report").mkdir()
    result = run_audit(inputs, tmp_path / "report", mode="source_free", seed=7)
    assert result.verdict == "fail"
    assert {(flag.synthetic, flag.patient) for flag in result.flagged} == {("s0.npy", "x31")}


def test_report_repeats_byte_for_byte_whatever_the_number_of_workers(
    tmp_path: Path, audit: Audit, body: Body
) -> None:
    synthetic = {"s0": body(90), "s1": body(3, invert=True)}
    audit(synthetic, report="one", workers=1)
    audit(synthetic, report="two", workers=2)
    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert [name.as_posix() for name in names] == [
        "audit.html",
        "audit.json",
        "flagged/0000.png",
        "public/audit_public.html",
        "public/audit_public.json",
    ]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_report_holds_what_others_read_and_promises_nothing(
    tmp_path: Path, audit: Audit, body: Body
) -> None:
    audit({"s0": body(90), "s1": body(3, invert=True)})
    record = json.loads((tmp_path / "report" / "audit.json").read_text())
    assert record["verdict"] == "fail"
    assert record["mode"] == "weights"
    for check in record["checks"].values():
        assert {"verdict", "statistic", "ci", "threshold", "n", "explanation"} <= set(check)
        assert check["smallest_leak"].endswith(".")
    assert record["flagged"][0]["synthetic"] == "s1.npy"
    assert record["flagged"][0]["patient"] == "t03"
    assert record["self_test"]["kinds"]["contrast_rotation_noise"]["recall"] >= 0.9
    with Image.open(tmp_path / "report" / record["flagged"][0]["picture"]) as picture:
        # Three panels of 3 * 96 points and two gaps of 6.
        assert picture.size == (3 * 288 + 12, 288)
    _assert_page_is_whole_and_promises_nothing(tmp_path / "report" / "audit.html", tmp_path)


def test_patient_in_train_and_holdout_is_refused(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    both = write_set(tmp_path / "train", {"p1": body(1), "p2": body(2)})
    inputs = AuditInputs(both, both, None, None, both, None)
    with pytest.raises(AuditError, match="2 patients are both in train and in holdout"):
        run_audit(inputs, tmp_path, mode="weights", seed=0)


def test_source_map_must_name_each_image(audit: Audit, body: Body) -> None:
    with pytest.raises(AuditError, match="lacks 1 synthetic images and names 1"):
        audit({"s0": body(90)}, source_of={"other.npy": "t01"})


def test_unknown_mode_is_refused_before_anything_is_read(audit: Audit, body: Body) -> None:
    with pytest.raises(AuditError, match="Expected one of translated"):
        audit({"s0": body(90)}, mode="public")


def _assert_page_is_whole_and_promises_nothing(path: Path, machine_path: Path) -> None:
    page, pictures = re.subn(r"data:image/png;base64,[\w+/=]*", "", path.read_text())
    assert pictures == 1
    assert "http" not in page
    assert str(machine_path) not in page
    assert not any(word in page.lower() for word in ("anonymous", "safe", "compliant"))
