"""The split stage: which patient trains, is translated, is held out, or tests."""

import collections
from collections.abc import Sequence

from medsynth.cohort.phase import Phase, read_phases
from medsynth.cohort.series import read_series
from medsynth.cohort.split import PatientRoles, SplitShares, split_patients, write_patients
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext


def execute(context: StageContext) -> None:
    """Assign every patient its role and write `patients.csv`.

    Raises:
        CohortError: a phase has no patient, or there is one patient only.
    """
    patient_of = {one.series: one.patient for one in read_series(context.finished("ingest"))}
    phases_of_patient: dict[str, set[str]] = {}
    for record in read_phases(context.finished("sort")):
        phases_of_patient.setdefault(patient_of[record.series], set()).add(record.phase.value)
    settings = context.config.split
    shares = SplitShares(
        contrast_train=settings.contrast_train,
        contrast_source=settings.contrast_source,
        contrast_holdout=settings.contrast_holdout,
        noncontrast_train=settings.noncontrast_train,
    )
    patients = split_patients(
        phases_of_patient,
        shares,
        seed=context.config.seed,
        needs_noncontrast=_needs_noncontrast(context.config),
    )
    write_patients(context.output, patients)
    for phase in (Phase.CONTRAST, Phase.NONCONTRAST):
        context.reporter.message(
            f"patients with a {phase} series: {_role_summary(patients, phase)}"
        )


def _role_summary(patients: Sequence[PatientRoles], phase: Phase) -> str:
    counts = collections.Counter(
        role for one in patients if phase in one.phases for role in one.roles
    )
    return ", ".join(f"{count} {role}" for role, count in sorted(counts.items())) or "none"


def _settings(config: ProjectConfig) -> SettingValues:
    return {
        "seed": config.seed,
        **config.split.model_dump(mode="json"),
        "needs_noncontrast": _needs_noncontrast(config),
    }


def _needs_noncontrast(config: ProjectConfig) -> bool:
    # The public start is used as it is.
    return config.train.steps != 0


STAGE = Stage(name="split", reads=("ingest", "sort"), settings=_settings, execute=execute)
