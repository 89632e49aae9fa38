from typing import Any

import pytest

from medsynth.synthesis.index import GateCounts
from pipelines.release_decision import decide, is_private
from tests.pipelines.made_workspace import example_audit, with_claim

NOT_PRIVATE: dict[str, Any] = {"private": False, "epsilon": None}
PRIVATE: dict[str, Any] = {"private": True, "epsilon": 4.0}


def test_a_passed_audit_opens_the_mode_translated_although_the_scans_are_linkable() -> None:
    decision = decide(example_audit("pass"), NOT_PRIVATE, "translated", False)
    assert decision.released
    assert decision.verdict == "pass"


@pytest.mark.parametrize("verdict", ["fail", "invalid"])
def test_a_failed_or_invalid_audit_is_refused_even_if_inconclusive_ones_are_accepted(
    verdict: str,
) -> None:
    decision = decide(example_audit(verdict), NOT_PRIVATE, "translated", True)
    assert not decision.released
    assert decision.verdict == verdict


def test_an_inconclusive_audit_is_released_only_on_demand() -> None:
    audit = example_audit("inconclusive")
    refused = decide(audit, NOT_PRIVATE, "translated", False)
    accepted = decide(audit, NOT_PRIVATE, "translated", True)
    assert (refused.released, accepted.released) == (False, True)
    assert "release.accept_inconclusive" in refused.reasons[0]
    assert accepted.verdict == "inconclusive"


def test_a_failed_self_test_makes_passed_checks_worthless() -> None:
    audit = example_audit("pass")
    audit["verdict"] = "invalid"
    decision = decide(audit, NOT_PRIVATE, "translated", True)
    assert (decision.released, decision.verdict) == (False, "invalid")


def test_the_severer_of_the_checks_and_the_whole_audit_counts() -> None:
    audit = example_audit("fail")
    audit["verdict"] = "inconclusive"
    assert decide(audit, NOT_PRIVATE, "translated", True).verdict == "fail"


@pytest.mark.parametrize("mode", ["unlinked", "source_free"])
def test_modes_without_sources_are_refused_with_the_linkage_that_bars_them(mode: str) -> None:
    decision = decide(example_audit("pass"), PRIVATE, mode, True)
    assert not decision.released
    assert "keep the anatomy of their source scans" in decision.reasons[0]
    assert decision.reasons[1].startswith("2 of 2 released volumes can be matched")


def test_an_audit_without_linkage_does_not_open_the_mode_unlinked() -> None:
    audit = example_audit("pass")
    del audit["checks"]["linkage_to_source"]
    assert not decide(audit, PRIVATE, "unlinked", True).released


def test_weights_need_a_training_with_a_finite_budget() -> None:
    audit = with_claim(example_audit("pass"))
    refused = decide(audit, NOT_PRIVATE, "weights", True)
    assert not refused.released
    assert "differential privacy" in refused.reasons[0]
    assert decide(audit, PRIVATE, "weights", False).released


def test_private_weights_whose_claim_was_not_tried_are_released_only_on_demand() -> None:
    audit = example_audit("pass")
    refused = decide(audit, PRIVATE, "weights", False)
    accepted = decide(audit, PRIVATE, "weights", True)
    assert (refused.released, accepted.released) == (False, True)
    assert refused.verdict == accepted.verdict == "inconclusive"
    assert "did not try to refute the training's claim" in refused.reasons[0]
    assert "privacy_claim: inconclusive. The check was not run." in refused.reasons


def test_a_refuted_claim_of_privacy_bars_the_weights_for_good() -> None:
    decision = decide(with_claim(example_audit("pass"), "fail"), PRIVATE, "weights", True)
    assert (decision.released, decision.verdict) == (False, "fail")


def test_a_claim_that_was_not_tried_does_not_bar_translations() -> None:
    decision = decide(example_audit("pass"), PRIVATE, "translated", False)
    assert (decision.released, decision.verdict) == (True, "pass")


def test_an_endless_budget_is_no_privacy() -> None:
    assert not is_private({"private": True, "epsilon": float("inf")})
    assert not is_private({"private": True, "epsilon": None})
    assert is_private({"private": True, "epsilon": 8})


def counts(**some: int) -> GateCounts:
    none = {"inside": 0, "outside": 0, "unjudged": 0, "off": 0, "by_other_engine": 0}
    return GateCounts(**{**none, **some})


def test_all_volumes_flagged_bars_a_release_that_the_audit_would_open() -> None:
    audit = example_audit("pass")
    decision = decide(audit, NOT_PRIVATE, "translated", False, counts(outside=3))
    assert not decision.released
    assert decision.reasons[0].startswith("All 3 translated volumes are flagged")
    assert decide(audit, NOT_PRIVATE, "translated", False, counts(inside=1, outside=2)).released


def test_flagged_volumes_do_not_bar_weights_which_hold_none() -> None:
    audit = with_claim(example_audit("pass"))
    decision = decide(audit, PRIVATE, "weights", False, counts(outside=3))
    assert decision.released
    assert not any("volumes" in reason for reason in decision.reasons)


def test_a_flagless_set_of_judged_volumes_adds_no_words() -> None:
    audit = example_audit("pass")
    told = decide(audit, NOT_PRIVATE, "translated", False, counts(inside=4))
    assert told == decide(audit, NOT_PRIVATE, "translated", False)


def test_volumes_of_the_other_engine_are_told() -> None:
    volumes = counts(inside=4, by_other_engine=1)
    decision = decide(example_audit("pass"), NOT_PRIVATE, "translated", False, volumes)
    assert decision.reasons[-1].startswith("1 of 4 translated volumes were made by the public")
