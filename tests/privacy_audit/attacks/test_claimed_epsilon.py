import json
from pathlib import Path

import pytest

from medsynth.errors import AuditError
from privacy_audit.attacks.claimed_epsilon import check_claimed_epsilon, read_claims
from privacy_audit.verdict import CheckResult

# Noise 2, rate 0.1, 500 steps at delta 1e-3: two accountants say 3.98 and 3.99.
SOUND: dict[str, object] = {
    "private": True,
    "unit": "patient",
    "epsilon": 4.0,
    "delta": 1e-3,
    "patients": 200,
    "mechanisms": [
        {"name": "generators", "noise_multiplier": 2.0, "sample_rate": 0.1, "steps": 500}
    ],
}


def _check(
    changes: dict[str, object], membership: dict[str, CheckResult] | None = None
) -> CheckResult:
    return check_claimed_epsilon({**SOUND, **changes}, membership or {}, patients=200)


def _canaries(guesses: int, correct: int) -> dict[str, int]:
    return {"inserted": guesses, "guesses": guesses, "correct": correct}


def _membership(found: float, falsely: float, verdict: str = "fail") -> dict[str, CheckResult]:
    details: dict[str, float | int | str | list[float] | None] = {
        "found_low": [found],
        "falsely_high": [falsely],
        "epsilon_ceiling": 3.0,
    }
    result = CheckResult(verdict, 0.9, (0.8, 1.0), 0.6, 20, "", "", (), details)
    return {"membership_model": result}


def test_sound_claim_without_any_observation_is_inconclusive_and_not_verified() -> None:
    check = _check({})
    assert check.verdict == "inconclusive"
    assert "Nothing was observed that could refute it" in check.explanation
    assert "verified" not in check.explanation


def test_all_of_two_hundred_canaries_guessed_refute_epsilon_four() -> None:
    # Ceiling of 200 right guesses at delta 0: 4.19; without delta here.
    check = _check({"canaries": _canaries(200, 200), "delta": 0.0, "mechanisms": []})
    assert check.verdict == "fail"
    assert check.statistic == pytest.approx(4.19, abs=0.005)
    assert "refuted by one run" in check.explanation


def test_fifty_canaries_can_never_refute_epsilon_eight() -> None:
    check = _check({"canaries": _canaries(50, 50), "delta": 0.0, "epsilon": 8.0, "mechanisms": []})
    assert check.verdict == "inconclusive"
    assert "could not have refuted a claim as large" in check.explanation
    assert check.smallest_leak.startswith(
        "The largest claim that could have been refuted is epsilon 2.78"
    )


def test_two_hundred_canaries_guessed_by_chance_leave_the_claim_not_refuted() -> None:
    check = _check(
        {"canaries": _canaries(200, 100), "delta": 0.0, "epsilon": 3.0, "mechanisms": []}
    )
    assert check.verdict == "pass"
    assert "not refuted" in check.explanation


def test_membership_attack_above_the_claim_refutes_it() -> None:
    # log((0.6 - 0.001) / 0.05) = 2.48.
    check = _check({"epsilon": 2.0, "mechanisms": []}, _membership(0.6, 0.05))
    assert check.verdict == "fail"
    assert check.statistic == pytest.approx(2.483, abs=1e-3)


def test_invalid_membership_attack_refutes_nothing() -> None:
    check = _check({"epsilon": 2.0, "mechanisms": []}, _membership(0.6, 0.05, "invalid"))
    assert (check.verdict, check.statistic) == ("inconclusive", 0.0)


def test_gradient_canaries_of_a_run_without_noise_refute_its_claim() -> None:
    seen = {"with": 400, "found": 400, "without": 400, "falsely": 0}
    check = _check({"gradient_canaries": seen})
    # Both errors at most 0.0092: separation 4.71, whose epsilon at 1e-3 is far above 4.
    assert check.verdict == "fail"
    assert "refuted by gradient counts" in check.explanation


def test_recorded_self_check_near_the_claim_passes_and_says_its_bound() -> None:
    row = {
        "name": "gradient_canaries",
        "verdict": "not_refuted",
        "statistic": 3.4,
        "interval": [3.6, 3.9],
    }
    check = _check({"self_checks": [row, {"name": "noise", "verdict": "not_refuted"}]})
    assert (check.verdict, check.statistic) == ("pass", 3.6)


