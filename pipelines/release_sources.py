"""Whether what is to be released is what was audited, and costs its patients what it says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medsynth.errors import RecordError
from medsynth.records.json_lines import read_json
from medsynth.records.manifest import MANIFEST_NAME, hash_file, read_manifest
from pipelines.private_claim import stated_cost
from pipelines.release_decision import is_private


def check_made_from(workspace: Path, stages: Sequence[str]) -> None:
    """Check that folders, and all they come from, were made from the folders that are there.

    An audit of an earlier training says nothing of the training that would be released.
    A folder that is not there any more cannot be compared, and is passed over.

    Args:
        workspace: the workspace folder.
        stages: names of the stages to begin with.

    Raises:
        RecordError: a folder was made from another result of a stage than the present one.
    """
    waiting, seen = list(stages), set(stages)
    while waiting:
        stage = waiting.pop(0)
        for name, made_from in sorted(read_manifest(workspace / stage).inputs.items()):
            # The user's own files are inputs, too; only a stage's folder has a manifest.
            if not (workspace / name / MANIFEST_NAME).is_file():
                continue
            if read_manifest(workspace / name).content_hash() != made_from:
                raise RecordError(
                    f"The result of {stage} was made from another result of {name} than the one "
                    f"that is there. Expected one made from this one. Run `medsynth run`, or "
                    f"`medsynth {stage}` and all that follows it, then release again."
                )
            if name not in seen:
                seen.add(name)
                waiting.append(name)


def check_files(folder: Path, names: Sequence[str]) -> None:
    """Check that files of a finished folder are as its manifest lists them.

    Args:
        folder: the folder that holds `manifest.json`.
        names: paths of the files, relative to the folder.

    Raises:
        RecordError: a file is missing, altered or not listed.
    """
    listed = read_manifest(folder).files
    for name in names:
        path = folder / name
        if not path.is_file():
            found = "is missing"
        elif name not in listed:
            found = "is not in the manifest"
        elif hash_file(path) != listed[name]:
            found = "was altered after it was made"
        else:
            continue
        raise RecordError(
            f"File {name} of {folder.name} {found}. Expected the file that the stage wrote. "
            f"Run `medsynth {folder.name}` and all that follows it again, then release."
        )


def read_checked_privacy(train: Path) -> Mapping[str, Any]:
    """Read a training's `privacy.json` and, if it is private, add its updates up again.

    Args:
        train: folder of the finished training.

    Returns:
        The content of `privacy.json`.

    Raises:
        RecordError: the record cannot be read, or states a smaller epsilon than its updates cost.
        ConfigurationError: an update in it is none that an accountant knows.
    """
    privacy: Mapping[str, Any] = read_json(train / "privacy.json")
    if is_private(privacy):
        cost = stated_cost(privacy)
        if cost.is_too_low:
            raise RecordError(
                f"privacy.json of {train.name} states epsilon {cost.epsilon:.6g}, and its updates "
                f"add up to {cost.added:.6g}. Expected at least their sum. Run `medsynth verify` "
                "on the workspace, and train again."
            )
    return privacy
