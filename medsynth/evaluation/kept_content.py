"""What a translation must leave alone: bone, fat, lung and gas."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.evaluation.fidelity import HounsfieldArray, TranslatedScan
from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.measurements import BODY, Measurement, patient_means, summarise
from medsynth.evaluation.organs import OrganTable
from medsynth.imaging.body import body_mask

LIMIT_HU = 5.0
TISSUES = ("bone", "fat", "lung", "gas")
_LABELS_WITH_BONE = frozenset({"bone", "muscle"})
_BONE_HU = 200
# Enhanced blood and kidneys reach the threshold of bone, but seldom this one.
_CORTICAL_HU = 400
_REACH_OF_CORTEX_MM = 6.0
_FAT_HU = (-150, -30)
_LUNG_HU = (-900, -500)
_FEWEST_VOXELS = 50

JsonObject = dict[str, object]


@dataclasses.dataclass(frozen=True)
class KeptTissue:
    """Voxels of one tissue that contrast agent does not reach, or hardly.

    Attributes:
        name: one of `TISSUES`.
        mask: (slices, rows, columns), bool.
    """

    name: str
    mask: NDArray[np.bool_]


def kept_tissues(scan: TranslatedScan, organs: OrganTable | None) -> Iterator[KeptTissue]:
    """Find bone, fat, lung and gas in the scan that was translated.

    Bone is denser than 200 HU, in one piece with cortical bone and within 6 mm of
    it: enhanced vessels and kidneys, which also pass 200 HU, lie further off. Where
    there are labels, what they name is neither bone nor fat. Fat is taken where all
    its neighbours in the slice are fat, so that no edge of an organ is in it.

    Args:
        scan: the scan; its translation and truth are not looked at.
        organs: what its labels mean; None when it has none.

    Yields:
        Those of the four tissues that have at least 50 voxels.

    Source: own derivation.
    """
    body = body_mask(scan.input_hu)
    if organs is not None and scan.labels is not None:
        named = [name for name in organs.names if name.lower() not in _LABELS_WITH_BONE]
        unnamed = ~np.isin(
            scan.labels, [v for n in named for v in organs.values[organs.names.index(n)]]
        )
    else:
        unnamed = np.ones_like(body)
    hu = scan.input_hu
    fat = _within(hu, _FAT_HU) & body
    cross = ndimage.generate_binary_structure(2, 1)[None]
    masks = (
        _bone(hu, body & unnamed, scan.spacing_slice_row_column_mm),
        ndimage.binary_erosion(fat, cross) & unnamed,
        _within(hu, _LUNG_HU) & body,
        (hu < _LUNG_HU[0]) & body,
    )
    for name, mask in zip(TISSUES, masks, strict=True):
        if np.count_nonzero(mask) >= _FEWEST_VOXELS:
            yield KeptTissue(name, mask)


def measure_kept_content(scan: TranslatedScan, organs: OrganTable | None) -> list[Measurement]:
    """Measure how much bone, fat, lung and gas the translation changed.

    Args:
        scan: the scan.
        organs: what its labels mean; None when it has none.

    Returns:
        For each tissue, of the body, `kept_<tissue>_change_hu` (mean absolute) and
        `kept_<tissue>_bias_hu` (mean, above zero where it became brighter), and with
        truth the same of the truth, `kept_<tissue>_truth_change_hu` and `..._bias_hu`.
    """
    measurements = []
    for tissue in kept_tissues(scan, organs):
        before = scan.input_hu[tissue.mask].astype(np.float64)
        for prefix, values in (("", scan.synthetic_hu), ("truth_", scan.truth_hu)):
            if values is None:
                continue
            change = values[tissue.mask] - before
            for quantity, value in (("change", np.abs(change).mean()), ("bias", change.mean())):
                name = _quantity(tissue.name, f"{prefix}{quantity}_hu")
                measurements.append(Measurement(scan.patient, BODY, name, float(value)))
    return measurements


def kept_report(measurements: Sequence[Measurement], resampling: Resampling) -> JsonObject | None:
    """Summarise how much was changed that must stay, patients as the unit.

    A patient is beyond the limit in a tissue where its mean absolute change is more
    than 5 HU above the truth's own, or its mean change lies more than 5 HU outside of
    what is between nothing and the truth's own. Without truth, nothing is what is
    expected; marrow and lung truly lose some HU with the contrast agent in their blood.

    Args:
        measurements: what `measure_kept_content` measured; others are left out.
        resampling: how intervals are drawn.

    Returns:
        The content of "kept" in `fidelity.json`, or None where nothing was measured.
    """
    tissues: dict[str, JsonObject] = {}
    for tissue in TISSUES:
        report = _tissue_report(measurements, tissue, resampling)
        if report is not None:
            tissues[tissue] = report
    if not tissues:
        return None
    warnings = [
        f"The translation changed {name} by more than {LIMIT_HU:g} HU beyond what is expected in "
        f"{report['patients_beyond_limit']} of {report['n']} patients; it must leave {name} alone."
        for name, report in tissues.items()
        if report["patients_beyond_limit"]
    ]
    return {"limit_hu": LIMIT_HU, "tissues": tissues, "warnings": warnings}


def _tissue_report(
    measurements: Sequence[Measurement], tissue: str, resampling: Resampling
) -> JsonObject | None:
    report: JsonObject = {}
    for key in ("change", "bias", "truth_change", "truth_bias"):
        estimate = summarise(measurements, BODY, _quantity(tissue, f"{key}_hu"), resampling)
        if estimate is not None:
            report[f"{key}_hu"] = estimate.mean
            report[f"{key}_ci"] = None if estimate.interval is None else list(estimate.interval)
            report.setdefault("n", estimate.patients)
    if "change_hu" not in report:
        return None
    report["patients_beyond_limit"] = _patients_beyond_limit(measurements, tissue)
    return report


def _patients_beyond_limit(measurements: Sequence[Measurement], tissue: str) -> int:
    change, bias, truth_change, truth_bias = (
        patient_means(measurements, BODY, _quantity(tissue, f"{key}_hu"))
        for key in ("change", "bias", "truth_change", "truth_bias")
    )
    beyond = 0
    for patient, value in change.items():
        expected = truth_bias.get(patient, 0.0)
        outside = max(bias[patient] - max(0.0, expected), min(0.0, expected) - bias[patient])
        excess = value - truth_change.get(patient, 0.0)
        beyond += max(outside, excess) > LIMIT_HU
    return beyond


def _bone(
    hu: HounsfieldArray, allowed: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.bool_]:
    dense = (hu > _BONE_HU) & allowed
    cortical = (hu > _CORTICAL_HU) & allowed
    reach = [2 * int(_REACH_OF_CORTEX_MM / length_mm) + 1 for length_mm in spacing_mm]
    near = ndimage.maximum_filter(cortical.view(np.uint8), size=reach).view(np.bool_)
    pieces, count = ndimage.label(dense & near, np.ones((3, 3, 3)))
    with_cortex = np.zeros(count + 1, dtype=np.bool_)
    with_cortex[pieces[cortical]] = True
    with_cortex[0] = False
    marked: NDArray[np.bool_] = with_cortex[pieces]
    return marked


def _within(hu: HounsfieldArray, limits_hu: tuple[int, int]) -> NDArray[np.bool_]:
    low, high = limits_hu
    return (hu > low) & (hu < high)


def _quantity(tissue: str, name: str) -> str:
    return f"kept_{tissue}_{name}"
