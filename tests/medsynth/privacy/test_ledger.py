import dataclasses
import json
from pathlib import Path

import pytest

from medsynth.errors import ConfigurationError, PrivacyError
from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.budget import Budget, BudgetHistory, DeclaredMechanism, advanced
from medsynth.privacy.fingerprints import PatientMarks
from medsynth.privacy.ledger import Ledger, open_ledger

KEY = bytes(range(32))
BUDGET = Budget(
    (
        DeclaredMechanism("discriminators", 4.0, 0.1, 2),
        DeclaredMechanism("generators", 4.0, 0.1, 1),
    ),
    delta=1e-3,
    patients=3,
)
PATIENTS = tuple(PatientMarks((mark,)) for mark in "abc")
OTHERS = tuple(PatientMarks((mark,)) for mark in "xyz")


def _ledger(folder: Path) -> Ledger:
    return open_ledger(folder / "ledger.json", KEY)


def _begun(ledger: Ledger, *, steps: int = 100, total: float | None = None) -> BudgetHistory:
    return ledger.begin(BudgetHistory(BUDGET), PATIENTS, steps=steps, total_epsilon=total)


def _after(history: BudgetHistory, step: int) -> BudgetHistory:
    return advanced(history, step=step, applied=BUDGET.after(step))


def _resumed(ledger: Ledger, history: BudgetHistory, steps: int = 100) -> BudgetHistory:
    return ledger.resume(history, PATIENTS, steps=steps, total_epsilon=None)


