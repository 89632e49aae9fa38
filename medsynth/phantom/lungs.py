"""What the lungs hold: branching vessels, and in some patients disease."""

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.shapes import ellipsoid, ellipsoid_region, smooth_path, tube
from medsynth.phantom.space import Field, Region, Space
from medsynth.phantom.thorax import Chest
from medsynth.phantom.tissue import Tissue

_BRANCHES = 16
_TWIGS = 2
_DISEASE_CHANCE = 0.2


def paint_lung_inside(
    canvas: Canvas, space: Space, chest: Chest, random: np.random.Generator
) -> None:
    """Paint vessels, nodules, consolidation and effusion into what is labelled lung.

    Args:
        canvas: painted in place; only voxels labelled lung change.
        space: the grid.
        chest: the patient's own chest.
        random: the stream of the lungs.
    """
    for side in (-1, 1):
        _paint_vessels(canvas, space, chest, side, random)
        has_nodule, has_consolidation, has_effusion = random.random(3) < _DISEASE_CHANCE
        places = random.uniform((-1, -1, 130), (1, 1, 290), (2, 3))
        sizes_mm = random.uniform((5, 18), (17, 40))
        drop = random.uniform(0.75, 1.3)
        if has_nodule:
            point = _lung_point(chest, side, places[0])
            _paint_lump(canvas, space, point, float(sizes_mm[0]), Tissue.TUMOUR, Label.LESION)
        if has_consolidation:
            point = _lung_point(chest, side, places[1])
            size_mm = float(sizes_mm[1])
            _paint_lump(canvas, space, point, size_mm, Tissue.CONSOLIDATION, Label.NOTHING)
        if has_effusion:
            _paint_effusion(canvas, space, chest, side, float(drop))


def _lung_point(chest: Chest, side: int, place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give a point in a lung: across and deep from -1 to 1, height in mm at 171 cm."""
    frame = chest.frame
    across = side * (0.6 + 0.28 * place[0]) * frame.half_width_mm
    deep = 6 + place[1] * 0.36 * (frame.back_mm - frame.front_mm)
    return np.array([across, deep, place[2] * frame.stature])


def _paint_vessels(
    canvas: Canvas, space: Space, chest: Chest, side: int, random: np.random.Generator
) -> None:
    spine = chest.frame.spine_mm - chest.frame.vertebra_mm
    middle = chest.heart_centre[2] + 40
    for _ in range(_BRANCHES):
        root = np.array([side * 46.0, spine + 4, middle]) + random.normal(0, (3, 6, 16))
        end = _lung_point(chest, side, random.uniform((-1, -1, 105), (1, 1, 305)))
        bend = (root + end) / 2 + random.normal(0, 9, 3)
        width = random.uniform(2.6, 4.6)
        _paint_in_lung(canvas, space, np.array([root, bend, end]), (width, 0.6 * width, 0.9))
        for _ in range(_TWIGS):
            twig = bend + 0.7 * (end - bend) + random.normal(0, 20, 3)
            radii = (0.55 * width, 0.4 * width, 0.7)
            _paint_in_lung(canvas, space, np.array([bend, (bend + twig) / 2, twig]), radii)


def _paint_in_lung(
    canvas: Canvas, space: Space, points: NDArray[np.float64], radii_mm: tuple[float, ...]
) -> None:
    drawn = tube(space, *smooth_path(points, np.array(radii_mm), 2))
    if drawn is not None:
        _paint_where_lung(canvas, space, drawn, Tissue.LUNG_VESSEL, Label.LUNG)


def _paint_lump(
    canvas: Canvas,
    space: Space,
    point: NDArray[np.float64],
    size_mm: float,
    tissue: Tissue,
    label: Label,
) -> None:
    centre = (float(point[0]), float(point[1]), float(point[2]))
    half_axes = (size_mm, 0.9 * size_mm, 1.1 * size_mm)
    region = ellipsoid_region(space, centre, half_axes)
    if region is None:
        return
    level = ellipsoid(space, region, centre, half_axes, (0.0, 0.0, 0.0))
    level += space.roughness(region, np.array([0, 0, 0, 1, 1])) * np.float32(size_mm / 6)
    _paint_where_lung(canvas, space, (region, level), tissue, label)


def _paint_effusion(canvas: Canvas, space: Space, chest: Chest, side: int, drop: float) -> None:
    """Paint fluid in the back of one lung, as it lies in a patient on the back."""
    frame = chest.frame
    whole = space.whole()
    x, y, z = space.coordinates(whole)
    surface_mm = frame.spine_mm + 26 * drop + 0.16 * (z - frame.dome_mm)
    level = np.minimum(y - surface_mm, 4 * side * x)
    level = np.asarray(level, dtype=np.float32)
    _paint_where_lung(canvas, space, (whole, level), Tissue.EFFUSION, Label.NOTHING)


def _paint_where_lung(
    canvas: Canvas, space: Space, drawn: tuple[Region, Field], tissue: Tissue, label: Label
) -> None:
    region, level = drawn
    share = space.coverage(level) * (canvas.labels[region] == int(Label.LUNG))
    canvas.paint(region, share.astype(np.float32), tissue, label)
