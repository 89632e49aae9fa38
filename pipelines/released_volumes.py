"""Synthetic volumes as they go out: under new names, in a new place.

The audit inspects the same files that the release packs.
"""

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

from medsynth.imaging.nifti import read_labels, read_volume, write_labels, write_volume
from medsynth.imaging.round_grid import round_grid
from medsynth.imaging.volume import Volume
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.manifest import read_manifest
from medsynth.synthesis.dicom_writer import write_dicom_series
from medsynth.synthesis.index import (
    TRAINED,
    SyntheticRecord,
    read_synthetic,
    synthetic_volume_path,
)
from pipelines.stages import StageContext
from pipelines.synthesize import GATE_NAME

WEIGHTS_NAME = "to_noncontrast.safetensors"


def released_records(context: StageContext) -> list[SyntheticRecord]:
    """Give the source patients' volumes that the gate in Hounsfield units did not flag."""
    return [
        record
        for record in read_synthetic(context.finished("synthesize"))
        if record.role == "source" and not record.is_flagged
    ]


def pack_volumes(context: StageContext, folder: Path, records: Sequence[SyntheticRecord]) -> None:
    """Write volumes, and what labels they have, as they go out.

    Args:
        context: the running stage.
        folder: an existing folder.
        records: the volumes.
    """
    made = context.finished("synthesize")
    bundle_key = read_manifest(made).content_hash()
    # In the order of the new names, which is no order of anything else.
    named = sorted(
        ((release_name(context.inputs.secret, bundle_key, x.synthetic), x) for x in records),
        key=lambda pair: pair[0],
    )
    for done, (name, record) in enumerate(named):
        context.reporter.progress(done=done, total=len(named), text="Packing volumes")
        _pack_volume(context, folder, name, record)
    if any(record.has_labels for record in records):
        write_json(folder / "labels.json", read_json(made / "labels.json"))


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


def weights_hash(context: StageContext) -> str:
    """Give the SHA-256 of the trained generator's weights."""
    # The manifest has it already; the file need not be read for every volume.
    return read_manifest(context.finished("train")).files[WEIGHTS_NAME]


def _keyed_digest(secret: str, message: str) -> bytes:
    return hmac.digest(secret.encode("ascii"), f"release\0{message}".encode(), hashlib.sha256)


def _pack_volume(context: StageContext, folder: Path, name: str, record: SyntheticRecord) -> None:
    made = context.finished("synthesize")
    volume = read_volume(synthetic_volume_path(made, record))
    grid = round_grid(volume)
    placed = Volume(grid.resampled(volume.voxels_hu), grid.affine)
    (folder / "nifti").mkdir(exist_ok=True)
    write_volume(folder / "nifti" / f"{name}_ct.nii.gz", placed)
    if context.config.synthesize.dicom:
        write_dicom_series(
            folder / "dicom" / name,
            placed,
            name=name,
            uid_secret=_keyed_digest(context.inputs.secret, "uid"),
            description="SYNTHETIC NON-CONTRAST",
            weights_sha256=_engine_hash(context, record),
        )
    if record.has_labels:
        labels, _ = read_labels(made / "labels" / f"{record.synthetic}.nii.gz")
        (folder / "labels").mkdir(exist_ok=True)
        write_labels(
            folder / "labels" / f"{name}.nii.gz", grid.resampled_labels(labels), grid.affine
        )


def _engine_hash(context: StageContext, record: SyntheticRecord) -> str:
    if record.engine == TRAINED:
        return weights_hash(context)
    engines = read_json(context.finished("synthesize") / GATE_NAME)["engines"]
    digest: str = engines[record.engine]["weights_sha256"]
    return digest
