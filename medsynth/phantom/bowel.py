"""Stomach, duodenum, small bowel and colon: walls, content and gas."""

import dataclasses
import itertools

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.organs import clip_to_cavity
from medsynth.phantom.shapes import smooth_path, tube
from medsynth.phantom.space import Space
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.torso import Trunk

Path = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Hollow:
    """What a stretch of bowel is filled with.

    Attributes:
        wall_mm: thickness of the wall.
        content: what fills it.
        gas_from_mm: y of the fluid level; gas lies in front of it. None
            without gas.
        label: its value in the label map.
        folds_mm: depth of the folds in the wall.
        fold_distance_mm: distance between folds.
    """

    wall_mm: float
    content: Tissue
    gas_from_mm: float | None
    label: Label
    folds_mm: float = 0.0
    fold_distance_mm: float = 30.0


def paint_bowel(canvas: Canvas, space: Space, trunk: Trunk, random: np.random.Generator) -> None:
    """Paint colon, small bowel, duodenum and stomach, in this order.

    Args:
        canvas: painted in place; solid organs come after.
        space: the grid.
        trunk: the surfaces they keep within.
        random: the stream of the bowel.
    """
    frame = trunk.frame
    _paint_colon(canvas, space, trunk, random)
    _paint_small_bowel(canvas, space, trunk, random)
    points = np.array(
        [
            frame.place(*place)
            for place in (
                (-0.2, 0.42, 2),
                (-0.36, 0.55, 0),
                (-0.4, 0.68, -20),
                (-0.36, 0.74, -48),
                (-0.15, 0.72, -58),
                (0.15, 0.7, -50),
                (0.25, 0.55, -30),
            )
        ]
    )
    points += random.normal(0, (3, 2, 4), points.shape)
    radii = np.clip(random.normal(11, 1.5, len(points)), 8, 15)
    duodenum = Hollow(2.6, Tissue.BOWEL_CONTENT, None, Label.BOWEL)
    _paint_hollow(canvas, space, trunk, (points, radii), duodenum)
    _paint_stomach(canvas, space, trunk, random)


def _paint_stomach(canvas: Canvas, space: Space, trunk: Trunk, random: np.random.Generator) -> None:
    frame = trunk.frame
    body = ((0.42, 0.75, 66), (0.52, 0.55, 44), (0.5, 0.35, 18))
    antrum = ((0.3, 0.24, -4), (0.05, 0.28, -10), (-0.2, 0.42, 2))
    points = np.array([frame.place(*place) for place in body + antrum])
    points += random.normal(0, (6, 4, 7), points.shape)
    filling = np.clip(random.normal(1, 0.18), 0.6, 1.4)
    radii = np.array([30.0, 32.0, 28.0, 22.0, 17.0, 9.0]) * filling
    gas_from_mm = frame.front_mm + random.uniform(0.08, 0.5) * (frame.spine_mm - frame.front_mm)
    wall_mm = random.uniform(3.0, 5.0)
    stomach = Hollow(
        wall_mm, Tissue.BOWEL_CONTENT, gas_from_mm, Label.STOMACH, 1.5, random.uniform(14, 22)
    )
    _paint_hollow(canvas, space, trunk, (points, radii), stomach)


