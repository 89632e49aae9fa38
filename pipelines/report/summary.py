"""The top of the page: what was decided, what to beware of, the few figures that matter."""

import dataclasses
from collections.abc import Iterator

from medsynth.synthesis.index import GateCounts, count_gates
from pipelines.project_config import ProjectConfig
from pipelines.release_decision import LINKAGE_CHECK, ReleaseDecision, decide, is_private
from pipelines.report.gate import gate_warnings
from pipelines.report.results import JsonObject, WorkspaceResults

FEWEST_TRAIN_PATIENTS = 10
_PHASES = {"contrast": "contrast", "noncontrast": "non-contrast"}
_TRAIN = "train"


@dataclasses.dataclass(frozen=True)
class Headline:
    """What was decided, in one sentence, and why.

    Attributes:
        tone: "released", "refused" or "open", for its colour.
        sentence: the decision.
        reasons: whole sentences, the deciding one first.
    """

    tone: str
    sentence: str
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class KeyFigure:
    """One figure that matters.

    Attributes:
        label: what it is.
        value: the figure with its unit, or "not measured".
        note: how to read it.
    """

    label: str
    value: str
    note: str


def make_headline(results: WorkspaceResults, config: ProjectConfig) -> Headline:
    """Give the decision on the release, by the same function that the release stage asks.

    Args:
        results: what the workspace holds.
        config: all settings.
    """
    mode = config.release.mode
    if results.audit is None or results.privacy is None:
        why = "The audit has not been run, so nothing is known of what the synthetic scans leak."
        return Headline("open", f"No decision yet on a release in mode {mode}.", (why,))
    decision = decide(
        results.audit,
        results.privacy,
        mode,
        config.release.accept_inconclusive,
        _gate_counts(results),
    )
    if not decision.released:
        return Headline("refused", f"Release refused in mode {mode}.", decision.reasons)
    if results.folder("release") is None:
        sentence = f"A release in mode {mode} is open, but no bundle has been packed yet."
        return Headline("open", sentence, decision.reasons)
    return Headline("released", _released_sentence(decision), decision.reasons)


def make_warnings(results: WorkspaceResults, config: ProjectConfig) -> tuple[str, ...]:
    """List what a reader must know before believing any figure of the page.

    Args:
        results: what the workspace holds.
        config: all settings.
    """
    return (
        *_warn_few_patients(results),
        *_warn_outdated(results),
        *gate_warnings(results.synthetic),
        *_warn_linked(results, config),
        *_warn_not_private(results),
        *_warn_not_measured(results),
    )


def make_key_figures(results: WorkspaceResults) -> tuple[KeyFigure, ...]:
    """Give the four figures that matter most, memorisation and linkage apart.

    Args:
        results: what the workspace holds.
    """
    return (
        _hounsfield_figure(results.fidelity or {}),
        _dice_figure(results.utility or {}),
        _memorisation_figure(results.audit or {}),
        _linkage_figure(results.audit or {}),
    )


def _gate_counts(results: WorkspaceResults) -> GateCounts | None:
    return count_gates(results.synthetic) if results.synthetic else None


def _released_sentence(decision: ReleaseDecision) -> str:
    if decision.mode == "translated":
        return (
            "Released in mode translated: for controlled sharing only, because a translated scan "
            "can be matched to its source."
        )
    return f"Released in mode {decision.mode}."


def _warn_few_patients(results: WorkspaceResults) -> Iterator[str]:
    if not results.patients:
        return
    training = [patient for patient in results.patients if _TRAIN in patient.roles]
    counts = {phase: sum(phase in patient.phases for patient in training) for phase in _PHASES}
    if min(counts.values()) >= FEWEST_TRAIN_PATIENTS:
        return
    learnt = " and ".join(f"{count} {_PHASES[phase]}" for phase, count in counts.items())
    everyone = " and ".join(
        f"{sum(phase in patient.phases for patient in results.patients)} {word}"
        for phase, word in _PHASES.items()
    )
    yield (
        f"The translator learnt from {learnt} patients (of {everyone} in all): far too few to "
        f"learn from. With fewer than {FEWEST_TRAIN_PATIENTS} of either, read everything below "
        "as a technical demonstration only."
    )


def _warn_outdated(results: WorkspaceResults) -> Iterator[str]:
    outdated = [stage.name for stage in results.stages if stage.outdated]
    if outdated:
        yield (
            f"Made from results that have changed since: {', '.join(outdated)}. "
            "Run `medsynth run` to bring them up to date."
        )


def _warn_linked(results: WorkspaceResults, config: ProjectConfig) -> Iterator[str]:
    linkage = (results.audit or {}).get("checks", {}).get(LINKAGE_CHECK)
    if linkage is not None and linkage["verdict"] != "pass" and config.release.mode == "translated":
        yield (
            f"Linkage: {linkage['explanation']} The mode translated expects this; it is why such "
            "scans go to named recipients under an agreement, and nowhere else."
        )


def _warn_not_private(results: WorkspaceResults) -> Iterator[str]:
    if results.privacy is not None and not is_private(results.privacy):
        yield (
            "The translator was trained without differential privacy: nothing bounds what its "
            "weights reveal of the patients it was trained on."
        )


def _warn_not_measured(results: WorkspaceResults) -> Iterator[str]:
    for content in (results.fidelity, results.utility):
        yield from (content or {}).get("not_measured", [])


def _hounsfield_figure(fidelity: JsonObject) -> KeyFigure:
    label = "Error inside the body"
    after, before = fidelity.get("body_mae_hu"), fidelity.get("input_body_mae_hu")
    if after is None or before is None:
        return KeyFigure(label, "not measured", "There was no paired non-contrast truth.")
    return KeyFigure(
        label, f"{after:.1f} HU", f"Mean absolute error to the truth; {before:.1f} HU before."
    )


def _dice_figure(utility: JsonObject) -> KeyFigure:
    label = "Kidneys found without contrast"
    arms = utility.get("arms", {})
    organ = "kidney"
    dice = [
        arms.get(arm, {}).get("out_of_distribution", {}).get(organ, {}).get("dice")
        for arm in ("contrast_only", "cyclegan_mix")
    ]
    if dice[0] is None or dice[1] is None:
        return KeyFigure(label, "not measured", "There were no labels or no test patients.")
    return KeyFigure(
        label,
        f"Dice {dice[1]:.2f}",
        f"Trained with synthetic scans; {dice[0]:.2f} with contrast scans alone. 1 is perfect.",
    )


def _memorisation_figure(audit: JsonObject) -> KeyFigure:
    label = "Copies of training patients"
    check = audit.get("checks", {}).get("near_copy")
    if check is None:
        return KeyFigure(label, "not measured", "The audit has not been run.")
    note = "Memorisation: whether synthetic scans repeat a patient the translator learnt from."
    words = {"pass": "none found", "fail": "found"}
    return KeyFigure(label, words.get(check["verdict"], check["verdict"]), note)


def _linkage_figure(audit: JsonObject) -> KeyFigure:
    label = "Matched to their source"
    check = audit.get("checks", {}).get(LINKAGE_CHECK)
    if check is None or check.get("statistic") is None:
        return KeyFigure(label, "not measured", "The attack could not be tried.")
    note = "Linkage: share of synthetic scans that whoever holds the source scan can recognise."
    return KeyFigure(label, f"{100 * check['statistic']:.0f} %", note)
