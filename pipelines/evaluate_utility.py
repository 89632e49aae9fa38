"""Segmenters trained with and without synthetic scans, tested on real ones."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medsynth.cohort.slice_store import (
    StoredSeries,
    load_labels,
    load_slices,
    read_index,
    store_array,
)
from medsynth.evaluation.arms import Arm, Ingredient, arms_named
from medsynth.evaluation.augmentation import Augmentation
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import OrganTable
from medsynth.evaluation.segmentation_utility import ArmResult, RealTestScans, run_arm
from medsynth.evaluation.segmenter_training import LabelledScan, SegmenterPlan
from medsynth.evaluation.utility_report import NO_LABELS, unmeasured_report, utility_report
from medsynth.imaging.geometry import labels_to_training_grid, to_training_grid
from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.records.json_lines import read_json, write_json
from medsynth.synthesis.index import (
    SyntheticRecord,
    read_synthetic,
    synthetic_labels_path,
    synthetic_volume_path,
)
from medsynth.training.device import choose_compute
from pipelines.stages import StageContext

_NO_TESTS = (
    "No test patient has a labelled scan, so no segmenter was trained. "
    "Add labelled scans or raise the test share in the split section."
)
_NO_TESTS_OF_PHASE = "No test patient has a labelled {phase} scan, so {name} Dice was not measured."
_ARM_WITHOUT_SCANS = "Arm {arm} was not trained: there are no labelled {ingredient}."


@dataclasses.dataclass(frozen=True)
class _Comparison:
    """What all arms share.

    Attributes:
        context: the running stage.
        organs: the classes to tell.
        ingredients: the labelled scans there are to learn from.
        tests: the scans that every arm is tested on.
        work: folder of working files, with the results of finished arms.
    """

    context: StageContext
    organs: OrganTable
    ingredients: Mapping[Ingredient, tuple[LabelledScan, ...]]
    tests: RealTestScans
    work: Path


def measure_utility(
    context: StageContext, organs: OrganTable | None, resampling: Resampling, *, work: Path
) -> dict[str, object]:
    """Train and test every arm, and give the content of `utility.json`.

    Args:
        context: the running stage.
        organs: what label values mean; None without labels.
        resampling: how intervals are drawn.
        work: existing folder for working files; an arm that an earlier
            sitting finished is found there and not trained again.

    Raises:
        RecordError: an earlier stage's folder lacks a file.
    """
    stored = read_index(context.finished("prepare"))
    ingredients = _gather_ingredients(context, stored, work=work)
    if organs is None or not organs.names or not ingredients[Ingredient.SOURCE_CONTRAST]:
        return unmeasured_report([NO_LABELS])
    tests = _real_tests(context, stored)
    if not tests.in_distribution and not tests.out_of_distribution:
        return unmeasured_report([_NO_TESTS])
    comparison = _Comparison(context, organs, ingredients, tests, work)
    results, missing_arms = _compare_arms(comparison)
    return utility_report(
        results, organs, resampling, not_measured=[*_missing_phases(tests), *missing_arms]
    )


def _gather_ingredients(
    context: StageContext, stored: tuple[StoredSeries, ...], *, work: Path
) -> dict[Ingredient, tuple[LabelledScan, ...]]:
    synthetic = read_synthetic(context.finished("synthesize"))
    return {
        Ingredient.SOURCE_CONTRAST: _stored_scans(
            context, [entry for entry in stored if "source" in entry.roles], "contrast"
        ),
        Ingredient.SOURCE_SYNTHETIC: tuple(
            _synthetic_scan(context, record, work)
            for record in synthetic
            if record.role == "source" and record.has_labels and not record.is_flagged
        ),
        Ingredient.TRAIN_NONCONTRAST: _stored_scans(
            context, [entry for entry in stored if "train" in entry.roles], "noncontrast"
        ),
    }


def _real_tests(context: StageContext, stored: tuple[StoredSeries, ...]) -> RealTestScans:
    # A patient with a second role has been learnt from.
    tested = [entry for entry in stored if entry.roles == ("test",)]
    return RealTestScans(
        in_distribution=_stored_scans(context, tested, "contrast"),
        out_of_distribution=_stored_scans(context, tested, "noncontrast"),
    )


def _stored_scans(
    context: StageContext, entries: list[StoredSeries], phase: str
) -> tuple[LabelledScan, ...]:
    store = context.finished("prepare")
    return tuple(
        LabelledScan(
            entry.patient, load_slices(store, entry.series), load_labels(store, entry.series)
        )
        for entry in entries
        if entry.phase == phase and entry.has_labels
    )


def _synthetic_scan(context: StageContext, record: SyntheticRecord, work: Path) -> LabelledScan:
    """Put a synthetic scan on the training grid, in a working file that is mapped into memory."""
    synthesize, grid = context.finished("synthesize"), context.config.prepare
    volume = read_volume(synthetic_volume_path(synthesize, record))
    labels, _ = read_labels(synthetic_labels_path(synthesize, record))
    _, row_mm, column_mm = volume.spacing_slice_row_column_mm
    slices_hu = to_training_grid(
        volume.voxels_hu.astype(np.float32),
        (row_mm, column_mm),
        matrix=grid.matrix,
        spacing_mm=grid.spacing_mm,
    )
    labels_on_grid = labels_to_training_grid(
        labels, (row_mm, column_mm), matrix=grid.matrix, spacing_mm=grid.spacing_mm
    )
    store_array(work, "slices", record.synthetic, np.rint(slices_hu).astype(np.int16))
    store_array(work, "labels", record.synthetic, labels_on_grid)
    return LabelledScan(
        record.patient, load_slices(work, record.synthetic), load_labels(work, record.synthetic)
    )


def _missing_phases(tests: RealTestScans) -> list[str]:
    found = {
        ("contrast", "in-distribution"): tests.in_distribution,
        ("noncontrast", "out-of-distribution"): tests.out_of_distribution,
    }
    return [
        _NO_TESTS_OF_PHASE.format(phase=phase, name=name)
        for (phase, name), scans in found.items()
        if not scans
    ]


def _compare_arms(comparison: _Comparison) -> tuple[list[ArmResult], list[str]]:
    """Give the arms' results, and a sentence for each arm that has nothing to learn from."""
    arms = arms_named(comparison.context.config.evaluate.arms)
    results, missing_arms = [], []
    for number, arm in enumerate(arms, start=1):
        missing = [name for name in arm.ingredients if not comparison.ingredients[name]]
        if missing:
            sentence = _ARM_WITHOUT_SCANS.format(arm=arm.name, ingredient=missing[0].value)
            missing_arms.append(sentence)
            continue
        text = f"training segmenter {number} of {len(arms)} ({arm.name})"
        results.append(_arm_result(comparison, arm, text))
    return results, missing_arms


