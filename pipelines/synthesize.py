"""Stage synthesize: the source patients' scans as synthetic non-contrast scans.

Each translation passes a gate in Hounsfield units. One that lies outside is made
again by the other engine, if there is one, and the better of the two is kept; if
that lies outside, too, it is flagged, and a flagged volume is never released. The
held-out patients' translations, the audit's null, go the very same way: engine
and gate depend on the scan alone, not on the role, so the two stay comparable.
"""

import dataclasses

import numpy as np
import safetensors.torch
from numpy.typing import NDArray
from torch import nn

from medsynth.cohort.phase import read_phases
from medsynth.cohort.series import SeriesRecord, labels_path, read_series, volume_path
from medsynth.cohort.split import read_patients
from medsynth.errors import CohortError
from medsynth.evaluation.organs import OrganTable, read_organ_table
from medsynth.imaging.nifti import read_labels, read_volume, write_volume
from medsynth.imaging.volume import Volume
from medsynth.networks.organ_segmenter import OrganSegmenter
from medsynth.records.json_lines import write_json
from medsynth.records.manifest import hash_bytes, hash_file
from medsynth.synthesis.dicom_writer import write_dicom_series
from medsynth.synthesis.dither import Dither
from medsynth.synthesis.index import (
    FOLDER_BY_ROLE,
    LABELS_FOLDER,
    PUBLIC_START,
    TRAINED,
    SyntheticRecord,
    count_gates,
    synthetic_identifier,
    synthetic_labels_path,
    synthetic_volume_path,
    write_synthetic,
)
from medsynth.synthesis.intensity_gate import (
    NONCONTRAST_RANGES,
    GateResult,
    GateVerdict,
    judge,
)
from medsynth.synthesis.organ_finder import locate_organs, measure_organs
from medsynth.synthesis.organ_weights import read_organ_segmenter
from medsynth.synthesis.translate import translate_volume
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import build_generator
from medsynth.training.device import Compute, choose_compute
from medsynth.training.loop import TO_NONCONTRAST_NAME
from medsynth.training.public_start import START_SPACING_MM, public_generator
from pipelines.project_config import ProjectConfig
from pipelines.stages import SettingValues, Stage, StageContext
from pipelines.train import generator_design

GATE_NAME = "gate.json"
_DICOM_FOLDER = "dicom"
_BATCH = 8
_NOT_JUDGED = GateResult(GateVerdict.OFF, (), 0.0)


@dataclasses.dataclass(frozen=True)
class Engine:
    """A translator.

    Attributes:
        name: "trained" or "public_start".
        network: on the device, ready to use.
        weights_sha256: identifies its weights.
        spacing_mm: in-plane spacing that it was trained on, mm.
    """

    name: str
    network: nn.Module
    weights_sha256: str
    spacing_mm: float


@dataclasses.dataclass(frozen=True)
class Translation:
    """A scan's translation and what the gate says of it.

    Attributes:
        volume: the translation.
        engine: what made it.
        gate: the verdict.
    """

    volume: Volume
    engine: Engine
    gate: GateResult


@dataclasses.dataclass(frozen=True)
class _Tools:
    # In the order in which they are tried; the finder and table are None where not needed.
    engines: tuple[Engine, ...]
    finder: OrganSegmenter | None
    table: OrganTable | None
    compute: Compute


def execute(context: StageContext) -> None:
    """Translate the source patients' contrast scans, and the holdout's for the audit alone.

    Raises:
        CohortError: no patient has the role source.
    """
    tools = _gather_tools(context)
    chosen = _series_to_translate(context)
    for name in (*FOLDER_BY_ROLE.values(), LABELS_FOLDER, _DICOM_FOLDER):
        (context.output / name).mkdir()
    records = []
    for done, (record, role) in enumerate(chosen, start=1):
        records.append(_translate_series(context, record, role, tools))
        context.reporter.progress(done=done, total=len(chosen), text="translating scans")
    write_synthetic(context.output, records)
    write_json(context.output / GATE_NAME, _gate_summary(records, tools))
    _tell_flagged(context, records)
    labels_json = context.finished("ingest") / "labels.json"
    if labels_json.is_file():
        (context.output / "labels.json").write_bytes(labels_json.read_bytes())


