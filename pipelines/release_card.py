"""The cards of a bundle: what it is, what was attacked and found, what it does not promise."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import medsynth
from pipelines.release_decision import ReleaseDecision, checks_to_hold

_PUBLIC_CHECK_KEYS = ("verdict", "statistic", "ci", "threshold", "n", "explanation")
_PUBLIC_TRAINING_KEYS = ("private", "unit", "epsilon", "delta", "accountant", "not_covered")


@dataclasses.dataclass(frozen=True)
class BundleFacts:
    """What the card of a bundle of translated scans tells.

    Attributes:
        decision: what the gate said.
        privacy: content of the bundle's `privacy.json`.
        fidelity: content of the bundle's `fidelity.json`.
        utility: content of the bundle's `utility.json`.
        volumes: number of volumes in the bundle.
        patients: number of patients whose scans were translated.
        weights_sha256: SHA-256 of the translator's weights.
    """

    decision: ReleaseDecision
    privacy: Mapping[str, Any]
    fidelity: Mapping[str, Any]
    utility: Mapping[str, Any]
    volumes: int
    patients: int
    weights_sha256: str


def public_privacy(
    audit: Mapping[str, Any], privacy: Mapping[str, Any], decision: ReleaseDecision
) -> dict[str, Any]:
    """Pick what outsiders may read of the audit and the budget ledger, rounded.

    Verdicts and counts only: no flagged pair, no name, no figure of one patient.

    Args:
        audit: content of `audit.json`.
        privacy: content of `privacy.json` of the training.
        decision: what the gate said.

    Returns:
        The content of the bundle's `privacy.json`.
    """
    checks = {
        name: {
            **{key: rounded(check[key]) for key in _PUBLIC_CHECK_KEYS if key in check},
            "decides": decision.mode in check.get("applies_to", ()),
        }
        for name, check in audit["checks"].items()
    }
    return {
        "mode": decision.mode,
        "verdict": decision.verdict,
        "reasons": list(decision.reasons),
        "checks": checks,
        "training": _public_training(privacy),
    }


def public_verdicts(
    audit: Mapping[str, Any], privacy: Mapping[str, Any], decision: ReleaseDecision
) -> dict[str, Any]:
    """Pick what may go out beside the weights of a private training.

    Epsilon covers the weights alone. The audit's figures were computed on the training
    patients without noise, so none of them goes out: of each check only its verdict.

    Args:
        audit: content of `audit.json`.
        privacy: content of `privacy.json` of the training.
        decision: what the gate said; it opened.

    Returns:
        The content of the bundle's `privacy.json`.
    """
    checks = checks_to_hold(audit, privacy, decision.mode)
    return {
        "mode": decision.mode,
        "verdict": decision.verdict,
        # The deciding reason is the gate's own sentence; the others quote the checks' figures.
        "reasons": [decision.reasons[0]],
        "checks": {
            name: {
                "verdict": check["verdict"],
                "decides": decision.mode in check.get("applies_to", ()),
            }
            for name, check in checks.items()
        },
        "training": _public_training(privacy),
    }


def _public_training(privacy: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: rounded(privacy[key]) for key in _PUBLIC_TRAINING_KEYS if key in privacy}
    # A promise must not become smaller by rounding.
    bounds = {key: privacy[key] for key in ("epsilon", "delta") if privacy.get(key) is not None}
    return {**told, **{key: rounded_up(bound) for key, bound in bounds.items()}}


def rounded_up(bound: float) -> float:
    """Give the least number of three significant digits that is not below a positive bound."""
    if not math.isfinite(bound) or bound <= 0:
        return bound
    unit = 10.0 ** (math.floor(math.log10(bound)) - 2)
    up = rounded(math.ceil(round(bound / unit, 6)) * unit)
    return float(up)


def rounded(value: Any) -> Any:
    """Give a JSON value with every fraction rounded to three significant digits."""
    if isinstance(value, float):
        return float(f"{value:.3g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return value


def dataset_card(facts: BundleFacts) -> str:
    """Write the card of a bundle of translated scans, in Markdown.

    Args:
        facts: what the card tells.

    Returns:
        The text of the bundle's `README.md`.
    """
    lines = [
        f"# Synthetic non-contrast CT: {_counted(facts.volumes, 'translated volume')}",
        "",
        *_inconclusive_note(
            facts.decision, "It had too few patients to tell whether its attacks succeed."
        ),
        f"{_counted(facts.volumes, 'contrast-enhanced CT scan')} of "
        f"{_counted(facts.patients, 'patient')}, translated to "
        "synthetic non-contrast CT by a CycleGAN. The voxels were computed by a network; the "
        "anatomy is that of the patients. Not for diagnostic use.",
        "",
        "**For controlled sharing only.** Whoever holds the original scan of one of these patients "
        "can find its translation here. The names in this folder are new and say nothing; the "
        "shapes of the organs do.",
        "",
        *_grouping_note(facts),
        *_contents_of_dataset(),
        *_worth(facts),
        *_findings(facts),
        *_no_promise_of_dataset(),
        *_origin(facts.weights_sha256),
    ]
    return "\n".join(lines) + "\n"


def model_card(decision: ReleaseDecision, privacy: Mapping[str, Any], weights_sha256: str) -> str:
    """Write the card of a bundle of weights, in Markdown.

    Args:
        decision: what the gate said; it opened.
        privacy: content of the bundle's `privacy.json`, from `public_verdicts`.
        weights_sha256: SHA-256 of the translator's weights.

    Returns:
        The text of the bundle's `README.md`.
    """
    lines = [
        "# Translator from contrast-enhanced to synthetic non-contrast CT",
        "",
        *_inconclusive_note(decision, "A check could not tell, or was not run; it is named below."),
        "The generator of a CycleGAN that learnt from unpaired scans. It makes research data; it "
        "is not for diagnostic use.",
        "",
        "## What is in this folder",
        "",
        "- `to_noncontrast.safetensors`: the weights of the one generator",
        "- `config.json`: the design of the network, and the grid it was trained on",
        "- `privacy.json`: the training's privacy budget and the audit's verdicts",
        "- `CHECKSUMS.sha256`: verify with `sha256sum -c CHECKSUMS.sha256`",
        "",
        "The discriminators, the second generator and the optimiser's state stay where the scans "
        "are, and so does the record of the losses: they can tell more of the training patients.",
        "",
        *_worth_stays(),
        *_verdicts(decision, privacy),
        "## What this does not promise",
        "",
        "- The privacy budget bounds what the weights reveal of one training patient. It says "
        "nothing of a scan that is translated with them: a translation keeps the anatomy of its "
        "source.",
        "- What the budget leaves out is listed in `privacy.json` under `not_covered`.",
        "- The audit tried the attacks listed above and no others.",
        "",
        *_origin(weights_sha256),
    ]
    return "\n".join(lines) + "\n"


def _inconclusive_note(decision: ReleaseDecision, why: str) -> list[str]:
    if decision.verdict != "inconclusive":
        return []
    return [
        f"> **The privacy audit of this bundle is inconclusive.** {why} "
        "The owner of the scans chose to release it nevertheless.",
        "",
    ]


def _grouping_note(facts: BundleFacts) -> list[str]:
    if facts.volumes == facts.patients:
        return []
    return [
        f"Some patients have several volumes here ({_counted(facts.volumes, 'volume')} of "
        f"{_counted(facts.patients, 'patient')}) and the names do not tell which belong together: "
        "a split of this folder into training and test data may put one patient on both sides.",
        "",
    ]


def _contents_of_dataset() -> list[str]:
    return [
        "## What is in this folder",
        "",
        "- `dicom/<name>/`: CT Image objects, Synthetic Data (0008,001C) = YES, where written",
        "- `nifti/<name>_ct.nii.gz`: the same volume, int16, Hounsfield units",
        "- `labels/<name>.nii.gz`: organ labels of the source scan, where there were any; "
        "`labels.json` names the values",
        "- `privacy.json`: what was attacked and what was found",
        "- `fidelity.json`, `utility.json`: what the volumes are worth",
        "- `CHECKSUMS.sha256`: verify with `sha256sum -c CHECKSUMS.sha256`",
        "",
        "Every grid begins at zero and is axial. Pixels are a round number of tenths of a "
        "millimetre wide, resampled where the source's were not; slices lie as in the source.",
        "",
    ]


def _worth(facts: BundleFacts) -> list[str]:
    lines = ["## What it is worth", ""]
    error, before = facts.fidelity.get("body_mae_hu"), facts.fidelity.get("input_body_mae_hu")
    if error is None or before is None:
        lines.append("Hounsfield error: not measured, there was no paired non-contrast truth.")
    else:
        lines.append(
            f"Mean absolute error inside the body: {error:.1f} HU, against {before:.1f} HU of the "
            "scans before their translation."
        )
    lines += ["", *_dice_table(facts.utility.get("arms", {}))]
    return lines


def _dice_table(arms: Mapping[str, Any]) -> list[str]:
    if not arms:
        return ["Segmentation: not measured, there were no labels or no test patients.", ""]
    organs = sorted({o for arm in arms.values() for o in arm.get("out_of_distribution", {})})
    header = ["organ", *arms]
    rows = [
        [organ, *(_dice(arm.get("out_of_distribution", {}).get(organ)) for arm in arms.values())]
        for organ in organs
    ]
    return [
        "Dice of a segmenter on real non-contrast scans, by what it was trained on (`contrast_"
        "only`: real contrast scans; `cyclegan_mix`: those and their translations), with a "
        "bootstrap interval over patients:",
        "",
        *_table(header, rows),
        "",
    ]


def _dice(result: Mapping[str, Any] | None) -> str:
    if result is None or result.get("dice") is None:
        return "not measured"
    if result.get("ci") is None:
        return f"{result['dice']:.2f}"
    return f"{result['dice']:.2f} ({result['ci'][0]:.2f} to {result['ci'][1]:.2f})"


def _findings(facts: BundleFacts) -> list[str]:
    checks = facts.privacy["checks"]
    rows = [
        [
            f"`{name}`",
            check["verdict"],
            "yes" if check["decides"] else "no",
            _number(check.get("n")),
            check.get("explanation", ""),
        ]
        for name, check in checks.items()
    ]
    header = ["check", "verdict", "decides in this mode", "patients", "finding"]
    return [
        *_verdict_lines(facts.decision.mode, facts.decision.verdict, facts.decision.reasons),
        *_table(header, rows),
        "",
        _budget(facts.privacy["training"]),
        "",
    ]


def _verdicts(decision: ReleaseDecision, privacy: Mapping[str, Any]) -> list[str]:
    rows = [
        [f"`{name}`", check["verdict"], "yes" if check["decides"] else "no"]
        for name, check in privacy["checks"].items()
    ]
    return [
        *_verdict_lines(decision.mode, decision.verdict, privacy["reasons"]),
        *_table(["check", "verdict", "decides in this mode"], rows),
        "",
        "The figures behind these verdicts stay with the owner of the scans, too, for the same "
        "reason.",
        "",
        _budget(privacy["training"]),
        "",
    ]


def _worth_stays() -> list[str]:
    return [
        "## What it is worth",
        "",
        "What was measured of it stays with the owner of the scans: the figures were computed "
        "partly on training patients without noise, and the privacy budget does not cover them.",
        "",
    ]


def _budget(training: Mapping[str, Any]) -> str:
    if training.get("private"):
        return (
            f"The translator was trained with differential privacy per {training.get('unit')}: "
            f"epsilon {training.get('epsilon')}, delta {training.get('delta')}."
        )
    return (
        "The translator was trained without differential privacy: no bound is known on what "
        "its output reveals of the patients it was trained on."
    )


def _verdict_lines(mode: str, verdict: str, reasons: Sequence[str]) -> list[str]:
    return [
        "## What was attacked and what was found",
        "",
        f"Verdict for the mode `{mode}`: **{verdict}**.",
        "",
        *[f"- {reason}" for reason in reasons],
        "",
    ]


def _no_promise_of_dataset() -> list[str]:
    return [
        "## What this does not promise",
        "",
        "- It does not promise that nobody can be recognised. A translation keeps the anatomy of "
        "its source scan, so it can be matched by whoever has that scan or another of the same "
        "patient.",
        "- The audit tried the attacks listed above and no others, with the patients counted "
        "above and no more.",
        "- What was written into the pixels of a source scan may still be there.",
        "- It does not settle what the law asks of the owner, and it is no licence: the owner of "
        "the scans states to whom and on which terms this folder is given.",
        "",
    ]


def _origin(weights_sha256: str) -> list[str]:
    return [
        "## How it was made",
        "",
        f"medsynth {medsynth.__version__}; SHA-256 of the translator's weights: "
        f"`{weights_sha256}`.",
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows),
    ]


def _number(value: object) -> str:
    return "" if value is None else str(value)