def _arm_result(comparison: _Comparison, arm: Arm, text: str) -> ArmResult:
    """Take an arm's result from an earlier sitting, or train it."""
    finished = comparison.work / f"arm_{arm.name}.json"
    if finished.is_file():
        return _read_result(finished)
    context = comparison.context
    settings = context.config.evaluate

    def report_step(done: int, loss: float) -> None:
        context.reporter.progress(done=done, total=settings.steps, text=f"{text}, loss {loss:.2f}")

    plan = SegmenterPlan(
        steps=settings.steps,
        batch=settings.batch,
        channels=settings.channels,
        learning_rate=settings.learning_rate,
        seed=context.config.seed,
        compute=choose_compute(context.config.device),
        augmentation=Augmentation(),
    )
    training = [scan for name in arm.ingredients for scan in comparison.ingredients[name]]
    result = run_arm(
        arm.name, training, comparison.tests, comparison.organs, plan, on_step=report_step
    )
    write_json(finished, dataclasses.asdict(result))
    return result


def _read_result(path: Path) -> ArmResult:
    content = read_json(path)
    return ArmResult(
        arm=content["arm"],
        training_patients=content["training_patients"],
        training_scans=content["training_scans"],
        in_distribution=_read_measurements(content["in_distribution"]),
        out_of_distribution=_read_measurements(content["out_of_distribution"]),
    )


def _read_measurements(rows: list[dict[str, Any]]) -> tuple[Measurement, ...]:
    return tuple(Measurement(**row) for row in rows)