def test_recorded_self_check_that_refutes_fails() -> None:
    row = {"name": "gradient_canaries", "verdict": "refuted", "statistic": 9.0, "interval": None}
    assert _check({"self_checks": [row]}).verdict == "fail"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unit": "slice"}, "protects one slice, not one patient"),
        ({"delta": 0.005}, "not below one over 200 patients"),
        ({"epsilon": float("inf")}, "not finite"),
        ({"epsilon": 2.0}, "added up wrongly"),
        (
            {"mechanisms": [{"noise_multiplier": 0.0, "sample_rate": 0.1, "steps": 5}]},
            "have no noise",
        ),
        (
            {"mechanisms": [{"noise_multiplier": 2.0, "sample_rate": 1.5, "steps": 5}]},
            "sample rate of mechanism is 1.5",
        ),
    ],
)
def test_claim_that_contradicts_itself_fails(changes: dict[str, object], words: str) -> None:
    check = _check(changes)
    assert check.verdict == "fail"
    assert words in check.explanation


def test_run_that_was_not_private_claims_nothing() -> None:
    check = check_claimed_epsilon({"private": False, "epsilon": None}, {}, patients=8)
    assert check.verdict == "not_applicable"


@pytest.mark.parametrize(
    "changes",
    [
        {"epsilon": "four"},
        {"epsilon": -1.0},
        {"delta": 1.0},
        {"unit": None},
        {"mechanisms": {}},
        {"mechanisms": [{"noise_multiplier": 1.0}]},
        {"canaries": {"inserted": 5, "guesses": 6, "correct": 1}},
        {"canaries": {"inserted": 5}},
        {"gradient_canaries": {"with": 1, "found": 2, "without": 1, "falsely": 0}},
        {"self_checks": [{"name": "gradient_canaries"}]},
    ],
)
def test_malformed_claims_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(AuditError, match="record of claims cannot be read"):
        _check(changes)


def test_claims_file_that_is_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "privacy.json"
    path.write_text("[1]")
    with pytest.raises(AuditError, match="record of claims cannot be read"):
        read_claims(path)
    with pytest.raises(AuditError, match="cannot be read"):
        read_claims(tmp_path / "absent.json")


def test_claims_file_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "privacy.json"
    path.write_text(json.dumps(SOUND))
    assert read_claims(path) == SOUND


_HUGE = 10**400


@pytest.mark.parametrize(
    "content",
    [
        {"epsilon": 3},
        {**SOUND, "epsilon": _HUGE},
        {**SOUND, "patients": _HUGE},
        {**SOUND, "mechanisms": [{"noise_multiplier": 1, "sample_rate": 0.1, "steps": 10**18}]},
        {**SOUND, "mechanisms": [{"noise_multiplier": _HUGE, "sample_rate": 0.1, "steps": 9}]},
        {**SOUND, "canaries": {"inserted": 10**8, "guesses": 10**8, "correct": 1}},
        {**SOUND, "gradient_canaries": {"with": _HUGE, "found": 0, "without": 1, "falsely": 0}},
        {**SOUND, "self_checks": [{"name": "gradient_canaries", "statistic": _HUGE}]},
    ],
)
def test_record_that_cannot_be_judged_is_refused_when_read(
    tmp_path: Path, content: dict[str, object]
) -> None:
    path = tmp_path / "privacy.json"
    path.write_text(json.dumps(content))
    with pytest.raises(AuditError, match="record of claims cannot be read"):
        read_claims(path)


def test_deeply_nested_claims_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "privacy.json"
    path.write_text("[" * 100_000)
    with pytest.raises(AuditError, match="cannot be read"):
        read_claims(path)


def test_noise_too_small_to_invert_is_none() -> None:
    check = _check({"mechanisms": [{"noise_multiplier": 1e-320, "sample_rate": 0.1, "steps": 9}]})
    assert check.verdict == "fail"
    assert "have no noise" in check.explanation


def test_refusal_of_privacy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "privacy.json"
    path.write_text('{"private": false}')
    assert read_claims(path) == {"private": False}
