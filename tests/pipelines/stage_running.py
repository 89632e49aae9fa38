"""Running stages of the pipeline in tests."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.inputs import InputRecord
from pipelines.project_config import ProjectConfig
from pipelines.stages import Stage, run_stage

INPUTS = InputRecord(content_hashes={"dicom": "0" * 64}, secret="5e" * 32)


class RecordingReporter:
    """Keeps all that it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[float, float, str]] = []

    def message(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, *, done: float, total: float, text: str) -> None:
        self.steps.append((done, total, text))


def run_stages(
    stages: Sequence[Stage], workspace: Path, config: ProjectConfig
) -> RecordingReporter:
    """Run stages in order and give what they said."""
    reporter = RecordingReporter()
    workspace.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        run_stage(stage, workspace, config, inputs=INPUTS, reporter=reporter)
    return reporter
