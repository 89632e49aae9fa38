"""The content of `utility.json`: what each arm reached, and what could not be measured."""

from collections.abc import Mapping, Sequence

from medsynth.evaluation.arms import BASELINE
from medsynth.evaluation.fidelity_report import JsonObject, interval_as_json
from medsynth.evaluation.intervals import MeanEstimate, Resampling
from medsynth.evaluation.measurements import Measurement, summarise, summarise_difference
from medsynth.evaluation.organs import OrganTable
from medsynth.evaluation.segmentation_utility import DICE, ArmResult

NO_LABELS = (
    "No organ labels were given, so no segmenter was trained and the use of the synthetic scans "
    "for segmentation was not measured. Give labels with --labels DIR."
)


def utility_report(
    results: Sequence[ArmResult],
    organs: OrganTable,
    resampling: Resampling,
    *,
    not_measured: Sequence[str],
) -> JsonObject:
    """Summarise what the arms reached.

    Args:
        results: one for each arm that was run.
        organs: the classes that the segmenters tell.
        resampling: how intervals are drawn.
        not_measured: a sentence for each thing that could not be measured.

    Returns:
        What `utility.json` holds. `gains` has each arm's Dice above the
        contrast-only arm's, patient by patient.
    """
    baseline = [result for result in results if result.arm == BASELINE.name]
    return {
        "arms": {result.arm: _arm_report(result, organs, resampling) for result in results},
        "gains": {
            result.arm: _gain_report(result, baseline[0], organs, resampling)
            for result in results
            if baseline and result is not baseline[0]
        },
        "baseline": BASELINE.name,
        "organs": list(organs.names),
        "not_measured": list(not_measured),
    }


def unmeasured_report(reasons: Sequence[str]) -> JsonObject:
    """Give what `utility.json` holds when no segmenter could be trained."""
    return {"arms": {}, "not_measured": list(reasons)}


def _arm_report(result: ArmResult, organs: OrganTable, resampling: Resampling) -> JsonObject:
    return {
        "training_patients": result.training_patients,
        "training_scans": result.training_scans,
        **{
            name: _by_organ(
                {organ: summarise(scores, organ, DICE, resampling) for organ in organs.names}
            )
            for name, scores in _distributions(result).items()
        },
    }


def _gain_report(
    result: ArmResult, baseline: ArmResult, organs: OrganTable, resampling: Resampling
) -> JsonObject:
    base = _distributions(baseline)
    return {
        name: _by_organ(
            {
                organ: summarise_difference(scores, base[name], organ, DICE, resampling)
                for organ in organs.names
            }
        )
        for name, scores in _distributions(result).items()
    }


def _distributions(result: ArmResult) -> dict[str, tuple[Measurement, ...]]:
    return {
        "in_distribution": result.in_distribution,
        "out_of_distribution": result.out_of_distribution,
    }


def _by_organ(estimates: Mapping[str, MeanEstimate | None]) -> JsonObject:
    return {
        organ: {
            "dice": estimate.mean,
            "ci": interval_as_json(estimate),
            "n": estimate.patients,
        }
        for organ, estimate in estimates.items()
        if estimate is not None
    }
