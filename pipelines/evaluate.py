"""Stage evaluate: what the synthetic scans are worth, in HU and for segmentation."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsynth.cohort.series import SeriesRecord, labels_path, read_series, truth_path, volume_path
from medsynth.evaluation.fidelity import TranslatedScan, measure_scan
from medsynth.evaluation.fidelity_report import GroupMeasurements, fidelity_report
from medsynth.evaluation.flicker import measure_flicker
from medsynth.evaluation.hidden_signal import hidden_signal_report
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.kept_content import measure_kept_content
from medsynth.evaluation.lesion_report import ScanLesions, read_scan_lesions
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import OrganTable, read_organ_table
from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.records.atomic import discard_folder
from medsynth.records.json_lines import write_json
from medsynth.synthesis.index import SyntheticRecord, read_synthetic, synthetic_volume_path
from pipelines.evaluate_hidden_signal import (
    TranslatedVolumes,
    WayBack,
    measure_released_signal,
    read_way_back,
)
from pipelines.evaluate_utility import measure_utility
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext

_WORK_NAME = ".work"


@dataclasses.dataclass(frozen=True)
class _ScanFindings:
    """What one translated scan measures.

    Attributes:
        role: of its patient, "source" or "holdout".
        values: measurements of the body and the organs.
        lesions: what became of its lesions; None where they cannot be judged.
        hidden: what it hides of its source; empty where nobody could read it.
    """

    role: str
    values: tuple[Measurement, ...]
    lesions: ScanLesions | None
    hidden: tuple[Measurement, ...]


def execute(context: StageContext) -> None:
    """Write `fidelity.json` and `utility.json`.

    What an interrupted sitting left under the output folder is gone on with.

    Raises:
        ImageError: a volume, its labels or its truth do not share one grid.
        RecordError: an earlier stage's folder lacks a file.
    """
    work = context.output / _WORK_NAME
    work.mkdir(exist_ok=True)
    organs = _organs(context.finished("ingest"))
    resampling = Resampling(context.config.evaluate.bootstrap, context.config.seed)
    found = _measure_scans(context, organs)
    report = fidelity_report(_group(found, "source"), _group(found, "holdout"), resampling)
    hidden_signal = hidden_signal_report(
        [value for one in found for value in one.hidden], resampling
    )
    if hidden_signal:
        report["hidden_signal"] = hidden_signal
    write_json(context.output / "fidelity.json", report)
    write_json(
        context.output / "utility.json", measure_utility(context, organs, resampling, work=work)
    )
    discard_folder(work)


def _organs(ingest: Path) -> OrganTable | None:
    labels_json = ingest / "labels.json"
    return read_organ_table(labels_json) if labels_json.is_file() else None


def _measure_scans(context: StageContext, organs: OrganTable | None) -> list[_ScanFindings]:
    series = {record.series: record for record in read_series(context.finished("ingest"))}
    records = read_synthetic(context.finished("synthesize"))
    way_back = read_way_back(context)
    found = []
    for done, record in enumerate(records, start=1):
        origin = series[record.series]
        found.append(_measure_one(context, record, origin, organs=organs, way_back=way_back))
        context.reporter.progress(done=done, total=len(records), text="comparing HU")
    return found


def _measure_one(
    context: StageContext,
    record: SyntheticRecord,
    origin: SeriesRecord,
    *,
    organs: OrganTable | None,
    way_back: WayBack | None,
) -> _ScanFindings:
    """Read and measure one scan; its volumes are let go before the next one's are read."""
    volumes = _read_volumes(context, record, origin)
    scan = TranslatedScan(
        patient=record.patient,
        input_hu=volumes.source.voxels_hu,
        synthetic_hu=volumes.output.voxels_hu,
        labels=_read_labels(context, origin),
        truth_hu=None if volumes.truth is None else volumes.truth.voxels_hu,
        spacing_slice_row_column_mm=volumes.source.spacing_slice_row_column_mm,
    )
    values = [*measure_scan(scan, organs), *measure_kept_content(scan, organs)]
    if organs is not None:
        values += measure_flicker(scan, organs)
    hidden = [] if way_back is None else measure_released_signal(record, volumes, way_back)
    return _ScanFindings(
        role=record.role,
        values=tuple(values),
        lesions=None if organs is None else read_scan_lesions(scan, organs),
        hidden=tuple(hidden),
    )


def _read_volumes(
    context: StageContext, record: SyntheticRecord, origin: SeriesRecord
) -> TranslatedVolumes:
    ingest = context.finished("ingest")
    return TranslatedVolumes(
        source=read_volume(volume_path(ingest, origin.series)),
        output=read_volume(synthetic_volume_path(context.finished("synthesize"), record)),
        truth=read_volume(truth_path(ingest, origin.series)) if origin.has_truth else None,
    )


def _read_labels(context: StageContext, origin: SeriesRecord) -> NDArray[np.uint8] | None:
    if not origin.has_labels:
        return None
    return read_labels(labels_path(context.finished("ingest"), origin.series))[0]


def _group(found: list[_ScanFindings], role: str) -> GroupMeasurements:
    chosen = [one for one in found if one.role == role]
    return GroupMeasurements(
        tuple(value for one in chosen for value in one.values),
        tuple(one.lesions for one in chosen if one.lesions is not None),
    )


def _settings(config: ProjectConfig) -> SettingValues:
    return {
        "seed": config.seed,
        "evaluate": config.evaluate.model_dump(mode="json"),
        "prepare": config.prepare.model_dump(mode="json"),
    }


STAGE = Stage(
    name="evaluate",
    reads=("ingest", "prepare", "train", "synthesize"),
    settings=_settings,
    execute=execute,
    resumable=True,
)