def translate_within_ranges(
    volume: Volume,
    organs: NDArray[np.uint8] | None,
    engines: tuple[Engine, ...],
    *,
    compute: Compute,
    dither: Dither | None = None,
) -> Translation:
    """Translate a scan with the first engine whose translation passes the gate.

    Args:
        volume: the scan.
        organs: where its organs are, from `locate_organs`; None asks no gate.
        engines: in the order in which they are tried, at least one.
        compute: where and in which precision.
        dither: noise that covers hidden signals, the same for each engine.

    Returns:
        The first translation that is not outside, or else the one that is so by
        the least.
    """
    tried: list[Translation] = []
    for engine in engines:
        made = translate_volume(
            volume,
            engine.network,
            spacing_mm=engine.spacing_mm,
            batch=_BATCH,
            compute=compute,
            dither=dither,
        )
        gate = _NOT_JUDGED if organs is None else judge(measure_organs(made, organs))
        tried.append(Translation(made, engine, gate))
        if gate.verdict is not GateVerdict.OUTSIDE:
            break
    return min(tried, key=lambda translation: translation.gate.excess_hu)


def _gather_tools(context: StageContext) -> _Tools:
    has_gate = context.config.synthesize.gate
    compute = choose_compute(context.config.device)
    trained = _trained_engine(context)
    # Without the gate no translation lies outside, so no other engine is ever asked.
    engines = (trained, *_other_engines(trained)) if has_gate else (trained,)
    for engine in engines:
        engine.network.to(compute.device).eval()
    labels_json = context.finished("ingest") / "labels.json"
    return _Tools(
        engines=engines,
        finder=read_organ_segmenter() if has_gate else None,
        table=read_organ_table(labels_json) if labels_json.is_file() else None,
        compute=compute,
    )


def _trained_engine(context: StageContext) -> Engine:
    weights = context.finished("train") / TO_NONCONTRAST_NAME
    network = build_generator(generator_design(context.config))
    load_weights(weights, network)
    return Engine(TRAINED, network, hash_file(weights), context.config.prepare.spacing_mm)


def _other_engines(trained: Engine) -> tuple[Engine, ...]:
    network = public_generator()
    other = Engine(PUBLIC_START, network, _weights_hash(network), START_SPACING_MM)
    # Where nothing was trained, it has been tried already.
    return () if other.weights_sha256 == trained.weights_sha256 else (other,)


