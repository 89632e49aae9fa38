"""Stage evaluate: what the synthetic scans are worth, in HU and for segmentation."""

from collections.abc import Iterator
from pathlib import Path

from medsynth.cohort.series import labels_path, read_series, truth_path, volume_path
from medsynth.evaluation.fidelity import TranslatedScan, measure_scan
from medsynth.evaluation.fidelity_report import GroupMeasurements, fidelity_report
from medsynth.evaluation.flicker import measure_flicker
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.kept_content import measure_kept_content
from medsynth.evaluation.lesion_report import ScanLesions, read_scan_lesions
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import OrganTable, read_organ_table
from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.records.atomic import discard_folder
from medsynth.records.json_lines import write_json
from medsynth.synthesis.index import SyntheticRecord, read_synthetic
from pipelines.evaluate_hidden_signal import measure_released_signal
from pipelines.evaluate_utility import measure_utility
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext

_WORK_NAME = ".work"
_FOLDER_BY_ROLE = {"source": "nifti", "holdout": "null"}


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
    groups = _measure_fidelity(context, organs)
    report = fidelity_report(groups["source"], groups["holdout"], resampling)
    hidden_signal = measure_released_signal(context, resampling)
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


def _measure_fidelity(
    context: StageContext, organs: OrganTable | None
) -> dict[str, GroupMeasurements]:
    records = read_synthetic(context.finished("synthesize"))
    values: dict[str, list[Measurement]] = {role: [] for role in _FOLDER_BY_ROLE}
    lesions: dict[str, list[ScanLesions]] = {role: [] for role in _FOLDER_BY_ROLE}
    for done, (record, scan) in enumerate(_translated_scans(context, records), start=1):
        values[record.role] += measure_scan(scan, organs)
        values[record.role] += measure_kept_content(scan, organs)
        if organs is not None:
            values[record.role] += measure_flicker(scan, organs)
        found = None if organs is None else read_scan_lesions(scan, organs)
        if found is not None:
            lesions[record.role].append(found)
        context.reporter.progress(done=done, total=len(records), text="comparing HU")
    return {
        role: GroupMeasurements(tuple(values[role]), tuple(lesions[role]))
        for role in _FOLDER_BY_ROLE
    }


def _translated_scans(
    context: StageContext, records: tuple[SyntheticRecord, ...]
) -> Iterator[tuple[SyntheticRecord, TranslatedScan]]:
    ingest, synthesize = context.finished("ingest"), context.finished("synthesize")
    series = {record.series: record for record in read_series(ingest)}
    for record in records:
        origin = series[record.series]
        synthetic = synthesize / _FOLDER_BY_ROLE[record.role] / f"{record.synthetic}.nii.gz"
        given = read_volume(volume_path(ingest, record.series))
        yield (
            record,
            TranslatedScan(
                patient=record.patient,
                input_hu=given.voxels_hu,
                synthetic_hu=read_volume(synthetic).voxels_hu,
                labels=(
                    read_labels(labels_path(ingest, record.series))[0]
                    if origin.has_labels
                    else None
                ),
                truth_hu=(
                    read_volume(truth_path(ingest, record.series)).voxels_hu
                    if origin.has_truth
                    else None
                ),
                spacing_slice_row_column_mm=given.spacing_slice_row_column_mm,
            ),
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