def test_unbroken_training_is_charged_what_it_did(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = _begun(ledger)
    for step in (10, 20, 30):
        history = ledger.charge(_after(history, step))
    ledger.end(history.training_id)
    assert ledger.total().spent == spent(BUDGET.after(30), 1e-3) == history.spent()
    assert (ledger.total().patients, ledger.total().trainings) == (3, 1)


def test_stopped_training_without_lost_steps_costs_what_an_unbroken_one_does(
    tmp_path: Path,
) -> None:
    ledger = _ledger(tmp_path)
    history = _begun(ledger)
    for step in (10, 20, 30):
        history = _resumed(_ledger(tmp_path), ledger.charge(_after(history, step)))
    assert history.lost_steps == 0
    assert abs(history.spent().epsilon - spent(BUDGET.after(30), 1e-3).epsilon) < 1e-12


def test_steps_charged_after_the_checkpoint_are_lost_and_counted(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    checkpoint = ledger.charge(_after(_begun(ledger), 10))
    ledger.charge(_after(checkpoint, 25))
    history = _resumed(ledger, checkpoint)
    assert (history.step, history.lost_steps) == (10, 15)
    assert history.charged == BUDGET.after(25)
    history = ledger.charge(_after(history, 40))
    assert history.charged == ledger_charged(ledger) == BUDGET.after(55)


def ledger_charged(ledger: Ledger) -> tuple[Mechanism, ...]:
    """Read what the only training was charged, past the ledger's own methods."""
    account = json.loads(ledger.path.read_text("utf-8"))["content"]["trainings"][0]
    return tuple(Mechanism(**one) for one in account["charged"])


def test_resuming_one_checkpoint_twice_loses_the_steps_once(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    checkpoint = ledger.charge(_after(_begun(ledger), 10))
    ledger.charge(_after(checkpoint, 25))
    first, second = _resumed(ledger, checkpoint), _resumed(ledger, checkpoint)
    assert first.lost_steps == second.lost_steps == 15


def test_each_return_to_an_old_checkpoint_adds_what_was_done_since(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    checkpoint = ledger.charge(_after(_begun(ledger), 10))
    for _ in range(3):
        ledger.charge(_after(_resumed(ledger, checkpoint), 30))
    # 10 steps, and three times 20 more, of which the last are no loss.
    assert ledger_charged(ledger) == BUDGET.after(70)


def test_half_a_lost_step_is_a_whole_one(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    checkpoint = _begun(ledger)
    done = BUDGET.after(4)
    odd = dataclasses.replace(checkpoint, step=4, applied=(done[0], *done[1:]))
    more = dataclasses.replace(
        odd, applied=(dataclasses.replace(done[0], steps=done[0].steps + 1), *done[1:])
    )
    ledger.charge(more)
    assert _resumed(ledger, checkpoint).lost_steps == 5


@pytest.mark.parametrize(
    "text",
    [
        ('"steps": 20', '"steps": 2'),
        ('"noise_multiplier": 4.0', '"noise_multiplier": 9.0'),
        ('"counter": 2', '"counter": 3'),
        ('"a"', '"q"'),
        ('"delta": 0.001', '"delta": 0.01'),
        ('"content"', '"contents"'),
        ("{", "["),
    ],
)
def test_altered_ledger_is_refused(tmp_path: Path, text: tuple[str, str]) -> None:
    ledger = _ledger(tmp_path)
    history = ledger.charge(_after(_begun(ledger), 10))
    whole = ledger.path.read_text("utf-8")
    ledger.path.write_text(whole.replace(*text), "utf-8")
    assert whole != ledger.path.read_text("utf-8")
    with pytest.raises(PrivacyError, match="altered"):
        _ledger(tmp_path)
    with pytest.raises(PrivacyError, match="altered"):
        _resumed(ledger, history)
    with pytest.raises(PrivacyError, match="altered"):
        ledger.charge(_after(history, 20))


def test_cut_off_ledger_is_refused(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    _begun(ledger)
    ledger.path.write_bytes(ledger.path.read_bytes()[:-40])
    with pytest.raises(PrivacyError, match="altered"):
        ledger.total()


def test_ledger_under_another_key_is_refused(tmp_path: Path) -> None:
    _begun(_ledger(tmp_path))
    with pytest.raises(PrivacyError, match="another key"):
        open_ledger(tmp_path / "ledger.json", bytes(32))


def test_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="32"):
        open_ledger(tmp_path / "ledger.json", b"secret")


def test_missing_ledger_is_refused_where_a_training_was_begun_with_it(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = _begun(ledger)
    ledger.path.unlink()
    with pytest.raises(PrivacyError, match="missing"):
        _resumed(_ledger(tmp_path), history)
    with pytest.raises(PrivacyError, match="missing"):
        ledger.charge(_after(history, 10))


def test_ledger_of_another_cohort_does_not_know_the_training(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    history = _begun(_ledger(tmp_path))
    other = _ledger(tmp_path / "other")
    _begun(other)
    with pytest.raises(PrivacyError, match="does not know"):
        _resumed(other, history)


def test_older_ledger_is_refused_by_its_steps(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = _begun(ledger)
    old = ledger.path.read_bytes()
    history = ledger.charge(_after(history, 10))
    ledger.path.write_bytes(old)
    with pytest.raises(PrivacyError, match="only grows"):
        _resumed(ledger, history)
    # Even where other trainings have brought its counter as far.
    for _ in range(3):
        _begun(ledger)
    with pytest.raises(PrivacyError, match="20 updates of the discriminators fewer"):
        _resumed(ledger, history)


def test_other_patients_are_refused(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = _begun(ledger)
    with pytest.raises(PrivacyError, match="other patients"):
        ledger.resume(history, PATIENTS[:2], steps=100, total_epsilon=None)
    with pytest.raises(PrivacyError, match="other patients"):
        ledger.resume(history, OTHERS, steps=100, total_epsilon=None)


def test_checkpoint_of_other_noise_or_delta_is_refused(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = _begun(ledger)
    louder = tuple(dataclasses.replace(one, noise_multiplier=8.0) for one in BUDGET.declared)
    for budget in (
        dataclasses.replace(BUDGET, declared=louder),
        dataclasses.replace(BUDGET, declared=BUDGET.declared[1:]),
        dataclasses.replace(BUDGET, delta=1e-2),
    ):
        with pytest.raises(PrivacyError, match="another noise"):
            _resumed(ledger, dataclasses.replace(history, budget=budget))


def test_charge_never_goes_down(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = ledger.charge(_after(_begun(ledger), 10))
    forgetful = dataclasses.replace(history, step=5, applied=BUDGET.after(5))
    with pytest.raises(PrivacyError, match="charged"):
        ledger.charge(forgetful)


def test_more_steps_than_planned_are_refused(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = _begun(ledger, steps=10)
    with pytest.raises(PrivacyError, match="planned"):
        ledger.charge(_after(history, 11))


def test_second_process_on_the_same_training_is_refused(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    checkpoint = ledger.charge(_after(_begun(ledger), 10))
    first = _resumed(ledger, checkpoint)
    second = _resumed(ledger, checkpoint)
    with pytest.raises(PrivacyError, match="Another process"):
        ledger.charge(_after(first, 20))
    ledger.charge(_after(second, 20))


def test_ended_training_is_not_charged_until_it_is_resumed(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = ledger.charge(_after(_begun(ledger), 10))
    ledger.end(history.training_id)
    with pytest.raises(PrivacyError, match="ended"):
        ledger.charge(_after(history, 20))
    ledger.charge(_after(_resumed(ledger, history), 20))


def test_unknown_training_cannot_end(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    _begun(ledger)
    with pytest.raises(PrivacyError, match="does not know"):
        ledger.end("00")


def test_training_begins_once(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    history = _begun(ledger)
    with pytest.raises(PrivacyError, match="Resume it"):
        ledger.begin(history, PATIENTS, steps=10, total_epsilon=None)


def test_budget_of_another_number_of_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="of 3 patients and 2"):
        _ledger(tmp_path).begin(BudgetHistory(BUDGET), PATIENTS[:2], steps=10, total_epsilon=None)


def test_total_that_would_be_passed_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    alone = spent(BUDGET.after(100), 1e-3).epsilon
    _begun(ledger, total=alone + 0.01)
    before = ledger.path.read_bytes()
    with pytest.raises(PrivacyError, match="epsilon") as refusal:
        _begun(ledger, total=alone + 0.01)
    both = spent([*BUDGET.after(100), *BUDGET.after(100)], 1e-3).epsilon
    assert f"{both:.3f}" in str(refusal.value)
    assert ledger.path.read_bytes() == before


def test_first_training_above_the_total_leaves_no_ledger(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    with pytest.raises(PrivacyError, match=r"at most 0\.5"):
        _begun(ledger, total=0.5)
    assert not ledger.path.exists()


def test_what_an_ended_training_did_not_do_is_free_again(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    limit = spent(BUDGET.after(110), 1e-3).epsilon + 1e-9
    history = ledger.charge(_after(_begun(ledger), 10))
    with pytest.raises(PrivacyError, match=history.training_id):
        _begun(ledger, total=limit)
    ledger.end(history.training_id)
    _begun(ledger, total=limit)


def test_lost_steps_are_taken_from_what_is_planned(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    limit = spent(BUDGET.after(100), 1e-3).epsilon + 1e-9
    checkpoint = ledger.charge(_after(_begun(ledger, total=limit), 10))
    ledger.charge(_after(checkpoint, 40))
    resumed = ledger.resume(checkpoint, PATIENTS, steps=100, total_epsilon=limit)
    assert resumed.lost_steps == 30
    # 10 made, 30 lost, 60 left to make; one more is refused.
    history = ledger.charge(_after(resumed, 70))
    with pytest.raises(PrivacyError, match="planned"):
        ledger.charge(_after(history, 71))


def test_resuming_with_more_steps_than_the_total_allows_is_refused(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    limit = spent(BUDGET.after(100), 1e-3).epsilon + 1e-9
    checkpoint = ledger.charge(_after(_begun(ledger, total=limit), 10))
    with pytest.raises(PrivacyError, match="at most"):
        ledger.resume(checkpoint, PATIENTS, steps=101, total_epsilon=limit)


def test_person_under_two_pseudonyms_is_refused_without_any_total(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    _begun(ledger)
    joined = (PatientMarks(("a", "b")), PatientMarks(("x",)), PatientMarks(("y",)))
    with pytest.raises(PrivacyError, match="one person"):
        ledger.begin(BudgetHistory(BUDGET), joined, steps=10, total_epsilon=None)


def test_other_patients_have_a_total_of_their_own(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    limit = spent(BUDGET.after(100), 1e-3).epsilon + 1e-9
    _begun(ledger, total=limit)
    ledger.begin(BudgetHistory(BUDGET), OTHERS, steps=100, total_epsilon=limit)
    assert ledger.total().patients == 6


def test_ledger_says_nothing_of_a_key_or_a_patient(tmp_path: Path) -> None:
    ledger = _ledger(tmp_path)
    _begun(ledger)
    text = ledger.path.read_text("utf-8")
    assert KEY.hex() not in text
    assert str(tmp_path) not in text
