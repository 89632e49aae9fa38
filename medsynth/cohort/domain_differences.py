"""Whether the two training domains differ in more than contrast agent.

A cycle translator makes its output look like the other domain in everything that
tells the two apart. Where one domain shows more lesions, another region or a cut
body, it learns to add or remove just that.
"""

import dataclasses
import enum
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medsynth.cohort.scan_appearance import ScanAppearance

SIGNIFICANCE = 0.02
LEAST_AUC = 0.7
LEAST_ASSOCIATION = 0.4
PERMUTATIONS = 4000
_FEWEST_PATIENTS = 6
_CONSEQUENCE = (
    "A cycle translator copies such differences: it adds or removes what one side shows more of "
    "(Cohen et al. 2018, doi 10.1007/978-3-030-00928-1_60)."
)
SCAN_ORIGIN = "scan_origin"


class Finding(enum.StrEnum):
    """What a comparison found; too few patients are never taken for likeness."""

    DIFFERS = "differs"
    ALIKE = "alike"
    TOO_FEW = "too_few"


@dataclasses.dataclass(frozen=True)
class PatientScan:
    """What one training scan shows.

    Attributes:
        patient: pseudonym of the patient.
        phase: "contrast" or "noncontrast".
        appearance: its figures.
        origin: maker, kernel and tube voltage in one text: the site, as far as it is known.
    """

    patient: str
    phase: str
    appearance: ScanAppearance
    origin: str


@dataclasses.dataclass(frozen=True)
class DomainDifference:
    """One comparison of the two domains, patients as the unit.

    Attributes:
        name: what was compared: a figure of `ScanAppearance`, or "scan_origin".
        contrast: mean over contrast patients; of an origin, the share of its commonest.
        noncontrast: the same of noncontrast patients, for the same origin.
        measure: "auc": chance that a contrast patient has more than a noncontrast one,
            0.5 where they are alike; or "cramers_v": 0 where origin tells nothing of phase.
        size: the measure's value.
        interval: its 95% interval over patients, or None.
        p_value: how often shuffled phases differ as much in any of the comparisons.
        patients: number of contrast and of noncontrast patients.
        finding: what follows.
        text: sentences for the reader.
    """

    name: str
    contrast: float
    noncontrast: float
    measure: str
    size: float
    interval: tuple[float, float] | None
    p_value: float
    patients: tuple[int, int]
    finding: Finding
    text: str


@dataclasses.dataclass(frozen=True)
class _Rows:
    """One row a patient and phase.

    Attributes:
        values: (rows, figures), NaN where unknown.
        origins: (rows,), number of the origin.
        is_contrast: (rows,), bool.
        partner: (rows,), the row of the same patient's other phase, or the row itself.
    """

    values: NDArray[np.float64]
    origins: NDArray[np.int64]
    is_contrast: NDArray[np.bool_]
    partner: NDArray[np.int64]


_FIGURES = tuple(field.name for field in dataclasses.fields(ScanAppearance))
_WORDS = {
    "lung_share": "share of lung in the body",
    "coverage_mm": "length that is covered, mm",
    "field_of_view_mm": "field of view, mm",
    "cut_share": "share of the field of view's rim that cuts the body",
    "body_width_mm": "width of the body, mm",
    "body_depth_mm": "depth of the body, mm",
    "table_cm2": "table in the picture, cm2",
    "slice_spacing_mm": "distance of slices, mm",
    "slice_thickness_mm": "slice thickness, mm",
    "noise_hu": "noise, HU",
    "lesion_share": "share of lesions in the body",
    "has_lesion": "share of patients with a lesion",
    SCAN_ORIGIN: "maker, kernel and tube voltage",
}


