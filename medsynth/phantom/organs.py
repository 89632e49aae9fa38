"""Liver, spleen, gallbladder, pancreas and adrenals."""

import numpy as np

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.shapes import (
    ellipsoid,
    ellipsoid_region,
    smooth_minimum,
    smooth_path,
    tube,
)
from medsynth.phantom.space import Field, Region, Space
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.torso import Frame, Trunk


def paint_upper_organs(
    canvas: Canvas, space: Space, trunk: Trunk, random: np.random.Generator
) -> None:
    """Paint pancreas, adrenals, spleen, liver and gallbladder, in this order.

    Args:
        canvas: painted in place.
        space: the grid.
        trunk: the surfaces they keep within.
        random: the stream of the anatomy.
    """
    _paint_pancreas(canvas, space, trunk.frame, random)
    _paint_adrenals(canvas, space, trunk.frame, random)
    _paint_spleen(canvas, space, trunk, random)
    _paint_liver(canvas, space, trunk, random)
    _paint_gallbladder(canvas, space, trunk.frame, random)


def _paint_liver(canvas: Canvas, space: Space, trunk: Trunk, random: np.random.Generator) -> None:
    frame = trunk.frame
    half_width = np.float32(frame.half_width_mm)
    depth = frame.spine_mm - frame.front_mm
    tip_mm = random.normal(-54, 14) * frame.stature
    left_tip = np.clip(random.normal(0.45, 0.15), 0.12, 0.75)
    hilum_mm = random.normal(6, 5) * frame.stature
    slope = random.normal(0.3, 0.08)
    weights = random.normal(0, (2.2, 2.2, 2.2, 0.8, 0.8))
    region = space.box(
        np.array([-1.3 * half_width, frame.front_mm - 30, tip_mm - 60]),
        np.array([(left_tip + 0.2) * half_width, frame.back_mm, 400.0]),
    )
    if region is None:
        return
    x, y, z = space.coordinates(region)
    across = x / half_width
    lower_mm = np.interp(
        across,
        (-1.0, -0.72, -0.38, -0.05, 0.45),
        (tip_mm, tip_mm + 6, hilum_mm - 12, hilum_mm + 8, hilum_mm + 24),
    ).astype(np.float32)
    lower_mm += np.float32(slope) * np.clip(y, -70, 40)
    back_mm = np.interp(
        across,
        (-1.0, -0.46, -0.24, -0.08, 0.14, 0.55),
        (
            140,
            135,
            frame.spine_mm - 4,
            frame.spine_mm - 26,
            frame.front_mm + 0.5 * depth,
            frame.front_mm + 0.3 * depth,
        ),
    ).astype(np.float32)
    level = smooth_minimum(trunk.cavity[region] - 2, 0.8 * (trunk.diaphragm_mm[region] - z), 9.0)
    level = smooth_minimum(level, 0.72 * (z - lower_mm), 9.0)
    level = smooth_minimum(level, 0.72 * (back_mm - y), 14.0)
    level = smooth_minimum(level, (np.float32(left_tip) - across) * 0.6 * half_width, 10.0)
    level = np.asarray(level + space.roughness(region, weights), dtype=np.float32)
    fissure = 16 * np.exp(-(((x + 0.02 * half_width) / 4.5) ** 2))
    level -= fissure * np.clip((hilum_mm + 34 - z) / 25, 0, 1) * np.clip(-y / 30, 0, 1)
    canvas.paint(region, space.coverage(level), Tissue.LIVER, Label.LIVER)


