"""The page's tables, every cell as the text that is shown."""

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.project_config import ProjectConfig
from pipelines.release_decision import LINKAGE_CHECK
from pipelines.report.results import JsonObject, WorkspaceResults

ABSENT = "-"
_ROLES = ("train", "source", "holdout", "test")
_PHASES = ("contrast", "noncontrast", "unknown")
# What names places on the user's machine stays out of the page.
_HIDDEN_SETTINGS = frozenset({"input", "ingest.key_file"})


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        header: names of the columns.
        rows: as many cells each as the header has; never empty.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class CheckRow:
    """One check of the audit.

    Attributes:
        name: the check.
        verdict: what it found.
        statistic: the number that was tested.
        interval: its interval.
        threshold: the bound it was held against.
        patients: how many patients it rests on.
        explanation: sentences for the reader.
        decides: whether it decides the verdict of the mode.
    """

    name: str
    verdict: str
    statistic: str
    interval: str
    threshold: str
    patients: str
    explanation: str
    decides: bool


def organ_table(fidelity: JsonObject | None) -> Table | None:
    """Tabulate each organ's HU before and after, and their errors where truth is known.

    Args:
        fidelity: content of `fidelity.json`, or None.
    """
    organs = (fidelity or {}).get("organs", {})
    if not organs:
        return None
    if any("mae_hu" in values for values in organs.values()):
        return Table(
            (
                "organ",
                "patients",
                "mean error before, HU",
                "mean error after, HU",
                "interval",
                "absolute error before, HU",
                "absolute error after, HU",
            ),
            tuple(_error_row(name, values) for name, values in organs.items()),
        )
    return Table(
        ("organ", "patients", "median before, HU", "median after, HU", "usual without contrast"),
        tuple(_median_row(name, values) for name, values in organs.items()),
    )


def body_table(fidelity: JsonObject | None) -> Table | None:
    """Tabulate the figures of the whole body, for source and held-out patients apart.

    Args:
        fidelity: content of `fidelity.json`, or None.
    """
    groups = [group for group in (fidelity, (fidelity or {}).get("holdout")) if group]
    lines = (
        ("patients", "n_patients", 0),
        ("mean absolute error before, HU", "input_body_mae_hu", 1),
        ("mean absolute error after, HU", "body_mae_hu", 1),
        ("after, as a share of before", "ratio", 2),
        ("mean error before, HU", "input_body_bias_hu", 1),
        ("mean error after, HU", "body_bias_hu", 1),
        ("mean absolute change, HU", "body_change_hu", 1),
        ("structural similarity to the truth before", "input_ssim", 3),
        ("structural similarity to the truth after", "ssim", 3),
    )
    rows = tuple(
        (text, *(_number(group.get(key), digits) for group in groups))
        for text, key, digits in lines
        if any(group.get(key) is not None for group in groups)
    )
    names = ("source patients", "held-out patients")[: len(groups)]
    return Table(("inside the body", *names), rows) if rows else None


def dice_tables(utility: JsonObject | None) -> tuple[tuple[str, Table], ...]:
    """Tabulate Dice by organ and arm, one table for each kind of test scan.

    Args:
        utility: content of `utility.json`, or None.

    Returns:
        A title and a table each; those without any figure are left out.
    """
    arms = (utility or {}).get("arms", {})
    kinds = (
        ("Real non-contrast scans (what the synthetic scans are for)", "out_of_distribution"),
        ("Real contrast scans (what every segmenter learnt from)", "in_distribution"),
    )
    tables = ((title, _dice_table(arms, kind)) for title, kind in kinds)
    return tuple((title, table) for title, table in tables if table.rows)


def check_rows(audit: JsonObject | None, mode: str) -> tuple[CheckRow, ...]:
    """List the audit's checks.

    Args:
        audit: content of `audit.json`, or None.
        mode: the release mode.
    """
    checks: Mapping[str, JsonObject] = (audit or {}).get("checks", {})
    return tuple(
        CheckRow(
            name=name,
            verdict=check["verdict"],
            statistic=_number(check.get("statistic"), 3),
            interval=_interval(check.get("ci"), 3),
            threshold=_number(check.get("threshold"), 3),
            patients=_number(check.get("n"), 0),
            explanation=check.get("explanation", ""),
            decides=mode in check.get("applies_to", ()),
        )
        for name, check in checks.items()
    )


def is_linkage(row: CheckRow) -> bool:
    """Tell whether a check is about linkage to the source; all others are about memorisation."""
    return row.name == LINKAGE_CHECK


def self_test_table(audit: JsonObject | None) -> Table | None:
    """Tabulate which planted copies the audit found.

    Args:
        audit: content of `audit.json`, or None.
    """
    kinds = (audit or {}).get("self_test", {}).get("kinds", {})
    rows = tuple(
        (kind, _number(found.get("planted"), 0), _number(found.get("found"), 0))
        for kind, found in kinds.items()
    )
    return Table(("planted copy", "planted", "found"), rows) if rows else None


