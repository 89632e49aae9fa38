"""The sort stage: which series are contrast-enhanced."""

import collections
from collections.abc import Sequence
from pathlib import Path

from medsynth.cohort.phase import (
    CONFLICTS_NAME,
    Phase,
    PhaseConflict,
    PhaseRecord,
    PixelPhase,
    decide_phase,
    write_conflicts,
    write_phases,
)
from medsynth.cohort.phase_pixels import pixel_phase
from medsynth.cohort.phase_weights import PhaseModel, read_phase_model
from medsynth.cohort.series import SeriesRecord, read_series, volume_path
from medsynth.imaging.nifti import read_volume
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext


def execute(context: StageContext) -> None:
    """Weigh header and pixels of every accepted series; list verdicts and conflicts."""
    ingest = context.finished("ingest")
    accepted = [one for one in read_series(ingest) if one.is_accepted]
    model = read_phase_model() if context.config.sort.use_pixels else None
    records: list[PhaseRecord] = []
    conflicts: list[PhaseConflict] = []
    for number, one in enumerate(accepted):
        context.reporter.progress(done=number, total=len(accepted), text="looking for contrast")
        pixels = _ask_pixels(ingest, one, model)
        record = decide_phase(one.series, one.header_phase, pixels)
        records.append(record)
        if record.conflict:
            conflicts.append(PhaseConflict.of(record, one.header_evidence, pixels))
    context.reporter.progress(done=len(accepted), total=len(accepted), text="looking for contrast")
    write_phases(context.output, records)
    write_conflicts(context.output, conflicts)
    for line in _summary(records):
        context.reporter.message(line)


def _ask_pixels(ingest: Path, series: SeriesRecord, model: PhaseModel | None) -> PixelPhase:
    if model is None:
        return PixelPhase(Phase.UNKNOWN, 0.0)
    return pixel_phase(read_volume(volume_path(ingest, series.series)), model)


def _summary(records: Sequence[PhaseRecord]) -> list[str]:
    counts = collections.Counter(record.phase.value for record in records)
    lines = [f"{count} series: {phase}" for phase, count in sorted(counts.items())]
    pairs = collections.Counter((record.header.value, record.pixels.value) for record in records)
    lines.extend(
        f"{count} series: header {header}, pixels {pixels}"
        for (header, pixels), count in sorted(pairs.items())
    )
    conflicts = sum(record.conflict for record in records)
    if conflicts:
        lines.append(
            f"{conflicts} series left out: header and pixels disagree; see sort/{CONFLICTS_NAME}"
        )
    return lines


def _settings(config: ProjectConfig) -> SettingValues:
    return config.sort.model_dump(mode="json")


STAGE = Stage(name="sort", reads=("ingest",), settings=_settings, execute=execute)