def _paint_spleen(canvas: Canvas, space: Space, trunk: Trunk, random: np.random.Generator) -> None:
    frame = trunk.frame
    thickness_mm = np.clip(random.normal(47, 7), 32, 64) * frame.stature
    half_length_mm = np.clip(random.normal(54, 7), 40, 74) * frame.stature
    half_arc_mm = np.clip(random.normal(64, 8), 46, 84)
    middle_mm = random.normal(36, 8) * frame.stature
    turn = random.normal(0.28, 0.12)
    weights = random.normal(0, (2.0, 2.0, 2.0, 0.8, 0.8))
    region = space.box(
        np.array([0.2 * frame.half_width_mm, -60.0, middle_mm - half_length_mm]),
        np.array([1.3 * frame.half_width_mm, frame.back_mm, middle_mm + half_length_mm]),
    )
    if region is None:
        return
    x, y, z = space.coordinates(region)
    depth_mm = trunk.cavity[region]
    along_arc = (np.arctan2(y, x) - turn) * 0.82 * frame.half_width_mm
    # The long axis follows the tenth rib: down towards the front.
    along_arc = along_arc - 0.35 * (z - middle_mm)
    fall = (along_arc / half_arc_mm) ** 2 + ((z - middle_mm) / half_length_mm) ** 2
    level = smooth_minimum(depth_mm - 3, 0.75 * (thickness_mm * (1 - fall) - depth_mm), 7.0)
    level = smooth_minimum(level, 0.8 * (trunk.diaphragm_mm[region] - z), 6.0)
    level = np.asarray(level + space.roughness(region, weights), dtype=np.float32)
    canvas.paint(region, space.coverage(level), Tissue.SPLEEN, Label.SPLEEN)


def _paint_gallbladder(
    canvas: Canvas, space: Space, frame: Frame, random: np.random.Generator
) -> None:
    is_removed = random.random() < 0.12
    centre = frame.place(random.normal(-0.38, 0.05), random.normal(0.42, 0.05), -14)
    size = np.clip(random.normal(1, 0.18), 0.6, 1.4)
    half_axes = (12.5 * size, 14 * size, 27 * size)
    tilt = (random.normal(-0.5, 0.2), random.normal(0.3, 0.2), 0.0)
    region = ellipsoid_region(space, centre, half_axes)
    if is_removed or region is None:
        return
    level = ellipsoid(space, region, centre, half_axes, tilt)
    level += space.roughness(region, np.array([0.9, 0, 0.9, 0, 0]))
    canvas.paint(region, space.coverage(level + 1.4), Tissue.BOWEL_WALL, Label.GALLBLADDER)
    canvas.paint(region, space.coverage(level), Tissue.BILE, Label.GALLBLADDER)


def _paint_pancreas(
    canvas: Canvas, space: Space, frame: Frame, random: np.random.Generator
) -> None:
    lift_mm = random.normal(0, 6)
    head = ((-0.25, 0.7, -24), (-0.22, 0.66, -6), (-0.04, 0.57, 4))
    tail = ((0.2, 0.62, 14), (0.45, 0.82, 22), (0.62, 0.95, 28))
    points = np.array([frame.place(a, d, u + lift_mm) for a, d, u in head + tail])
    points += random.normal(0, (4, 3, 4), points.shape)
    radii = np.array([9.0, 12.5, 8.0, 9.0, 9.0, 7.0]) * np.clip(random.normal(1, 0.12), 0.7, 1.3)
    drawn = tube(space, *smooth_path(points, radii, 3))
    if drawn is not None:
        region, level = drawn
        # Lobules roughen it with age and fat; the finest field is as near as the grid comes.
        level += space.roughness(region, np.array([0.5, 0, 0, 1.5, 1.5]))
        canvas.paint(region, space.coverage(level), Tissue.PANCREAS, Label.PANCREAS)


def _paint_adrenals(
    canvas: Canvas, space: Space, frame: Frame, random: np.random.Generator
) -> None:
    for side in (-1, 1):
        top = np.array(frame.place(side * 0.28, 0.93 if side < 0 else 0.88, 38))
        top += random.normal(0, 2.5, 3)
        for sideways, behind in ((side * 7.0, 20.0), (side * -3.0, 18.0)):
            foot = top + np.array([sideways, behind, -14.0])
            drawn = tube(space, np.array([top, foot]), np.array([3.0, 2.4]))
            if drawn is not None:
                region, level = drawn
                canvas.paint(region, space.coverage(level), Tissue.ADRENAL, Label.ADRENAL)


def clip_to_cavity(level: Field, region: Region, space: Space, trunk: Trunk) -> Field:
    """Keep an organ within the muscle wall and under the diaphragm.

    Args:
        level: the organ's function within the region.
        region: where.
        space: the grid.
        trunk: the surfaces to keep within.

    Returns:
        A new array.
    """
    above = 0.8 * (trunk.diaphragm_mm[region] - space.z_mm[region])
    kept: Field = np.minimum(level, np.minimum(trunk.cavity[region] - 2, above))
    return kept.astype(np.float32)
