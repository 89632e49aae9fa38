"""Verb phantom: made-up patients as a hospital's folder would hold them."""

import os
from pathlib import Path

from medsynth.errors import RecordError
from medsynth.phantom.cohort import write_cohort
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.records.progress import Reporter
from pipelines.project_config import PhantomSettings

# What a scan covers does not depend on how finely it is sampled.
FIELD_OF_VIEW_MM = 358.4
RANGE_MM = {BodyRegion.ABDOMEN: 160.0, BodyRegion.CHEST: 280.0}


def write_phantom(
    folder: Path,
    settings: PhantomSettings,
    reporter: Reporter,
    *,
    region: BodyRegion = BodyRegion.ABDOMEN,
) -> None:
    """Write `dicom/`, `labels/` and `truth/` of made-up patients into a new folder.

    Args:
        folder: the folder to make.
        settings: how many patients, of which size.
        reporter: hears what was made.
        region: the part of the body that is scanned.

    Raises:
        RecordError: the folder holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecordError(
            f"{folder} is there already and not empty. Expected a new folder, so that nothing is "
            "overwritten. Choose another name or delete it."
        )
    options = PhantomOptions(
        matrix=settings.matrix,
        slices=settings.slices,
        spacing_mm=FIELD_OF_VIEW_MM / settings.matrix,
        slice_mm=RANGE_MM[region] / settings.slices,
        region=region,
    )
    processes = os.cpu_count() or 1
    summary = write_cohort(
        folder, patients=settings.patients, seed=settings.seed, options=options, processes=processes
    )
    reporter.message(str(summary))