def find_domain_differences(
    scans: Sequence[PatientScan], *, seed: int
) -> tuple[DomainDifference, ...]:
    """Compare what contrast and noncontrast training scans show.

    Phases are shuffled over patients (swapped within those who have both), and the
    largest difference of each shuffle over all comparisons is what a found one is held
    against: all comparisons together give a false alarm in at most 2 of 100 cohorts
    whose domains are alike. A difference is told only where it is also large: an area
    under the curve of 0.7 (or 0.3), or a Cramer's V of 0.4. Domains are called alike only
    where the interval leaves no room for a difference of that size.

    Args:
        scans: the training scans of both phases.
        seed: fixes the shuffles.

    Returns:
        One comparison for each figure that is known of both domains, and of the origin;
        those that differ come first. Empty where a phase has no scan.

    Source: Westfall and Young, Resampling-Based Multiple Testing (1993), the largest
    standardised statistic of each permutation.
    """
    rows = _rows(scans)
    if rows.is_contrast.all() or not rows.is_contrast.any():
        return ()
    known = [index for index in range(len(_FIGURES)) if _is_comparable(rows, index)]
    generator = np.random.default_rng(seed)
    assigned = np.concatenate([rows.is_contrast[None], _shuffled_phases(rows, generator)])
    columns = [_areas(rows.values[:, index], assigned) for index in known]
    columns.append(_associations(rows.origins, assigned))
    sizes = np.stack(columns, axis=1)  # (1 + permutations, comparisons)
    chances = _adjusted_p_values(sizes)
    differences = [
        _difference(rows, name, size=float(sizes[0, column]), p_value=float(chances[column]))
        for column, name in enumerate([*(_FIGURES[index] for index in known), SCAN_ORIGIN])
    ]
    return tuple(sorted(differences, key=lambda one: one.finding is not Finding.DIFFERS))


def _rows(scans: Sequence[PatientScan]) -> _Rows:
    keys = sorted({(scan.patient, scan.phase) for scan in scans})
    origins = sorted({scan.origin for scan in scans})
    values, origin_of = [], []
    for key in keys:
        own = [scan for scan in scans if (scan.patient, scan.phase) == key]
        figures = np.array([dataclasses.astuple(scan.appearance) for scan in own])
        values.append(figures.mean(axis=0))
        origin_of.append(origins.index(own[0].origin))
    place = {key: index for index, key in enumerate(keys)}
    other = {"contrast": "noncontrast", "noncontrast": "contrast"}
    return _Rows(
        values=np.array(values),
        origins=np.array(origin_of),
        is_contrast=np.array([phase == "contrast" for _, phase in keys], dtype=np.bool_),
        partner=np.array(
            [place.get((patient, other[phase]), place[patient, phase]) for patient, phase in keys]
        ),
    )


def _is_comparable(rows: _Rows, index: int) -> bool:
    known = np.isfinite(rows.values[:, index])
    counts = [np.count_nonzero(known & (rows.is_contrast == phase)) for phase in (True, False)]
    values = rows.values[known, index]
    return bool(min(counts) > 0 and np.ptp(values) > 1e-9)


def _shuffled_phases(rows: _Rows, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Give (permutations, rows), bool: phases as they might as well have been."""
    own = np.arange(len(rows.partner))
    singles = np.flatnonzero(rows.partner == own)
    firsts = np.flatnonzero(rows.partner > own)
    shuffled = np.repeat(rows.is_contrast[None], PERMUTATIONS, axis=0)
    shuffled[:, singles] = generator.permuted(shuffled[:, singles], axis=1)
    swapped = generator.random((PERMUTATIONS, len(firsts))) < 0.5
    shuffled[:, firsts] ^= swapped
    shuffled[:, rows.partner[firsts]] ^= swapped
    return shuffled


def _areas(values: NDArray[np.float64], assigned: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the area under the curve of each assignment, ties counted half."""
    known = np.isfinite(values)
    ranks = _ranks(values[known])
    chosen = assigned[:, known].astype(np.float64)
    contrast = chosen.sum(axis=1)
    noncontrast = np.count_nonzero(known) - contrast
    wins = chosen @ ranks - contrast * (contrast + 1) / 2
    pairs = contrast * noncontrast
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), 0.5)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[place], dtype=np.float64)