def _weights_hash(network: nn.Module) -> str:
    """Give the SHA-256 of the file that `save_weights` would write of a network."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    return hash_bytes(safetensors.torch.save(tensors))


def _series_to_translate(context: StageContext) -> list[tuple[SeriesRecord, str]]:
    roles = {row.patient: row.roles for row in read_patients(context.finished("split"))}
    phases = {row.series: row.phase for row in read_phases(context.finished("sort"))}
    chosen: list[tuple[SeriesRecord, str]] = []
    for record in read_series(context.finished("ingest")):
        if record.verdict != "accepted" or phases.get(record.series) != "contrast":
            continue
        held = roles.get(record.patient, ())
        chosen.extend((record, role) for role in FOLDER_BY_ROLE if role in held)
    if not any(role == "source" for _, role in chosen):
        raise CohortError(
            "No patient with a contrast scan has the role source. Expected at least one whose "
            "scan is to be translated. Raise split.contrast_source or add scans."
        )
    return chosen


def _translate_series(
    context: StageContext, record: SeriesRecord, role: str, tools: _Tools
) -> SyntheticRecord:
    ingest = context.finished("ingest")
    volume = read_volume(volume_path(ingest, record.series))
    made = translate_within_ranges(
        volume,
        _organs(context, record, volume, tools),
        tools.engines,
        compute=tools.compute,
        dither=_dither(context, record),
    )
    synthetic = SyntheticRecord(
        synthetic=synthetic_identifier(context.inputs.secret, record.series),
        series=record.series,
        patient=record.patient,
        role=role,
        slices=record.slices,
        shape=record.shape,
        spacing_mm=record.spacing_mm,
        has_labels=role == "source" and record.has_labels,
        gate=made.gate.verdict,
        organ_median_hu={one.organ: round(one.median_hu, 1) for one in made.gate.judged},
        engine=made.engine.name,
    )
    _write_translation(context, synthetic, made)
    return synthetic


def _organs(
    context: StageContext, record: SeriesRecord, volume: Volume, tools: _Tools
) -> NDArray[np.uint8] | None:
    """Find the organs on the source, where contrast agent shows them best; None without gate."""
    if tools.finder is None:
        return None
    if tools.table is None or not record.has_labels:
        return locate_organs(volume, tools.finder)
    labels, _ = read_labels(labels_path(context.finished("ingest"), record.series))
    return locate_organs(volume, tools.finder, labels=labels, table=tools.table)


def _dither(context: StageContext, record: SeriesRecord) -> Dither | None:
    amplitude_hu = context.config.synthesize.dither_hu
    if amplitude_hu == 0:
        return None
    return Dither(context.inputs.secret, record.series, amplitude_hu)


def _write_translation(context: StageContext, record: SyntheticRecord, made: Translation) -> None:
    write_volume(synthetic_volume_path(context.output, record), made.volume)
    if record.role == "holdout":
        return
    # Whoever takes this folder's DICOM takes it to a viewer: nothing flagged goes there.
    if context.config.synthesize.dicom and not record.is_flagged:
        write_dicom_series(
            context.output / _DICOM_FOLDER / record.synthetic,
            made.volume,
            name=record.synthetic,
            uid_secret=context.inputs.secret,
            description="SYNTHETIC NON-CONTRAST",
            weights_sha256=made.engine.weights_sha256,
        )
    if record.has_labels:
        labels = labels_path(context.finished("ingest"), record.series).read_bytes()
        synthetic_labels_path(context.output, record).write_bytes(labels)


def _gate_summary(records: list[SyntheticRecord], tools: _Tools) -> dict[str, object]:
    held_out = [dataclasses.replace(one, role="source") for one in records if one.role == "holdout"]
    return {
        "gate": "off" if tools.finder is None else "on",
        "ranges_hu": {one.organ: [one.low_hu, one.high_hu] for one in NONCONTRAST_RANGES},
        "source": dataclasses.asdict(count_gates(records)),
        "holdout": dataclasses.asdict(count_gates(held_out)),
        "engines": {
            engine.name: {
                "weights_sha256": engine.weights_sha256,
                "volumes": sum(record.engine == engine.name for record in records),
            }
            for engine in tools.engines
        },
    }


def _tell_flagged(context: StageContext, records: list[SyntheticRecord]) -> None:
    counts = count_gates(records)
    if counts.outside:
        context.reporter.message(
            f"{counts.outside} of {counts.total} translated volumes are flagged: an organ lies "
            "outside what patients measure without contrast. They will not be released."
        )
    if counts.unjudged:
        context.reporter.message(
            f"{counts.unjudged} of {counts.total} translated volumes could not be judged: no organ "
            "was found in them."
        )


def _settings(config: ProjectConfig) -> SettingValues:
    return {
        "synthesize": config.synthesize.model_dump(mode="json"),
        "generator": dataclasses.asdict(generator_design(config)),
        "spacing_mm": config.prepare.spacing_mm,
    }


STAGE = Stage(
    name="synthesize",
    reads=("ingest", "sort", "split", "train"),
    settings=_settings,
    execute=execute,
)