def _paint_colon(canvas: Canvas, space: Space, trunk: Trunk, random: np.random.Generator) -> None:
    frame = trunk.frame
    sag_mm = random.normal(-52, 22)
    flexure_mm = random.normal(-42, 10)
    left_mm = random.normal(12, 12)
    right = ((-0.74, 0.9, -150), (-0.78, 0.85, -100), (-0.76, 0.72, flexure_mm))
    across = ((-0.55, 0.3, flexure_mm - 4), (-0.2, 0.12, sag_mm), (0.25, 0.1, sag_mm - 4))
    left = ((0.62, 0.25, left_mm - 25), (0.78, 0.5, left_mm + 4), (0.8, 0.85, left_mm - 15))
    down = ((0.82, 0.98, -60), (0.8, 0.95, -150))
    points = np.array([frame.place(*place) for place in right + across + left + down])
    points += random.normal(0, (4, 3, 5), points.shape)
    radii = np.array([24.0, 23, 21, 19, 18, 17, 16, 15, 14, 13, 13])
    radii *= np.clip(random.normal(1, 0.12), 0.75, 1.3) * random.normal(1, 0.08, len(radii))
    path, widths = smooth_path(points, radii, 5)
    # Stretches differ in what they hold; neighbours share a point, so that no gap shows.
    cuts = np.linspace(0, len(path) - 1, 8).astype(int)
    for first, last in itertools.pairwise(cuts):
        middle_mm = float(path[first : last + 1, 1].mean())
        is_gassy = random.random() < 0.6
        level_mm = middle_mm + float(random.uniform(-9, 7))
        content = Tissue.STOOL if random.random() < 0.7 else Tissue.BOWEL_CONTENT
        stretch = Hollow(
            wall_mm=random.uniform(2.2, 3.2),
            content=content,
            gas_from_mm=level_mm if is_gassy else None,
            label=Label.BOWEL,
            folds_mm=2.6,
            fold_distance_mm=random.uniform(24, 34),
        )
        piece = (path[first : last + 1], widths[first : last + 1])
        _paint_hollow(canvas, space, trunk, piece, stretch)


def _paint_small_bowel(
    canvas: Canvas, space: Space, trunk: Trunk, random: np.random.Generator
) -> None:
    frame = trunk.frame
    for _ in range(int(random.integers(15, 23))):
        start = random.uniform((-0.6, 0.08, -120), (0.7, 0.64, -16))
        places = [start]
        heading = random.normal(0, 1, 3)
        for _ in range(int(random.integers(4, 8))):
            heading = 0.45 * heading + random.normal(0, 1, 3)
            places.append(places[-1] + heading * np.array([0.18, 0.12, 12.0]))
        kept = np.clip(np.array(places), (-0.6, 0.08, -160), (0.72, 0.68, -12))
        points = np.array([frame.place(a, d, u) for a, d, u in kept])
        radii = np.clip(random.normal(11.5, 1.6) + random.normal(0, 1, len(points)), 8, 16)
        middle_mm = float(points[:, 1].mean())
        gas_mm = middle_mm + float(random.uniform(-14, 2)) if random.random() < 0.3 else None
        loop = Hollow(
            wall_mm=random.uniform(2.4, 3.4),
            content=Tissue.BOWEL_CONTENT,
            gas_from_mm=gas_mm,
            label=Label.BOWEL,
            folds_mm=0.8,
            fold_distance_mm=random.uniform(9, 13),
        )
        _paint_hollow(canvas, space, trunk, (points, radii), loop)
        # Each loop hangs on a vessel from the root of the mesentery.
        root = np.array(frame.place(0.0, 0.6, float(kept[2, 2]) + 10))
        vessel = np.array([root, (root + points[2]) / 2 + random.normal(0, 4, 3), points[2]])
        drawn = tube(space, *smooth_path(vessel, np.array([2.2, 1.9, 1.5]), 3))
        if drawn is not None:
            region, level = drawn
            share = space.coverage(level)
            canvas.paint(region, share, Tissue.PORTAL_VEIN, Label.NOTHING)


def _paint_hollow(
    canvas: Canvas, space: Space, trunk: Trunk, path: tuple[Path, Path], hollow: Hollow
) -> None:
    points, radii = smooth_path(*path, 3)
    drawn = tube(space, points, radii)
    if drawn is None:
        return
    region, level = drawn
    x, y, z = space.coordinates(region)
    if hollow.folds_mm > 0:
        turn = np.float32(2 * np.pi / hollow.fold_distance_mm)
        level += np.float32(0.5 * hollow.folds_mm) * np.cos(turn * (0.8 * x + 0.5 * y + 0.9 * z))
    level += space.roughness(region, np.array([0, 0.8, 0, 0.9, 0.6]))
    level = clip_to_cavity(level, region, space, trunk)
    canvas.paint(region, space.coverage(level), Tissue.BOWEL_WALL, hollow.label)
    lumen = level - np.float32(hollow.wall_mm)
    canvas.paint(region, space.coverage(lumen), hollow.content, hollow.label)
    if hollow.gas_from_mm is not None:
        gas = np.minimum(lumen, np.float32(hollow.gas_from_mm) - y)
        canvas.paint(region, space.coverage(gas), Tissue.BOWEL_GAS, hollow.label)