def budget_table(privacy: JsonObject | None) -> Table | None:
    """Tabulate the training's privacy budget.

    Args:
        privacy: content of `privacy.json`, or None.
    """
    if privacy is None:
        return None
    private = "yes" if privacy.get("private") else "no"
    rows = [("trained with differential privacy", private)]
    rows += [
        (key.replace("_", " "), _number(privacy[key], 4))
        for key in ("unit", "epsilon", "delta", "accountant", "noise_multiplier", "clipping_norm")
        if privacy.get(key) is not None
    ]
    return Table(("", ""), tuple(rows))


def verdict_table(results: WorkspaceResults) -> Table | None:
    """Tabulate how many series were accepted, and how many rejected for each reason.

    Args:
        results: what the workspace holds.
    """
    if not results.series:
        return None
    counts = collections.Counter((entry.verdict, entry.reason) for entry in results.series)
    rows = tuple(
        (verdict, reason, str(count)) for (verdict, reason), count in sorted(counts.items())
    )
    return Table(("verdict", "reason", "series"), rows)


def phase_table(results: WorkspaceResults) -> Table | None:
    """Tabulate the phases that header, pixels and both together say.

    Args:
        results: what the workspace holds.
    """
    if not results.phases:
        return None
    rows = tuple(
        (
            phase,
            *(
                str(sum(str(word) == phase for word in words))
                for words in (
                    [entry.phase for entry in results.phases],
                    [entry.header for entry in results.phases],
                    [entry.pixels for entry in results.phases],
                )
            ),
        )
        for phase in _PHASES
    )
    conflicts = str(sum(entry.conflict for entry in results.phases))
    header = ("phase", "series", "by the header", "by the pixels")
    return Table(header, (*rows, ("header and pixels disagree", conflicts, ABSENT, ABSENT)))


def role_table(results: WorkspaceResults) -> Table | None:
    """Tabulate how many patients of each phase have each role.

    Args:
        results: what the workspace holds.
    """
    if not results.patients:
        return None
    rows = tuple(
        (
            role,
            *(
                str(sum(role in p.roles and phase in p.phases for p in results.patients))
                for phase in ("contrast", "noncontrast")
            ),
        )
        for role in _ROLES
    )
    return Table(("role", "patients with contrast scans", "with non-contrast scans"), rows)


def stage_table(results: WorkspaceResults) -> Table | None:
    """Tabulate when, how long and on what each stage ran, and its manifest's hash.

    Args:
        results: what the workspace holds.
    """
    rows = tuple(
        (
            stage.name,
            str(stage.provenance.get("finished", ABSENT)),
            _number(stage.provenance.get("seconds"), 1),
            str(stage.provenance.get("device", ABSENT)),
            stage.manifest.content_hash(),
        )
        for stage in results.stages
    )
    header = ("stage", "finished", "seconds", "device", "SHA-256 of its manifest")
    return Table(header, rows) if rows else None


def package_table(results: WorkspaceResults) -> Table | None:
    """Tabulate the versions that the latest finished stage ran with.

    Args:
        results: what the workspace holds.
    """
    known = [stage.provenance for stage in results.stages if stage.provenance.get("packages")]
    if not known:
        return None
    latest = max(known, key=lambda provenance: str(provenance.get("finished", "")))
    versions = {"python": latest.get("python", ABSENT), **latest["packages"]}
    rows = tuple((name, str(version)) for name, version in versions.items())
    return Table(("package", "version"), rows)


def settings_table(config: ProjectConfig) -> Table:
    """Tabulate the settings, without any path.

    Args:
        config: all settings.
    """
    rows = tuple(
        (name, str(value))
        for name, value in _flat(config.model_dump(mode="json"), prefix="")
        if value is not None
    )
    return Table(("setting", "value"), rows)


def _error_row(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        name,
        _number(values.get("n"), 0),
        _number(values.get("input_bias_hu"), 1),
        _number(values.get("bias_hu"), 1),
        _interval(values.get("bias_ci"), 1),
        _number(values.get("input_mae_hu"), 1),
        _number(values.get("mae_hu"), 1),
    )


def _median_row(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        name,
        _number(values.get("n"), 0),
        _number(values.get("before_hu"), 1),
        _number(values.get("after_hu"), 1),
        _interval(values.get("typical_hu"), 0),
    )


def _dice_table(arms: Mapping[str, JsonObject], kind: str) -> Table:
    organs = dict.fromkeys(organ for arm in arms.values() for organ in arm.get(kind, {}))
    rows = tuple(
        (organ, *(_dice(arm.get(kind, {}).get(organ, {})) for arm in arms.values()))
        for organ in organs
    )
    return Table(("organ", *arms), rows)


def _dice(result: Mapping[str, Any]) -> str:
    if result.get("dice") is None:
        return ABSENT
    text = f"{result['dice']:.2f}"
    return text if result.get("ci") is None else f"{text} ({_interval(result['ci'], 2)})"


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = prefix + key
        if name in _HIDDEN_SETTINGS:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _number(value: float | str | None, digits: int) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else f"{value:.{digits}f}"


def _interval(interval: Sequence[float] | None, digits: int) -> str:
    if interval is None:
        return ABSENT
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"
