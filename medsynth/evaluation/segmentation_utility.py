"""Whether synthetic scans make a segmenter better: one arm trained and tested."""

import dataclasses
from collections.abc import Callable, Sequence

from medsynth.evaluation.measurements import Measurement
from medsynth.evaluation.organs import OrganTable
from medsynth.evaluation.overlap import dice
from medsynth.evaluation.segmenter_training import (
    LabelledScan,
    SegmenterPlan,
    segment,
    train_segmenter,
)
from medsynth.networks.segmenter import Segmenter
from medsynth.training.device import Compute

DICE = "dice"


@dataclasses.dataclass(frozen=True)
class RealTestScans:
    """Real scans of test patients, whom nothing has learnt from.

    Attributes:
        in_distribution: contrast scans, the kind every segmenter was made for.
        out_of_distribution: non-contrast scans.
    """

    in_distribution: tuple[LabelledScan, ...]
    out_of_distribution: tuple[LabelledScan, ...]


@dataclasses.dataclass(frozen=True)
class ArmResult:
    """What one arm reached.

    Attributes:
        arm: the arm's name.
        training_patients: number of patients it learnt from.
        training_scans: number of scans it learnt from.
        in_distribution: Dice of each organ of each contrast test scan.
        out_of_distribution: Dice of each organ of each non-contrast test scan.
    """

    arm: str
    training_patients: int
    training_scans: int
    in_distribution: tuple[Measurement, ...]
    out_of_distribution: tuple[Measurement, ...]


def run_arm(
    name: str,
    training: Sequence[LabelledScan],
    tests: RealTestScans,
    organs: OrganTable,
    plan: SegmenterPlan,
    *,
    on_step: Callable[[int, float], None],
) -> ArmResult:
    """Train one arm's segmenter and test it.

    Args:
        name: the arm's name.
        training: the scans the arm learns from.
        tests: the scans it is tested on.
        organs: the classes.
        plan: how it is trained, equal for all arms.
        on_step: called after each step with the steps done and the step's loss.

    Returns:
        The arm's result.
    """
    segmenter = train_segmenter(training, organs, plan, on_step=on_step)

    def measured(scans: Sequence[LabelledScan]) -> tuple[Measurement, ...]:
        return tuple(
            measurement
            for scan in scans
            for measurement in measure_overlap(
                segmenter, scan, organs, batch=plan.batch, compute=plan.compute
            )
        )

    return ArmResult(
        arm=name,
        training_patients=len({scan.patient for scan in training}),
        training_scans=len(training),
        in_distribution=measured(tests.in_distribution),
        out_of_distribution=measured(tests.out_of_distribution),
    )


def measure_overlap(
    segmenter: Segmenter,
    scan: LabelledScan,
    organs: OrganTable,
    *,
    batch: int,
    compute: Compute,
) -> list[Measurement]:
    """Measure the three-dimensional Dice of each organ that the scan has.

    An organ that the scan's labels do not have is left out: there is nothing to find.

    Args:
        segmenter: a trained network on `compute.device`.
        scan: a labelled scan.
        organs: the classes.
        batch: slices at a time.
        compute: where it is computed, and in which precision.

    Returns:
        One measurement for each organ that is there.
    """
    predicted = segment(segmenter, scan.slices_hu, batch=batch, compute=compute)
    expected = organs.class_lookup()[scan.labels]
    measurements = []
    for index, organ in enumerate(organs.names, start=1):
        reference = expected == index
        if reference.any():
            overlap = dice(predicted == index, reference)
            measurements.append(Measurement(scan.patient, organ, DICE, overlap))
    return measurements
