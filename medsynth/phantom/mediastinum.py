"""Heart, great vessels, windpipe and gullet of the chest."""

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.shapes import Point, ellipsoid, ellipsoid_region
from medsynth.phantom.space import Space
from medsynth.phantom.thorax import Chest
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.vessels import GreatVessels, paint_tube

_HEART_TILT = (0.0, 0.45, 0.5)


def paint_mediastinum(canvas: Canvas, space: Space, chest: Chest, vessels: GreatVessels) -> None:
    """Paint what lies between the lungs, from the windpipe forward.

    Args:
        canvas: painted in place, after lungs and upper organs.
        space: the grid.
        chest: the patient's own chest.
        vessels: aorta and vena cava of the abdomen, which the chest's continue.
    """
    _paint_gullet(canvas, space, chest)
    _paint_windpipe(canvas, space, chest)
    _paint_veins(canvas, space, chest)
    _paint_heart(canvas, space, chest)
    _paint_pulmonary_vessels(canvas, space, chest)
    _paint_aorta(canvas, space, chest, vessels)
    _paint_neck(canvas, space, chest)


def _paint_heart(canvas: Canvas, space: Space, chest: Chest) -> None:
    """Paint four chambers, each in its wall of muscle."""
    chambers = (
        ((-33, 6, 14), (21, 26, 30), 2.5, Tissue.RIGHT_HEART),
        ((-2, 27, 24), (31, 18, 22), 2.5, Tissue.LEFT_HEART),
        ((-6, -20, -6), (33, 21, 36), 4.0, Tissue.RIGHT_HEART),
        ((22, 4, -8), (21, 21, 36), 10.0, Tissue.LEFT_HEART),
    )
    for shift, half_axes, wall_mm, blood in chambers:
        for tissue, thicker_mm in ((Tissue.MYOCARDIUM, wall_mm), (blood, 0.0)):
            _paint_chamber(canvas, space, chest, (shift, half_axes), (tissue, thicker_mm))


def _paint_chamber(
    canvas: Canvas,
    space: Space,
    chest: Chest,
    shape: tuple[Point, Point],
    filling: tuple[Tissue, float],
) -> None:
    shift, half_axes = (chest.heart_size * np.array(part) for part in shape)
    tissue, thicker_mm = filling
    x, y, z = np.array(chest.heart_centre) + shift
    first, second, third = half_axes + thicker_mm
    centre, axes = (float(x), float(y), float(z)), (float(first), float(second), float(third))
    region = ellipsoid_region(space, centre, axes)
    if region is None:
        return
    level = ellipsoid(space, region, centre, axes, _HEART_TILT)
    level += space.roughness(region, np.array([0.8, 0.8, 0, 0.8, 0.8]))
    canvas.paint(region, space.coverage(level), tissue, Label.HEART)


def _paint_pulmonary_vessels(canvas: Canvas, space: Space, chest: Chest) -> None:
    x, y, z = chest.heart_centre
    spine = chest.frame.spine_mm - chest.frame.vertebra_mm
    fork = (x - 6, y + 16, z + 62)
    artery = Tissue.PULMONARY_ARTERY
    for side in (-1, 1):
        for low in (0.0, 22.0):
            bend = (side * 26 + x, y + 32, z + 26 - low)
            vein = ((x - 2, y + 26, z + 24), bend, (side * 52.0, spine, z - low))
            _tube(canvas, space, vein, (7.0, 6.5, 5.0), (Tissue.LEFT_HEART, Label.HEART))
    trunks = (
        (((x - 4, y - 14, z + 28), (x - 2, y - 4, z + 48), fork), (13.0, 14.0, 13.0)),
        ((fork, (x - 34, y + 24, z + 58), (-46, spine + 2, z + 46)), (12.0, 11.0, 9.0)),
        ((fork, (x + 16, y + 28, z + 66), (48, spine + 12, z + 56)), (12.0, 10.5, 9.0)),
        (((-46, spine + 2, z + 46), (-50, spine + 8, z + 8)), (8.0, 6.0)),
        (((48, spine + 12, z + 56), (52, spine + 14, z + 14)), (8.0, 6.0)),
    )
    for points, radii in trunks:
        _tube(canvas, space, points, radii, (artery, Label.PULMONARY_ARTERY))


def _paint_aorta(canvas: Canvas, space: Space, chest: Chest, vessels: GreatVessels) -> None:
    x, y, z = chest.heart_centre
    radius = vessels.aorta_radius_mm
    below = vessels.aorta[-1]
    arch_mm = chest.height(250)
    lean = chest.lean
    behind = float(below[1])
    arch = (
        (x - 6, y + 2, z + 22),
        (x - 24, y, z + 52),
        (-14 + lean, y + 6, arch_mm - 18),
        (2 + lean, y + 22, arch_mm),
        (18 + lean, behind - 16, arch_mm - 6),
        (float(below[0]) + 6, behind, arch_mm - 32),
        (float(below[0]), behind, float(below[2])),
    )
    radii = np.array([1.25, 1.3, 1.25, 1.15, 1.1, 1.05, 1.0]) * (radius + 1.0)
    _tube(canvas, space, arch, tuple(radii), (Tissue.ARTERY, Label.AORTA))
    top = chest.height(330)
    for start, end, width in (
        ((-8 + lean, y + 12, arch_mm + 4), (-32.0, y + 34, top), 6.0),
        ((4 + lean, y + 22, arch_mm + 6), (28.0, y + 38, top), 4.0),
        ((14 + lean, behind - 22, arch_mm + 2), (34.0, y + 50, top - 14), 5.0),
    ):
        _tube(canvas, space, (start, end), (width, width - 0.8), (Tissue.ARTERY, Label.NOTHING))


