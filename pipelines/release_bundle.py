"""What a bundle holds: new names, new places, public figures, cards and checksums."""

import dataclasses
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medsynth.errors import ReleaseRefusedError
from medsynth.records.atomic import write_text_atomically
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.manifest import hash_file
from medsynth.synthesis.index import SyntheticRecord
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
from pipelines.released_volumes import (
    WEIGHTS_NAME,
    pack_volumes,
    released_records,
    weights_hash,
)
from pipelines.stages import StageContext
from pipelines.train import generator_design

CHECKSUMS_NAME = "CHECKSUMS.sha256"
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
    records = released_records(context)
    pack_volumes(context, context.output, records)
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
    card = model_card(work.decision, privacy, weights_hash(context))
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


def _design(context: StageContext, privacy: Mapping[str, Any]) -> GeneratorDesign:
    # What was trained is the training's to say: privacy settings may have changed since.
    is_calibrated = privacy.get("trained") == "calibration"
    return dataclasses.replace(generator_design(context.config), calibrated=is_calibrated)


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
        weights_sha256=weights_hash(context),
    )
