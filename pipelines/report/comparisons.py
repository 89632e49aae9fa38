"""Before and after: a scan beside its translation, and beside the truth where there is one."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsynth.cohort.series import truth_path, volume_path
from medsynth.imaging.body import body_mask
from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.records.json_lines import read_json
from medsynth.synthesis.index import SyntheticRecord, synthetic_volume_path
from pipelines.report.pictures import (
    NARROW,
    SOFT_TISSUE,
    Window,
    difference_colours,
    png_data_uri,
    square_pixels,
    windowed,
)
from pipelines.report.results import WorkspaceResults

MOST_COMPARISONS = 4
DIFFERENCE_LIMIT_HU = 150.0
_LONGEST_SIDE = 340
_MARGIN_MM = 12.0
# The organ in which a missing or left-over contrast agent shows most.
_TELLING_ORGAN = "kidney"

HounsfieldArray = NDArray[np.int16] | NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Panel:
    """One picture of a row."""

    title: str
    image: str


@dataclasses.dataclass(frozen=True)
class PanelRow:
    """Pictures of one slice that are read together.

    Attributes:
        title: what is shown, and how.
        panels: the pictures.
        is_difference: whether they are difference maps and need the scale of colours.
    """

    title: str
    panels: tuple[Panel, ...]
    is_difference: bool


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One scan before and after its translation.

    Attributes:
        title: the pseudonyms of the patient and the series.
        plane: which slice is shown, and why that one.
        rows: the rows of pictures.
    """

    title: str
    plane: str
    rows: tuple[PanelRow, ...]


@dataclasses.dataclass(frozen=True)
class _Scan:
    # All arrays (slices, rows, columns) on one grid; marked is true in the organ to be shown.
    volumes: Mapping[str, HounsfieldArray]
    marked: NDArray[np.bool_] | None
    spacing_mm: tuple[float, float, float]


def make_comparisons(results: WorkspaceResults) -> tuple[Comparison, ...]:
    """Make the pictures of the first translated scans, different patients first.

    Args:
        results: what the workspace holds.

    Returns:
        At most `MOST_COMPARISONS`; none where a scan or its translation is missing.
    """
    ingest, made = results.folder("ingest"), results.folder("synthesize")
    if ingest is None or made is None:
        return ()
    with_truth = {entry.series for entry in results.series if entry.has_truth}
    return tuple(
        _compare(record, _read_scan(record, ingest, made, has_truth=record.series in with_truth))
        for record in _chosen(results.synthetic)
    )


def _chosen(records: tuple[SyntheticRecord, ...]) -> list[SyntheticRecord]:
    seen: dict[str, int] = {}
    ranked = []
    for record in records:
        if record.role == "source":
            seen[record.patient] = seen.get(record.patient, 0) + 1
            ranked.append((seen[record.patient], record.synthetic, record))
    ranked.sort(key=lambda entry: entry[:2])
    return [record for _, _, record in ranked[:MOST_COMPARISONS]]


def _read_scan(record: SyntheticRecord, ingest: Path, made: Path, *, has_truth: bool) -> _Scan:
    source = read_volume(volume_path(ingest, record.series))
    synthetic = read_volume(synthetic_volume_path(made, record))
    volumes = {"source": source.voxels_hu, "synthetic": synthetic.voxels_hu}
    if has_truth:
        volumes["truth"] = read_volume(truth_path(ingest, record.series)).voxels_hu
    marked = None
    if record.has_labels:
        labels, _ = read_labels(made / "labels" / f"{record.synthetic}.nii.gz")
        marked = _telling_organ(labels, read_json(made / "labels.json"))
    return _Scan(volumes, marked, source.spacing_slice_row_column_mm)


def _telling_organ(labels: NDArray[np.uint8], names: Mapping[str, str]) -> NDArray[np.bool_] | None:
    values = [int(value) for value, name in names.items() if _TELLING_ORGAN in name.lower()]
    marked = np.isin(labels, values)
    return marked if marked.any() else None


def _flag(record: SyntheticRecord) -> str:
    return ": flagged by the gate in Hounsfield units, not released" if record.is_flagged else ""


def _compare(record: SyntheticRecord, scan: _Scan) -> Comparison:
    source = scan.volumes["source"]
    if scan.marked is None:
        slice_index = source.shape[0] // 2
        plane = f"The middle slice, {slice_index + 1} of {source.shape[0]}."
    else:
        slice_index = int(scan.marked.sum(axis=(1, 2)).argmax())
        plane = f"The slice with most {_TELLING_ORGAN}, {slice_index + 1} of {source.shape[0]}."
    body = body_mask(source[slice_index : slice_index + 1])[0]
    row_span = _span(body.any(axis=1), scan.spacing_mm[1])
    column_span = _span(body.any(axis=0), scan.spacing_mm[2])
    across = {
        name: square_pixels(
            volume[slice_index, row_span, column_span],
            scan.spacing_mm[1:],
            longest=_LONGEST_SIDE,
        )
        for name, volume in scan.volumes.items()
    }
    row_index = _coronal_row(scan, row_span)
    coronal = {
        name: square_pixels(
            # Slices run from feet to head; a picture begins at the top.
            volume[::-1, row_index, column_span],
            (scan.spacing_mm[0], scan.spacing_mm[2]),
            longest=_LONGEST_SIDE,
        )
        for name, volume in scan.volumes.items()
    }
    return Comparison(
        title=f"Patient {record.patient}, series {record.series}{_flag(record)}",
        plane=plane,
        rows=(
            _grey_row("Axial, soft tissue window (-160 to 240 HU)", across, SOFT_TISSUE),
            _grey_row("Axial, narrow window (-35 to 115 HU)", across, NARROW),
            _difference_row(across),
            _grey_row("Coronal, soft tissue window", coronal, SOFT_TISSUE),
        ),
    )


def _span(occupied: NDArray[np.bool_], spacing_mm: float) -> slice:
    indices = np.flatnonzero(occupied)
    if indices.size == 0:
        return slice(0, occupied.size)
    margin = round(_MARGIN_MM / spacing_mm)
    first = max(0, int(indices[0]) - margin)
    return slice(first, min(occupied.size, int(indices[-1]) + margin + 1))


def _coronal_row(scan: _Scan, row_span: slice) -> int:
    if scan.marked is not None:
        return int(scan.marked.sum(axis=(0, 2)).argmax())
    return int(row_span.start + row_span.stop) // 2


def _grey_row(title: str, slices: Mapping[str, NDArray[np.float32]], window: Window) -> PanelRow:
    names = {
        "source": "Source: the scan as it was, with contrast",
        "synthetic": "Synthetic: its translation",
        "truth": "Truth: the same patient without contrast",
    }
    panels = (Panel(names[name], png_data_uri(windowed(s, window))) for name, s in slices.items())
    return PanelRow(title, tuple(panels), is_difference=False)


def _difference_row(slices: Mapping[str, NDArray[np.float32]]) -> PanelRow:
    differences = {"Change made: synthetic - source": slices["synthetic"] - slices["source"]}
    if "truth" in slices:
        differences["Change needed: truth - source"] = slices["truth"] - slices["source"]
        differences["Error left: synthetic - truth"] = slices["synthetic"] - slices["truth"]
    return PanelRow(
        f"Difference maps (-{DIFFERENCE_LIMIT_HU:.0f} to {DIFFERENCE_LIMIT_HU:.0f} HU)",
        tuple(
            Panel(title, png_data_uri(difference_colours(difference, DIFFERENCE_LIMIT_HU)))
            for title, difference in differences.items()
        ),
        is_difference=True,
    )
