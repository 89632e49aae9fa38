"""What a bundle holds: new names, new places, public figures, cards and checksums."""

import dataclasses
import hashlib
import hmac
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medsynth.errors import ReleaseRefusedError
from medsynth.imaging.nifti import read_labels, read_volume, write_labels, write_volume
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.records.atomic import write_text_atomically
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.manifest import hash_file, read_manifest
from medsynth.synthesis.dicom_writer import write_dicom_series
from medsynth.synthesis.index import (
    TRAINED,
    SyntheticRecord,
    read_synthetic,
    synthetic_volume_path,
)
from medsynth.training.checkpoints import load_weights
from medsynth.training.cycle_networks import GeneratorDesign, build_generator
from pipelines.release_card import (
    BundleFacts,
    dataset_card,
    model_card,
    public_privacy,
    public_verdicts,
)
from pipelines.release_decision import ReleaseDecision
from pipelines.stages import StageContext
from pipelines.synthesize import GATE_NAME
from pipelines.train import generator_design

CHECKSUMS_NAME = "CHECKSUMS.sha256"
WEIGHTS_NAME = "to_noncontrast.safetensors"
# The forms of the workspace's own ids of series, patients and synthetic volumes.
_WORKSPACE_ID = re.compile(r"(?<![0-9A-Za-z])(?:[sy][0-9a-f]{12}|p[0-9a-f]{10})(?![0-9A-Za-z])")
_TEXT_SUFFIXES = frozenset({".json", ".md"})


@dataclasses.dataclass(frozen=True)
class AuditedWork:
    """What the gate was given and what it said.

    Attributes:
        audit: content of `audit.json`.
        privacy: content of the training's `privacy.json`.
        decision: what the gate said; it opened.
    """

    audit: Mapping[str, Any]
    privacy: Mapping[str, Any]
    decision: ReleaseDecision


def pack_translated(context: StageContext, work: AuditedWork) -> None:
    """Write the bundle of translated scans, without its checksums.

    Only the source patients' translations go out, and none that the gate in
    Hounsfield units has flagged; those of held-out patients stay.

    Args:
        context: the running stage.
        work: what the gate was given and what it said.
    """
    made = context.finished("synthesize")
    records = [
        record
        for record in read_synthetic(made)
        if record.role == "source" and not record.is_flagged
    ]
    bundle_key = read_manifest(made).content_hash()
    # In the order of the new names, which is no order of anything else.
    named = sorted(
        ((release_name(context.inputs.secret, bundle_key, x.synthetic), x) for x in records),
        key=lambda pair: pair[0],
    )
    for done, (name, record) in enumerate(named):
        context.reporter.progress(done=done, total=len(named), text="Packing volumes")
        _pack_volume(context, name, record)
    if any(record.has_labels for record in records):
        write_json(context.output / "labels.json", read_json(made / "labels.json"))
    facts = _write_results(context, work, records)
    write_text_atomically(context.output / "README.md", dataset_card(facts))


def pack_weights(context: StageContext, work: AuditedWork) -> None:
    """Write the bundle of a private training's weights, without its checksums.

    Of the training patients it tells what was noised and the audit's verdicts: figures of
    worth and of the attacks were computed on their scans, partly, without noise.

    Args:
        context: the running stage.
        work: what the gate was given and what it said.

    Raises:
        RecordError: the weights are not of the design that the settings describe.
    """
    weights, design = context.finished("train") / WEIGHTS_NAME, _design(context, work.privacy)
    load_weights(weights, build_generator(design))
    shutil.copyfile(weights, context.output / WEIGHTS_NAME)
    prepare = context.config.prepare
    grid = {"matrix": prepare.matrix, "spacing_mm": prepare.spacing_mm}
    description = {"generator": dataclasses.asdict(design), "grid": grid}
    write_json(context.output / "config.json", description)
    privacy = public_verdicts(work.audit, work.privacy, work.decision)
    write_json(context.output / "privacy.json", privacy)
    card = model_card(work.decision, privacy, _weights_hash(context))
    write_text_atomically(context.output / "README.md", card)