def _paint_veins(canvas: Canvas, space: Space, chest: Chest) -> None:
    x, y, z = chest.heart_centre
    meeting = (-26 + chest.lean, y + 4, chest.height(262))
    cava = ((x - 40, y + 8, z + 22), (-30, y + 10, chest.height(225)), meeting)
    upper = (Tissue.UPPER_CAVA, Label.VENA_CAVA)
    _tube(canvas, space, cava, (10.0, 9.5, 8.5), upper)
    neck_right, neck_left = (-48.0, y + 24, chest.height(292)), (50.0, y + 24, chest.height(292))
    right = (meeting, neck_right)
    left = (meeting, (6.0, y - 2, chest.height(272)), neck_left)
    arm_right = (neck_right, (-100.0, y + 34, chest.height(306)), chest.arms[0].points[0])
    for points in (right, left):
        _tube(canvas, space, points, tuple([8.0] * len(points)), upper)
    # The agent was given into one arm; the other carries blood without it.
    _tube(canvas, space, arm_right, (6.5, 6.0, 4.0), (Tissue.UPPER_CAVA, Label.NOTHING))
    arm_left = (neck_left, (100.0, y + 34, chest.height(306)), chest.arms[1].points[0])
    _tube(canvas, space, arm_left, (6.5, 6.0, 4.0), (Tissue.VENA_CAVA, Label.NOTHING))


def _paint_neck(canvas: Canvas, space: Space, chest: Chest) -> None:
    """Paint jugular veins, carotid and subclavian arteries, and the thyroid."""
    y = chest.frame.spine_mm
    low, high = chest.height(300), chest.height(460)
    for side in (-1, 1):
        carotid = ((side * 28.0, y - 28, low), (side * 30.0, y - 22, high))
        _tube(canvas, space, carotid, (3.8, 3.6), (Tissue.ARTERY, Label.NOTHING))
        jugular = ((side * 42.0, y - 30, low - 6), (side * 40.0, y - 26, high))
        _tube(canvas, space, jugular, (6.5, 6.0), (Tissue.VENA_CAVA, Label.NOTHING))
        joint = chest.arms[0 if side < 0 else 1].points[0]
        artery = ((side * 30.0, y - 22, low + 6), (side * 90.0, y - 18, low + 8), joint)
        _tube(canvas, space, artery, (4.8, 4.4, 3.6), (Tissue.ARTERY, Label.NOTHING))
        lobe = ((side * 17.0, y - 36, chest.height(322)), (side * 19.0, y - 34, chest.height(356)))
        _tube(canvas, space, lobe, (8.0, 7.0), (Tissue.THYROID, Label.NOTHING))


def _paint_windpipe(canvas: Canvas, space: Space, chest: Chest) -> None:
    spine = chest.frame.spine_mm - chest.frame.vertebra_mm
    carina = (2 + chest.lean, spine - 20, chest.height(232))
    high = (0.0, spine - 30, chest.height(460))
    z = chest.height(205)
    for radius, tissue in ((1.8, Tissue.CARTILAGE), (0.0, Tissue.BOWEL_GAS)):
        for points, widths in (
            ((carina, (1.0, spine - 24, chest.height(300)), high), (8.5, 8.5, 8.5)),
            ((carina, (-38.0, spine - 4, z), (-52.0, spine, z - 26)), (6.8, 5.6, 4.0)),
            ((carina, (40.0, spine - 2, z - 2), (54.0, spine + 2, z - 28)), (6.4, 5.2, 4.0)),
        ):
            wider = tuple(width + radius for width in widths)
            _tube(canvas, space, points, wider, (tissue, Label.TRACHEA))


def _paint_gullet(canvas: Canvas, space: Space, chest: Chest) -> None:
    spine = chest.frame.spine_mm - chest.frame.vertebra_mm
    points = (
        (20.0, spine - 22, chest.height(88)),
        (9.0, spine - 10, chest.height(140)),
        (6.0 + chest.lean, spine - 8, chest.height(230)),
        (3.0, spine - 8, chest.height(460)),
    )
    wall = (Tissue.BOWEL_WALL, Label.OESOPHAGUS)
    _tube(canvas, space, points, (8.0, 8.0, 7.5, 7.0), wall)
    inside = (Tissue.BOWEL_GAS, Label.OESOPHAGUS)
    _tube(canvas, space, points, (1.2, 1.5, 2.2, 2.0), inside)


def _tube(
    canvas: Canvas,
    space: Space,
    points: tuple[Point, ...],
    radii_mm: tuple[float, ...],
    filling: tuple[Tissue, Label],
) -> None:
    path: NDArray[np.float64] = np.array(points, dtype=np.float64)
    paint_tube(canvas, space, path, np.array(radii_mm), *filling)
