"""Stage audit: what the synthetic scans leak about the patients they were made with."""

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from medsynth.cohort.slice_store import StoredSeries, read_index
from medsynth.privacy.self_checks import CheckResult
from medsynth.records.json_lines import read_json
from medsynth.synthesis.index import FOLDER_BY_ROLE, SyntheticRecord, read_synthetic
from medsynth.training.device import choose_compute
from pipelines.private_claim import check_claim
from pipelines.project_config import ProjectConfig
from pipelines.released_volumes import pack_volumes, released_records
from pipelines.stages import SettingValues, Stage, StageContext
from pipelines.white_box import read_white_box
from privacy_audit.api import run_audit
from privacy_audit.images.image_sets import ImageSet, image_set_from_files
from privacy_audit.inputs import AuditInputs, Evidence
from privacy_audit.verdict import APPLIES_TO
from privacy_audit.verdict import CheckResult as AuditCheck

PatientFile = tuple[str, Path]


def execute(context: StageContext) -> None:
    """Audit the source patients' synthetic scans against the real ones."""
    stored = read_index(context.finished("prepare"))
    synthetic = read_synthetic(context.finished("synthesize"))
    volumes = context.finished("ingest") / "volumes"
    folder = context.finished("synthesize")
    made = _released(synthetic, "source")
    translated_holdout = _released(synthetic, "holdout")
    contrast_members = _optional(_real_scans(stored, "train", volumes, phase="contrast"))
    inputs = AuditInputs(
        train=image_set_from_files(_real_scans(stored, "train", volumes)),
        synthetic=image_set_from_files(
            _synthetic_scans(made, folder / FOLDER_BY_ROLE["source"]),
            root=folder / FOLDER_BY_ROLE["source"],
        ),
        source=image_set_from_files(_real_scans(stored, "source", volumes, phase="contrast")),
        source_of={f"{record.synthetic}.nii.gz": record.patient for record in made},
        holdout=_optional(_real_scans(stored, "holdout", volumes, phase="contrast")),
        null=_optional(_synthetic_scans(translated_holdout, folder / FOLDER_BY_ROLE["holdout"])),
        # The holdout was scanned with contrast agent, so these are its like.
        members=contrast_members,
    )
    with tempfile.TemporaryDirectory(prefix="medsynth-audit-") as packed:
        evidence = _evidence(context, Path(packed))
        run_audit(
            dataclasses.replace(inputs, evidence=evidence),
            context.output,
            mode=context.config.release.mode,
            seed=context.config.seed,
            processes=context.config.audit.processes or os.cpu_count() or 1,
            reporter=context.reporter,
        )


def _evidence(context: StageContext, packed: Path) -> Evidence:
    """Pack the volumes as they would go out, and gather what else the audit should know."""
    pack_volumes(context, packed, released_records(context))
    gives_weights = context.config.release.mode == "weights"
    evidence = Evidence(
        released_folder=packed,
        real_folders=(context.finished("ingest") / "volumes",),
        # Where weights stay, nobody can ask them, and asking takes a while.
        model=read_white_box(context.finished("train")) if gives_weights else None,
    )
    privacy = read_json(context.finished("train") / "privacy.json")
    if not privacy["private"]:
        return evidence
    context.reporter.message("trying to refute the training's claim of privacy")
    found = check_claim(privacy, choose_compute(context.config.device))
    told = [dataclasses.asdict(check) for check in found]
    return dataclasses.replace(
        evidence,
        claims={**privacy, "self_checks": told},
        claim=privacy_claim(privacy, found),
    )


def privacy_claim(privacy: Mapping[str, Any], found: Sequence[CheckResult]) -> AuditCheck:
    """Give what was found of a training's claim of differential privacy as one check.

    Args:
        privacy: content of its `privacy.json`.
        found: of `check_claim`.
    """
    refuted = [check for check in found if check.verdict == "refuted"]
    bound = next(check for check in found if check.name == "gradient_canaries")
    if refuted:
        words = " ".join(f"Refuted by {check.name}: {check.explanation}" for check in refuted)
    else:
        words = (
            f"{len(found)} checks tried to refute epsilon {privacy['epsilon']:.3g} and none did. "
            f"That does not prove it. {bound.explanation}"
        )
    return AuditCheck(
        verdict="fail" if refuted else "pass",
        statistic=bound.interval[0] if bound.interval else bound.statistic,
        ci=bound.interval,
        threshold=float(privacy["epsilon"]),
        n=int(privacy["patients"]),
        explanation=words,
        smallest_leak=(
            "A claim below the bound that the canaries gave would have been refuted: "
            f"{bound.statistic:.3g} where {privacy['epsilon']:.3g} is claimed."
        ),
        applies_to=APPLIES_TO["privacy_claim"],
        details={check.name: check.verdict.replace("_", " ") for check in found},
    )


def _released(records: Iterable[SyntheticRecord], role: str) -> list[SyntheticRecord]:
    """Give what would be released of a role; all of it where the HU gate flagged all.

    The holdout passes the same selection, or it would not be the null of what is released.
    """
    of_role = [record for record in records if record.role == role]
    return [record for record in of_role if not record.is_flagged] or of_role


def _real_scans(
    stored: Iterable[StoredSeries], role: str, volumes: Path, *, phase: str | None = None
) -> list[PatientFile]:
    return [
        (entry.patient, volumes / f"{entry.series}.nii.gz")
        for entry in stored
        if role in entry.roles and phase in (None, entry.phase)
    ]


def _synthetic_scans(records: Iterable[SyntheticRecord], folder: Path) -> list[PatientFile]:
    return [(record.patient, folder / f"{record.synthetic}.nii.gz") for record in records]


def _optional(files: list[PatientFile]) -> ImageSet | None:
    return image_set_from_files(files) if files else None


def _settings(config: ProjectConfig) -> SettingValues:
    return {"seed": config.seed, "mode": config.release.mode}


STAGE = Stage(
    name="audit",
    reads=("ingest", "prepare", "synthesize", "train"),
    settings=_settings,
    execute=execute,
)
