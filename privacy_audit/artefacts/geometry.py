"""Whether synthetic images lie on the exact grid of a real image.

A scanner's spacing, number of slices and place in the room are numbers that
single out a scan in an archive. Round numbers, a grid that begins at zero or
is centred on it, values that all synthetic images share and values that many
real patients share single out nobody and are passed over.

Measured on made-up cohorts with a field of view in whole mm: of unrelated
patients, 0.2 % are taken for one of 20 real patients, 0.8 % for one of 100
and 2 % for one of 500, nearly all by spacing and shape.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from privacy_audit.artefacts.findings import Finding, Grid

RARE_SHARE = 0.05
"""A value is a fingerprint where at most this share of the real patients, or one, has it."""

SHARED_BY_ALL = 5
"""From this many synthetic images on, a value that all of them have is the tool's."""

_PLACE_TOLERANCE_MM = 0.005
_SPACING_DECIMALS = 5
_COSINE_DECIMALS = 5
_ROUND_SPACING_MM = 0.1

Key = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Fingerprints:
    """What can be compared of one image's grid; None where it singles out nobody.

    Attributes:
        file: as in `Grid`.
        place: lowest corner of the voxel centres (left, back, head), mm.
        shape: spacing, mm, and number of voxels along the three axes.
        orientation: direction cosines, where the axes are not those of the body.
    """

    file: str
    place: Key | None
    shape: Key | None
    orientation: Key | None


def find_copied_grids(synthetic: Sequence[Grid], real: Sequence[Grid]) -> list[Finding]:
    """Find synthetic images with a real image's grid, or with a place out of a scanner's room.

    Args:
        synthetic: grids of the synthetic images; the slices of a series are joined.
        real: grids of real images.
    """
    ours = [fingerprints_of(grid) for grid in _joined(synthetic)]
    theirs = [fingerprints_of(grid) for grid in _joined(real)]
    findings = []
    parts: tuple[tuple[str, Callable[[Fingerprints], Key | None]], ...] = (
        ("origin", lambda prints: prints.place),
        ("spacing and shape", lambda prints: prints.shape),
        ("orientation", lambda prints: prints.orientation),
    )
    for name, part in parts:
        common = _common_key([part(prints) for prints in ours])
        rare = _rare_keys([part(prints) for prints in theirs])
        for prints in ours:
            key = part(prints)
            if key is None or key == common:
                continue
            if key in rare:
                findings.append(Finding(prints.file, f"grid, {name}", "geometry"))
            elif name == "origin":
                findings.append(Finding(prints.file, f"grid, {name}", "origin"))
    return findings


def fingerprints_of(grid: Grid) -> Fingerprints:
    """Give what of a grid may single out its image.

    Axes are ordered as the body's, so that an image turned or mirrored as a
    whole keeps its fingerprints.

    Args:
        grid: of a volume or a slice.
    """
    along_columns, along_rows = np.reshape(np.array(grid.cosines), (2, 3))
    row_mm, column_mm, slice_mm = grid.spacing_mm
    slices, rows, columns = (max(extent, 1) for extent in grid.shape)
    steps = np.stack(
        [along_columns * column_mm, along_rows * row_mm, np.array(grid.normal) * slice_mm]
    )
    counts = np.array([columns, rows, slices])
    reach = steps * (counts - 1)[:, np.newaxis]
    lowest = np.array(grid.origin_mm) + np.minimum(reach, 0).sum(axis=0)
    extent = np.abs(reach).sum(axis=0)
    step = np.abs(steps).sum(axis=0)
    is_plain = [
        _is_centred(float(low), float(length), float(size))
        for low, length, size in zip(lowest, extent, step, strict=True)
    ]
    place = tuple(_rounded(float(low), _PLACE_TOLERANCE_MM * 2) for low in lowest)
    order = np.argsort(np.abs(steps).argmax(axis=1), kind="stable")
    shape = (
        *(round(float(np.linalg.norm(steps[axis])), _SPACING_DECIMALS) for axis in order),
        *(float(counts[axis]) for axis in order),
    )
    is_round = all(_is_round(spacing) for spacing in grid.spacing_mm)
    cosines = tuple(round(abs(value), _COSINE_DECIMALS) for value in grid.cosines)
    is_straight = all(min(value, 1 - value) < 1e-4 for value in cosines)
    return Fingerprints(
        grid.file,
        None if all(is_plain) else place,
        # Of one slice, spacing alone is left, which unrelated patients share too often.
        None if is_round or slices == 1 else shape,
        None if is_straight else tuple(sorted(cosines)),
    )


def _joined(grids: Sequence[Grid]) -> Iterator[Grid]:
    """Join the slices of each series into one grid; volumes stay as they are."""
    single = [grid for grid in grids if grid.shape[0] == 0]
    yield from (grid for grid in grids if grid.shape[0] != 0)
    for _, members in itertools.groupby(
        sorted(single, key=lambda grid: grid.unit), key=lambda grid: grid.unit
    ):
        yield _as_volume(list(members))


def _as_volume(slices: list[Grid]) -> Grid:
    first = slices[0]
    heights = np.array([float(np.dot(first.normal, grid.origin_mm)) for grid in slices])
    lowest = slices[int(heights.argmin())]
    gaps = np.diff(np.unique(np.round(heights, 4)))
    gap_mm = float(np.median(gaps)) if len(gaps) else first.spacing_mm[2]
    return dataclasses.replace(
        lowest,
        file=min(grid.file for grid in slices),
        spacing_mm=(first.spacing_mm[0], first.spacing_mm[1], round(gap_mm, 4)),
        shape=(len(gaps) + 1, first.shape[1], first.shape[2]),
    )


def _is_centred(low: float, length: float, step: float) -> bool:
    """Whether a lowest coordinate is zero, whole steps from it, or follows from the extent."""
    if step > 0 and abs(low / step - round(low / step)) * step < _PLACE_TOLERANCE_MM:
        return True
    plain = (0.0, length, length / 2, (length + step) / 2, length + step, step / 2)
    return any(abs(abs(low) - value) < _PLACE_TOLERANCE_MM for value in plain)


def _is_round(spacing_mm: float) -> bool:
    parts = spacing_mm / _ROUND_SPACING_MM
    return abs(parts - round(parts)) < 1e-4


def _rounded(value: float, step: float) -> float:
    return round(round(value / step) * step, 6)


def _common_key(keys: Sequence[Key | None]) -> Key | None:
    """Give the key that all synthetic images share, if there are enough of them."""
    return keys[0] if len(keys) >= SHARED_BY_ALL and len(set(keys)) == 1 else None


def _rare_keys(keys: Sequence[Key | None]) -> frozenset[Key]:
    most = max(1, int(RARE_SHARE * len(keys)))
    counted: dict[Key, int] = {}
    for key in keys:
        if key is not None:
            counted[key] = counted.get(key, 0) + 1
    return frozenset(key for key, count in counted.items() if count <= most)