def finish_bundle(bundle: Path) -> None:
    """Check that no text of the bundle names an id of the workspace, and write its checksums.

    Args:
        bundle: the folder with all other files in place.

    Raises:
        ReleaseRefusedError: a text names such an id.
    """
    files = [path for path in sorted(bundle.rglob("*")) if path.is_file() and path.name[0] != "."]
    for path in files:
        if path.suffix in _TEXT_SUFFIXES and _WORKSPACE_ID.search(path.read_text("utf-8")):
            raise ReleaseRefusedError(
                f"File {path.name} of the bundle names an id of the workspace. Expected none, "
                "because ids link released files to patients. Rename what bears that name, for "
                "example in labels.json."
            )
    lines = [f"{hash_file(path)}  {path.relative_to(bundle).as_posix()}\n" for path in files]
    write_text_atomically(bundle / CHECKSUMS_NAME, "".join(lines))


def release_name(secret: str, bundle_key: str, synthetic: str) -> str:
    """Give the name a synthetic volume bears outside.

    Args:
        secret: the workspace's secret.
        bundle_key: identifies what the bundle is made from; another bundle gets other names.
        synthetic: the workspace's own id of the volume.

    Returns:
        "SYN-" and ten hexadecimal digits, which tell nothing without the secret.
    """
    return "SYN-" + _keyed_digest(secret, f"name\0{bundle_key}\0{synthetic}").hex()[:10]


def _design(context: StageContext, privacy: Mapping[str, Any]) -> GeneratorDesign:
    # What was trained is the training's to say: privacy settings may have changed since.
    is_calibrated = privacy.get("trained") == "calibration"
    return dataclasses.replace(generator_design(context.config), calibrated=is_calibrated)


def _keyed_digest(secret: str, message: str) -> bytes:
    return hmac.digest(secret.encode("ascii"), f"release\0{message}".encode(), hashlib.sha256)


def _pack_volume(context: StageContext, name: str, record: SyntheticRecord) -> None:
    made, bundle = context.finished("synthesize"), context.output
    volume = read_volume(synthetic_volume_path(made, record))
    # Where the patient lay on the table is the source's: only the spacing goes out.
    affine = axial_affine(volume.spacing_slice_row_column_mm)
    placed = Volume(volume.voxels_hu, affine)
    (bundle / "nifti").mkdir(exist_ok=True)
    write_volume(bundle / "nifti" / f"{name}_ct.nii.gz", placed)
    if context.config.synthesize.dicom:
        write_dicom_series(
            bundle / "dicom" / name,
            placed,
            name=name,
            uid_secret=_keyed_digest(context.inputs.secret, "uid"),
            description="SYNTHETIC NON-CONTRAST",
            weights_sha256=_engine_hash(context, record),
        )
    if record.has_labels:
        labels, _ = read_labels(made / "labels" / f"{record.synthetic}.nii.gz")
        (bundle / "labels").mkdir(exist_ok=True)
        write_labels(bundle / "labels" / f"{name}.nii.gz", labels, affine)


def _write_results(
    context: StageContext, work: AuditedWork, records: Sequence[SyntheticRecord]
) -> BundleFacts:
    results = {
        "privacy": public_privacy(work.audit, work.privacy, work.decision),
        "fidelity": read_json(context.finished("evaluate") / "fidelity.json"),
        "utility": read_json(context.finished("evaluate") / "utility.json"),
    }
    for name, content in results.items():
        write_json(context.output / f"{name}.json", content)
    return BundleFacts(
        decision=work.decision,
        privacy=results["privacy"],
        fidelity=results["fidelity"],
        utility=results["utility"],
        volumes=len(records),
        patients=len({record.patient for record in records}),
        weights_sha256=_weights_hash(context),
    )


def _weights_hash(context: StageContext) -> str:
    # The manifest has it already; the file need not be read for every volume.
    return read_manifest(context.finished("train")).files[WEIGHTS_NAME]


def _engine_hash(context: StageContext, record: SyntheticRecord) -> str:
    if record.engine == TRAINED:
        return _weights_hash(context)
    engines = read_json(context.finished("synthesize") / GATE_NAME)["engines"]
    digest: str = engines[record.engine]["weights_sha256"]
    return digest
