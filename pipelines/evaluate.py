"""Stage evaluate: what the synthetic scans are worth, in HU and for segmentation."""

from collections.abc import Iterator
from pathlib import Path

from medsynth.cohort.series import labels_path, read_series, truth_path, volume_path
from medsynth.evaluation.fidelity import TranslatedScan, measure_scan
from medsynth.evaluation.fidelity_report import fidelity_report
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import OrganTable, read_organ_table
from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.records.atomic import discard_folder
from medsynth.records.json_lines import write_json
from medsynth.synthesis.index import SyntheticRecord, read_synthetic
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
    measurements = _measure_fidelity(context, organs)
    write_json(
        context.output / "fidelity.json",
        fidelity_report(measurements["source"], measurements["holdout"], resampling),
    )
    write_json(
        context.output / "utility.json", measure_utility(context, organs, resampling, work=work)
    )
    discard_folder(work)


def _organs(ingest: Path) -> OrganTable | None:
    labels_json = ingest / "labels.json"
    return read_organ_table(labels_json) if labels_json.is_file() else None


def _measure_fidelity(
    context: StageContext, organs: OrganTable | None
) -> dict[str, list[Measurement]]:
    records = read_synthetic(context.finished("synthesize"))
    measurements: dict[str, list[Measurement]] = {role: [] for role in _FOLDER_BY_ROLE}
    for done, (record, scan) in enumerate(_translated_scans(context, records), start=1):
        measurements[record.role] += measure_scan(scan, organs)
        context.reporter.progress(done=done, total=len(records), text="comparing HU")
    return measurements


def _translated_scans(
    context: StageContext, records: tuple[SyntheticRecord, ...]
) -> Iterator[tuple[SyntheticRecord, TranslatedScan]]:
    ingest, synthesize = context.finished("ingest"), context.finished("synthesize")
    series = {record.series: record for record in read_series(ingest)}
    for record in records:
        origin = series[record.series]
        synthetic = synthesize / _FOLDER_BY_ROLE[record.role] / f"{record.synthetic}.nii.gz"
        yield (
            record,
            TranslatedScan(
                patient=record.patient,
                input_hu=read_volume(volume_path(ingest, record.series)).voxels_hu,
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
    reads=("ingest", "prepare", "synthesize"),
    settings=_settings,
    execute=execute,
    resumable=True,
)
