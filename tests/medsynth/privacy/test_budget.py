import dataclasses
import json
from typing import Any

import pytest

from medsynth.errors import PrivacyError, RecordError
from medsynth.privacy.accounting import Mechanism, spent
from medsynth.privacy.budget import (
    Budget,
    BudgetHistory,
    DeclaredMechanism,
    advanced,
    applied_mechanisms,
    budget_from_plain,
    budget_to_plain,
    check_unchanged,
    compare,
)
from medsynth.privacy.mechanism import AppliedUpdate, AppliedUpdates

DISCRIMINATORS = DeclaredMechanism("discriminators", 2.0, 0.1, 2)
GENERATORS = DeclaredMechanism("generators", 3.0, 0.1, 1)
BUDGET = Budget((DISCRIMINATORS, GENERATORS), delta=1e-3, patients=100)


def _applied(steps: int) -> list[Mechanism]:
    return [
        Mechanism("discriminators", 2.0, 0.1, 2 * steps),
        Mechanism("generators", 3.0, 0.1, steps),
    ]


def test_history_counts_each_update_of_each_step() -> None:
    history = advanced(BudgetHistory(BUDGET), step=10, applied=_applied(10))
    assert history.charged == (
        Mechanism("discriminators", 2.0, 0.1, 20),
        Mechanism("generators", 3.0, 0.1, 10),
    )
    assert history.spent() == spent(history.charged, 1e-3)


def test_lost_steps_are_charged_like_others() -> None:
    history = advanced(BudgetHistory(BUDGET, lost_steps=5), step=10, applied=_applied(10))
    whole = advanced(BudgetHistory(BUDGET), step=15, applied=_applied(15))
    assert history.charged == whole.charged
    assert history.spent() == whole.spent()


def test_history_survives_the_checkpoint_unchanged() -> None:
    history = BudgetHistory(BUDGET, 3, tuple(_applied(3)), 2, "ab12", 7)
    again = budget_from_plain(json.loads(json.dumps(budget_to_plain(history))))
    assert again == history
    assert again.spent().epsilon == history.spent().epsilon


def _without(plain: dict[str, Any], *keys: str) -> dict[str, Any]:
    inner = plain
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    return plain


@pytest.mark.parametrize(
    "keys", [("step",), ("applied",), ("lost_steps",), ("budget", "delta"), ("budget",)]
)
def test_history_with_a_gap_is_refused(keys: tuple[str, ...]) -> None:
    plain = _without(budget_to_plain(BudgetHistory(BUDGET)), *keys)
    with pytest.raises(RecordError, match="privacy budget"):
        budget_from_plain(plain)


@pytest.mark.parametrize(
    ("applied", "named"),
    [
        # Half of the noise.
        ([Mechanism("discriminators", 1.0, 0.1, 20), _applied(10)[1]], "got noise 1"),
        ([_applied(10)[0], Mechanism("generators", 0.0, 0.1, 10)], "got noise 0"),
        ([_applied(10)[0], Mechanism("generators", 3.0, 1.0, 10)], "at rate 1"),
        # One update of the discriminators a step in place of two.
        ([Mechanism("discriminators", 2.0, 0.1, 10), _applied(10)[1]], "had 10 updates"),
        # One update more than was declared.
        ([Mechanism("discriminators", 2.0, 0.1, 21), _applied(10)[1]], "had 21 updates"),
        # The generators' updates are not accounted.
        ([_applied(10)[0]], "generators had 0 updates"),
        ([*_applied(10), Mechanism("segmenter", 3.0, 0.1, 10)], "segmenter were updated"),
        # One update in twenty had less noise.
        (
            [
                Mechanism("discriminators", 2.0, 0.1, 19),
                Mechanism("discriminators", 1.0, 0.1, 1),
                _applied(10)[1],
            ],
            "got noise 1",
        ),
        # More noise than was claimed is another training, too.
        ([Mechanism("discriminators", 2.1, 0.1, 20), _applied(10)[1]], "got noise 2.1"),
    ],
)
def test_contradiction_of_what_was_declared_is_named(applied: list[Mechanism], named: str) -> None:
    with pytest.raises(PrivacyError, match=named):
        compare(BUDGET, 10, applied)


def test_rounding_of_the_measured_noise_is_no_contradiction_and_costs_nothing() -> None:
    rounded = [
        dataclasses.replace(one, noise_multiplier=one.noise_multiplier * (1 + 1e-15))
        for one in _applied(10)
    ]
    history = advanced(BudgetHistory(BUDGET), step=10, applied=rounded)
    assert history.charged == BUDGET.after(10)


def test_epsilon_counts_less_noise_than_declared() -> None:
    weak = BudgetHistory(BUDGET, 10, (Mechanism("discriminators", 1.0, 0.1, 20), _applied(10)[1]))
    assert Mechanism("discriminators", 1.0, 0.1, 20) in weak.charged
    assert weak.spent().epsilon > BudgetHistory(BUDGET, 10, tuple(_applied(10))).spent().epsilon


@pytest.mark.parametrize(
    "applied",
    [
        (),
        (Mechanism("discriminators", 2.0, 0.1, 3),),
        (Mechanism("discriminators", 9.0, 0.01, 20), Mechanism("generators", 9.0, 0.01, 10)),
    ],
)
def test_epsilon_is_never_below_what_was_declared(applied: tuple[Mechanism, ...]) -> None:
    declared = spent(BUDGET.after(10), 1e-3).epsilon
    assert BudgetHistory(BUDGET, 10, applied).spent().epsilon >= declared


def test_history_does_not_go_back() -> None:
    history = advanced(BudgetHistory(BUDGET), step=10, applied=_applied(10))
    with pytest.raises(PrivacyError, match="step 9"):
        advanced(history, step=9, applied=_applied(9))


def test_records_of_mechanisms_are_listed_kind_by_kind() -> None:
    found = applied_mechanisms(
        [
            AppliedUpdates(
                "discriminators", (AppliedUpdate(2.0, 0.1, 3), AppliedUpdate(2.0, 1.0, 1))
            ),
            AppliedUpdates("generators", (AppliedUpdate(3.0, 0.1, 2),)),
        ]
    )
    assert set(found) == {
        Mechanism("discriminators", 2.0, 0.1, 3),
        Mechanism("discriminators", 2.0, 1.0, 1),
        Mechanism("generators", 3.0, 0.1, 2),
    }


def test_equal_settings_may_go_on() -> None:
    check_unchanged(BudgetHistory(BUDGET), dataclasses.replace(BUDGET))


@pytest.mark.parametrize(
    ("budget", "named"),
    [
        (dataclasses.replace(BUDGET, delta=1e-2), "delta"),
        (dataclasses.replace(BUDGET, patients=99), "number of patients"),
        (dataclasses.replace(BUDGET, declared=(GENERATORS,)), "mechanisms"),
        (
            dataclasses.replace(
                BUDGET,
                declared=(DISCRIMINATORS, dataclasses.replace(GENERATORS, noise_multiplier=2.0)),
            ),
            "noise of the generators of this training was 3.0 when it began and is 2.0",
        ),
    ],
)
def test_changed_settings_are_refused_by_name(budget: Budget, named: str) -> None:
    with pytest.raises(PrivacyError, match=named):
        check_unchanged(BudgetHistory(BUDGET), budget)
