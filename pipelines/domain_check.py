"""A word before training: whether the two domains differ in more than contrast agent."""

import dataclasses

import numpy as np

from medsynth.cohort.domain_differences import (
    Finding,
    PatientScan,
    find_domain_differences,
)
from medsynth.cohort.scan_appearance import describe_scan
from medsynth.cohort.series import SeriesRecord, read_series
from medsynth.cohort.slice_store import StoredSeries, load_labels, load_slices, read_index
from medsynth.evaluation.lesions import is_lesion_name, lesion_mask
from medsynth.evaluation.organs import OrganTable, read_organ_table
from medsynth.records.json_lines import write_json
from pipelines.stages import StageContext

DOMAIN_DIFFERENCES_NAME = "domain_differences.json"


def warn_of_domain_differences(context: StageContext) -> None:
    """Compare the training scans of both phases, say what differs, and write it down.

    Writes `domain_differences.json` into the stage's folder; where an interrupted
    sitting has written it, nothing is done again.

    Args:
        context: of the stage train.

    Raises:
        RecordError: ingest's or prepare's folder lacks a file.
    """
    path = context.output / DOMAIN_DIFFERENCES_NAME
    if path.is_file():
        return
    store = context.finished("prepare")
    records = {record.series: record for record in read_series(context.finished("ingest"))}
    chosen = [entry for entry in read_index(store) if "train" in entry.roles]
    organs = _lesion_table(context)
    scans = []
    for done, entry in enumerate(chosen, start=1):
        scans.append(_describe(context, entry, records[entry.series], organs))
        context.reporter.progress(done=done, total=len(chosen), text="comparing the domains")
    differences = find_domain_differences(scans, seed=context.config.seed)
    for difference in differences:
        if difference.finding is Finding.DIFFERS:
            context.reporter.message(f"Warning: {difference.text}")
    write_json(path, [dataclasses.asdict(difference) for difference in differences])


def _lesion_table(context: StageContext) -> OrganTable | None:
    path = context.finished("prepare") / "labels.json"
    if not path.is_file():
        return None
    organs = read_organ_table(path)
    return organs if any(map(is_lesion_name, organs.names)) else None


def _describe(
    context: StageContext, entry: StoredSeries, record: SeriesRecord, organs: OrganTable | None
) -> PatientScan:
    store = context.finished("prepare")
    lesions = None
    if organs is not None and entry.has_labels:
        lesions = lesion_mask(np.asarray(load_labels(store, entry.series)), organs)
    technical = record.technical
    return PatientScan(
        patient=entry.patient,
        phase=entry.phase,
        appearance=describe_scan(
            load_slices(store, entry.series),
            lesions,
            record,
            spacing_mm=context.config.prepare.spacing_mm,
        ),
        origin=f"{technical.manufacturer} {technical.kernel} {technical.kvp}",
    )