def _associations(origins: NDArray[np.int64], assigned: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give Cramer's V of origin and phase for each assignment."""
    member = np.eye(int(origins.max()) + 1)[origins]
    totals = member.sum(axis=0)
    contrast = assigned.astype(np.float64) @ member  # (assignments, origins)
    share = assigned.mean(axis=1, keepdims=True)
    expected = totals * share
    spread = np.maximum(expected * (1.0 - share), 1e-12)
    chi_square = ((contrast - expected) ** 2 / spread).sum(axis=1)
    return np.asarray(np.sqrt(chi_square / len(origins)), dtype=np.float64)


def _adjusted_p_values(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = sizes[1:].mean(axis=0)
    spread = np.maximum(sizes[1:].std(axis=0), 1e-9)
    score = np.abs(sizes - centre) / spread
    largest = score[1:].max(axis=1)
    beyond = (largest[:, None] >= score[0][None] - 1e-9).sum(axis=0)
    return np.asarray((beyond + 1) / (len(largest) + 1), dtype=np.float64)


def _difference(rows: _Rows, name: str, *, size: float, p_value: float) -> DomainDifference:
    is_origin = name == SCAN_ORIGIN
    values = (
        (rows.origins == _telling_origin(rows)).astype(np.float64)
        if is_origin
        else rows.values[:, _FIGURES.index(name)]
    )
    contrast, noncontrast = (
        values[np.isfinite(values) & (rows.is_contrast == phase)] for phase in (True, False)
    )
    is_large = size >= LEAST_ASSOCIATION if is_origin else abs(size - 0.5) >= LEAST_AUC - 0.5
    fewest = min(len(contrast), len(noncontrast))
    interval = None if is_origin or fewest < 2 else _interval(contrast, noncontrast)
    finding = Finding.ALIKE
    if is_large and p_value <= SIGNIFICANCE:
        finding = Finding.DIFFERS
    elif is_large or fewest < _FEWEST_PATIENTS or not _excludes_large(interval):
        finding = Finding.TOO_FEW
    return DomainDifference(
        name=name,
        contrast=float(contrast.mean()),
        noncontrast=float(noncontrast.mean()),
        measure="cramers_v" if is_origin else "auc",
        size=size,
        interval=interval,
        p_value=p_value,
        patients=(len(contrast), len(noncontrast)),
        finding=finding,
        text=_text(name, finding, float(contrast.mean()), float(noncontrast.mean())),
    )


def _telling_origin(rows: _Rows) -> int:
    """Give the origin whose share differs most between the phases."""
    member = np.eye(int(rows.origins.max()) + 1)[rows.origins]
    gap = member[rows.is_contrast].mean(axis=0) - member[~rows.is_contrast].mean(axis=0)
    return int(np.abs(gap).argmax())


def _interval(
    contrast: NDArray[np.float64], noncontrast: NDArray[np.float64]
) -> tuple[float, float]:
    """Give the 95% interval of the area under the curve.

    Source: DeLong et al., Biometrics 44 (1988) 837.
    """
    wins = (contrast[:, None] > noncontrast) + 0.5 * (contrast[:, None] == noncontrast)
    by_contrast, by_noncontrast = wins.mean(axis=1), wins.mean(axis=0)
    variance = by_contrast.var(ddof=1) / len(contrast)
    variance += by_noncontrast.var(ddof=1) / len(noncontrast)
    reach = 1.96 * float(np.sqrt(variance))
    area = float(wins.mean())
    return max(0.0, area - reach), min(1.0, area + reach)


def _excludes_large(interval: tuple[float, float] | None) -> bool:
    return interval is None or (interval[0] > 1.0 - LEAST_AUC and interval[1] < LEAST_AUC)


def _text(name: str, finding: Finding, contrast: float, noncontrast: float) -> str:
    compared = (
        f"{_WORDS[name]}: {contrast:.3g} in contrast and {noncontrast:.3g} in noncontrast patients."
    )
    if finding is Finding.DIFFERS:
        return f"The two training domains differ in {compared} {_CONSEQUENCE}"
    if finding is Finding.TOO_FEW:
        return f"Too few patients to tell whether the domains differ in {compared}"
    return f"No difference was found in {compared}"
