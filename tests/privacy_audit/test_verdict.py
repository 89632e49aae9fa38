from typing import Any

import pytest

from medsynth.errors import AuditError
from privacy_audit.verdict import gate, verdict_for_mode

_PASSED = {"near_copy_exact": "pass", "near_copy": "pass", "partial_copy": "pass"}


def _checks(**verdicts: str) -> dict[str, dict[str, Any]]:
    """Give checks with these verdicts; those that every mode needs pass unless named."""
    named = {**_PASSED, "metadata": "pass", "membership_released": "pass", **verdicts}
    return {name: {"verdict": verdict, "explanation": "."} for name, verdict in named.items()}


def test_linkage_does_not_decide_about_translated_scans() -> None:
    checks = _checks(linkage_to_source="fail")
    assert gate(checks, "translated") == ("pass", ())


def test_partial_copies_and_traces_are_needed_in_every_mode() -> None:
    for name in ("partial_copy", "metadata", "membership_released"):
        checks = _checks()
        del checks[name]
        assert verdict_for_mode(checks, "translated") == "inconclusive"


def test_what_does_not_apply_does_not_decide() -> None:
    assert verdict_for_mode(_checks(linkage_shape="not_applicable"), "source_free") == "pass"


def test_what_a_mode_needs_cannot_be_waived_as_not_applicable() -> None:
    linked = dict.fromkeys(("linkage_to_source", "linkage_deformable", "linkage_learned"), "pass")
    assert verdict_for_mode(_checks(**linked), "unlinked") == "pass"
    waived = {**linked, "linkage_deformable": "not_applicable"}
    assert verdict_for_mode(_checks(**waived), "unlinked") == "inconclusive"


def test_weights_need_a_membership_attack_on_the_model() -> None:
    assert verdict_for_mode(_checks(), "weights") == "inconclusive"
    assert verdict_for_mode(_checks(membership_model="pass"), "weights") == "pass"


def test_claim_that_stands_replaces_the_power_of_an_attack_but_not_its_success() -> None:
    few = _checks(privacy_claim="pass", membership_model="inconclusive")
    assert verdict_for_mode(few, "weights") == "pass"
    assert verdict_for_mode(_checks(privacy_claim="pass"), "weights") == "inconclusive"
    found = _checks(privacy_claim="pass", membership_model="fail")
    assert verdict_for_mode(found, "weights") == "fail"


@pytest.mark.parametrize("mode", ["unlinked", "source_free"])
def test_linkage_decides_where_it_is_promised_to_be_broken(mode: str) -> None:
    checks = _checks(linkage_to_source="fail")
    verdict, reasons = gate(checks, mode)
    assert verdict == "fail"
    assert reasons[0] == "linkage_to_source: fail. ."


def test_unlinked_does_not_pass_without_the_linkage_check() -> None:
    checks = _checks()
    assert verdict_for_mode(checks, "unlinked") == "inconclusive"
    assert verdict_for_mode(checks, "source_free") == "pass"


@pytest.mark.parametrize("mode", ["translated", "weights"])
def test_refuted_claim_of_privacy_fails_every_mode(mode: str) -> None:
    checks = _checks(privacy_claim="fail")
    assert verdict_for_mode(checks, mode) == "fail"


def test_no_check_at_all_is_inconclusive() -> None:
    assert verdict_for_mode({}, "weights") == "inconclusive"


def test_a_found_leak_outweighs_a_failed_self_test() -> None:
    checks = _checks(near_copy_exact="fail", near_copy="invalid")
    assert verdict_for_mode(checks, "weights") == "fail"


def test_a_failed_self_test_outweighs_missing_power() -> None:
    checks = _checks(near_copy_exact="inconclusive", near_copy="invalid")
    assert verdict_for_mode(checks, "weights") == "invalid"


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(AuditError, match="Expected one of translated"):
        gate({}, "public")
