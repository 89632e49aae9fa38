"""Writing the report of a workspace."""

from pathlib import Path

from medsynth.records.atomic import staged_folder, write_text_atomically
from medsynth.records.progress import Reporter
from pipelines.project_config import ProjectConfig
from pipelines.report.page import make_page, render_page
from pipelines.report.results import read_results

REPORT_NAME = "report"
PAGE_NAME = "index.html"


def write_report(workspace: Path, config: ProjectConfig, reporter: Reporter) -> Path:
    """Write `WORKSPACE/report/index.html` from whatever stages have finished.

    The page shows real scans and the workspace's own pseudonyms. It names no
    path and carries no text of a DICOM header. It tells dates and durations, so
    it has no manifest: equal work may give another page.

    Args:
        workspace: the workspace folder.
        config: all settings.
        reporter: hears when the work begins and ends.

    Returns:
        The path of the page.

    Raises:
        RecordError: a finished folder holds a file that cannot be read.
        ImageError: a finished folder holds a volume that cannot be read.
    """
    reporter.progress(done=0.0, total=1.0, text="writing the report")
    results = read_results(workspace)
    text = render_page(make_page(results, config))
    folder = workspace / REPORT_NAME
    with staged_folder(folder) as output:
        write_text_atomically(output / PAGE_NAME, text)
    reporter.progress(done=1.0, total=1.0, text="writing the report")
    return folder / PAGE_NAME
