"""The sort stage: which series are contrast-enhanced."""

import collections
from collections.abc import Sequence

from medsynth.cohort.phase import Phase, PhaseRecord, PixelPhase, decide_phase, write_phases
from medsynth.cohort.phase_pixels import pixel_phase
from medsynth.cohort.series import read_series, volume_path
from medsynth.imaging.nifti import read_volume
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext


def execute(context: StageContext) -> None:
    """Weigh header and pixels of every accepted series and write `phases.jsonl`."""
    ingest = context.finished("ingest")
    accepted = [one for one in read_series(ingest) if one.is_accepted]
    records = []
    for number, one in enumerate(accepted):
        context.reporter.progress(done=number, total=len(accepted), text="looking for contrast")
        pixels = PixelPhase(Phase.UNKNOWN, 0.0, None)
        if context.config.sort.use_pixels:
            pixels = pixel_phase(read_volume(volume_path(ingest, one.series)))
        records.append(decide_phase(one.series, one.header_phase, pixels))
    context.reporter.progress(done=len(accepted), total=len(accepted), text="looking for contrast")
    write_phases(context.output, records)
    for line in _summary(records):
        context.reporter.message(line)


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
            f"{conflicts} series left out: header and pixels disagree; see sort/phases.jsonl"
        )
    return lines


def _settings(config: ProjectConfig) -> SettingValues:
    return config.sort.model_dump(mode="json")


STAGE = Stage(name="sort", reads=("ingest",), settings=_settings, execute=execute)
