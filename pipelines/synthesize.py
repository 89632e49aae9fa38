"""Stage synthesize: the source patients' scans as synthetic non-contrast scans."""

import dataclasses

from torch import nn

from medsynth.cohort.phase import read_phases
from medsynth.cohort.series import SeriesRecord, read_series
from medsynth.cohort.split import read_patients
from medsynth.errors import CohortError
from medsynth.imaging.nifti import read_volume, write_volume
from medsynth.imaging.volume import Volume
from medsynth.records.manifest import hash_file
from medsynth.synthesis.dicom_writer import write_dicom_series
from medsynth.synthesis.index import SyntheticRecord, synthetic_identifier, write_synthetic
from medsynth.synthesis.translate import translate_volume
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import build_generator
from medsynth.training.device import Compute, choose_compute
from medsynth.training.loop import TO_NONCONTRAST_NAME
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext
from pipelines.train import generator_design

_TRANSLATED_ROLES = ("source", "holdout")
_BATCH = 8


def execute(context: StageContext) -> None:
    """Translate the source patients' contrast scans, and the holdout's for the audit alone.

    Raises:
        CohortError: no patient has the role source.
    """
    config = context.config
    compute = choose_compute(config.device)
    network = build_generator(generator_design(config.train))
    load_weights(context.finished("train") / TO_NONCONTRAST_NAME, network)
    network.to(compute.device).eval()
    chosen = _series_to_translate(context)
    for name in ("nifti", "labels", "dicom", "null"):
        (context.output / name).mkdir()
    records = []
    for done, (record, role) in enumerate(chosen, start=1):
        records.append(_translate_series(context, record, role, network=network, compute=compute))
        context.reporter.progress(done=done, total=len(chosen), text="translating scans")
    write_synthetic(context.output, records)
    labels_json = context.finished("ingest") / "labels.json"
    if labels_json.is_file():
        (context.output / "labels.json").write_bytes(labels_json.read_bytes())


def _series_to_translate(context: StageContext) -> list[tuple[SeriesRecord, str]]:
    roles = {row.patient: row.roles for row in read_patients(context.finished("split"))}
    phases = {row.series: row.phase for row in read_phases(context.finished("sort"))}
    chosen: list[tuple[SeriesRecord, str]] = []
    for record in read_series(context.finished("ingest")):
        if record.verdict != "accepted" or phases.get(record.series) != "contrast":
            continue
        held = roles.get(record.patient, ())
        chosen.extend((record, role) for role in _TRANSLATED_ROLES if role in held)
    if not any(role == "source" for _, role in chosen):
        raise CohortError(
            "No patient with a contrast scan has the role source. Expected at least one whose "
            "scan is to be translated. Raise split.contrast_source or add scans."
        )
    return chosen


def _translate_series(
    context: StageContext, record: SeriesRecord, role: str, *, network: nn.Module, compute: Compute
) -> SyntheticRecord:
    ingest = context.finished("ingest")
    volume = read_volume(ingest / "volumes" / f"{record.series}.nii.gz")
    translated = translate_volume(
        volume,
        network,
        spacing_mm=context.config.prepare.spacing_mm,
        batch=_BATCH,
        compute=compute,
    )
    synthetic = synthetic_identifier(context.inputs.secret, record.series)
    has_labels = role == "source" and record.has_labels
    if role == "holdout":
        write_volume(context.output / "null" / f"{synthetic}.nii.gz", translated)
    else:
        write_volume(context.output / "nifti" / f"{synthetic}.nii.gz", translated)
        if context.config.synthesize.dicom:
            _write_dicom(context, synthetic, translated)
    if has_labels:
        labels = (ingest / "labels" / f"{record.series}.nii.gz").read_bytes()
        (context.output / "labels" / f"{synthetic}.nii.gz").write_bytes(labels)
    return SyntheticRecord(
        synthetic=synthetic,
        series=record.series,
        patient=record.patient,
        role=role,
        slices=record.slices,
        shape=record.shape,
        spacing_mm=record.spacing_mm,
        has_labels=has_labels,
    )


def _write_dicom(context: StageContext, synthetic: str, translated: Volume) -> None:
    write_dicom_series(
        context.output / "dicom" / synthetic,
        translated,
        name=synthetic,
        uid_secret=context.inputs.secret,
        description="SYNTHETIC NON-CONTRAST",
        weights_sha256=hash_file(context.finished("train") / TO_NONCONTRAST_NAME),
    )


def _settings(config: ProjectConfig) -> SettingValues:
    return {
        "synthesize": config.synthesize.model_dump(mode="json"),
        "generator": dataclasses.asdict(generator_design(config.train)),
        "spacing_mm": config.prepare.spacing_mm,
    }


STAGE = Stage(
    name="synthesize",
    reads=("ingest", "sort", "split", "train"),
    settings=_settings,
    execute=execute,
)
