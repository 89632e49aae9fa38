"""Verb verify: does a folder still hold what was written?"""

from pathlib import Path

from medsynth.errors import RecordError
from medsynth.records.manifest import MANIFEST_NAME, folder_problems, hash_file
from pipelines.release_bundle import CHECKSUMS_NAME
from pipelines.workspace import PROJECT_NAME


def verify_folder(folder: Path) -> str:
    """Compare every file of a workspace, a stage's folder or a bundle with its hash.

    Args:
        folder: the folder.

    Returns:
        A line for each folder that was compared.

    Raises:
        RecordError: a file is missing, altered or unlisted, or there is nothing to compare with.
    """
    if (folder / PROJECT_NAME).is_file():
        folders = sorted(path.parent for path in folder.glob(f"*/{MANIFEST_NAME}"))
    else:
        folders = [folder]
    lines, problems = [], []
    for each in folders:
        found = _problems(each)
        problems += [f"{each.name}: {problem}" for problem in found]
        lines.append(f"{each.name}: {'as written' if not found else f'{len(found)} differences'}")
    if problems:
        raise RecordError(
            "\n".join(
                [
                    *problems,
                    f"Found {len(problems)} differences. Expected none. Run the "
                    "stage again, or get the bundle again from its owner.",
                ]
            )
        )
    return "\n".join(lines)


def _problems(folder: Path) -> list[str]:
    if (folder / MANIFEST_NAME).is_file():
        return folder_problems(folder)
    checksums = folder / CHECKSUMS_NAME
    if not checksums.is_file():
        raise RecordError(
            f"{folder} has neither {MANIFEST_NAME} nor {CHECKSUMS_NAME}. Expected a workspace, a "
            "stage's folder or a released bundle. Check the path."
        )
    listed = {}
    for line in checksums.read_text("utf-8").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    problems = [
        f"{'missing' if not (folder / name).is_file() else 'altered'}: {name}"
        for name, digest in sorted(listed.items())
        if not (folder / name).is_file() or hash_file(folder / name) != digest
    ]
    unlisted = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    extra = sorted(unlisted - set(listed) - {CHECKSUMS_NAME})
    return problems + [f"not listed: {name}" for name in extra]
