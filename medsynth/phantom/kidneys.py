"""Kidneys: cortex, medulla with its pyramids, sinus fat and pelvis."""

import dataclasses

import numpy as np

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.organs import clip_to_cavity
from medsynth.phantom.shapes import Point, ellipsoid, ellipsoid_region, rotation_matrix
from medsynth.phantom.space import Space
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.torso import Frame, Trunk

_CAPSULE_FAT_MM = 5.0


@dataclasses.dataclass(frozen=True)
class Kidney:
    """Place and shape of one kidney.

    Attributes:
        side: -1 right, 1 left.
        centre: x, y, z in mm.
        half_axes: mm.
        tilt: rotations about x, y, z in radians.
        cortex_mm: thickness of the cortex.
        pyramid_mm: distance between pyramids.
        pelvis: relative size of the renal pelvis.
        roughness: weights of the shape fields.
    """

    side: int
    centre: Point
    half_axes: Point
    tilt: Point
    cortex_mm: float
    pyramid_mm: float
    pelvis: float
    roughness: tuple[float, ...]

    def hilum(self) -> Point:
        """Give the point where the vessels enter, x, y, z in mm."""
        return self.inner_point(-0.8, -0.15, 0.0)

    def inner_point(self, outward: float, back: float, up: float) -> Point:
        """Give a point named by fractions of the kidney's own half axes.

        Args:
            outward: 1 at the convex side, -1 at the hilum.
            back: 1 at the back.
            up: 1 at the upper pole.
        """
        own = np.array([self.side * outward, back, up]) * self.half_axes
        x, y, z = np.array(self.centre) + rotation_matrix(self.tilt).T @ own
        return float(x), float(y), float(z)


def draw_kidneys(frame: Frame, random: np.random.Generator) -> tuple[Kidney, Kidney]:
    """Draw a patient's right and left kidney.

    Args:
        frame: the patient's landmarks.
        random: the stream of the anatomy.
    """
    shared = np.clip(random.normal(1, 0.06), 0.85, 1.15)
    cortex_mm = np.clip(random.normal(6.5, 0.8), 4.5, 8.5)
    kidneys = []
    for side, height_mm in ((-1, -34.0), (1, -22.0)):
        size = shared * np.clip(random.normal(1, 0.05), 0.85, 1.15)
        across = side * np.clip(random.normal(0.5, 0.035), 0.42, 0.58)
        place = frame.place(across, random.normal(1.07, 0.04), height_mm + random.normal(0, 9))
        axes = np.array([29.5, 25.5, 56.0]) * size * random.normal(1, 0.05, 3)
        tilt = (random.normal(0.16, 0.07), side * random.normal(0.22, 0.07))
        kidneys.append(
            Kidney(
                side=side,
                centre=place,
                half_axes=(float(axes[0]), float(axes[1]), float(axes[2])),
                tilt=(tilt[0], tilt[1], side * random.normal(0.55, 0.15)),
                cortex_mm=float(cortex_mm),
                pyramid_mm=random.uniform(19, 26),
                pelvis=float(np.clip(random.normal(1, 0.2), 0.5, 1.7)),
                roughness=tuple(random.normal(0, (1.1, 1.1, 1.1, 0.8, 0.8))),
            )
        )
    return kidneys[0], kidneys[1]


def paint_kidney(canvas: Canvas, space: Space, trunk: Trunk, kidney: Kidney) -> None:
    """Paint one kidney with the fat around it.

    Args:
        canvas: painted in place.
        space: the grid.
        trunk: the surfaces it keeps within.
        kidney: its shape.
    """
    region = ellipsoid_region(space, kidney.centre, kidney.half_axes)
    if region is None:
        return
    level = ellipsoid(space, region, kidney.centre, kidney.half_axes, kidney.tilt)
    level += space.roughness(region, np.array(kidney.roughness))
    level = clip_to_cavity(level, region, space, trunk)
    _paint_fat_around(canvas, space, trunk, kidney)
    canvas.paint(region, space.coverage(level), Tissue.RENAL_CORTEX, Label.KIDNEY)
    # Columns of cortex part the pyramids along the kidney and around it.
    x, _, z = space.coordinates(region)
    turn = np.float32(2 * np.pi / kidney.pyramid_mm)
    columns = 3.2 * np.cos(turn * (z - kidney.centre[2])) * np.cos(0.8 * turn * (x + 3)) + 2.2
    pyramids = np.minimum(level - np.float32(kidney.cortex_mm), columns)
    share = space.coverage(np.asarray(pyramids, dtype=np.float32))
    canvas.paint(region, share, Tissue.RENAL_MEDULLA, Label.KIDNEY)
    _paint_sinus(canvas, space, kidney)


def _paint_fat_around(canvas: Canvas, space: Space, trunk: Trunk, kidney: Kidney) -> None:
    """Paint the fat around and behind a kidney, which keeps liver and spleen in front."""
    x, y, z = kidney.centre
    lateral, deep, tall = (axis + _CAPSULE_FAT_MM for axis in kidney.half_axes)
    behind = (x, y + 0.9 * deep, z)
    region = ellipsoid_region(space, behind, (lateral, 1.9 * deep, tall))
    if region is None:
        return
    around = ellipsoid(space, region, kidney.centre, (lateral, deep, tall), kidney.tilt)
    around += space.roughness(region, np.array(kidney.roughness))
    after = ellipsoid(space, region, behind, (0.95 * lateral, 1.3 * deep, tall), (0.0, 0.0, 0.0))
    level = clip_to_cavity(np.maximum(around, after), region, space, trunk)
    share = space.coverage(level)
    share[canvas.labels[region] == int(Label.MUSCLE)] = 0
    canvas.paint(region, share, Tissue.VISCERAL_FAT, Label.NOTHING)


def _paint_sinus(canvas: Canvas, space: Space, kidney: Kidney) -> None:
    lateral, deep, tall = kidney.half_axes
    centre = kidney.inner_point(-0.5, -0.08, 0.0)
    half_axes = (0.52 * lateral, 0.34 * deep, 0.46 * tall)
    region = ellipsoid_region(space, centre, half_axes)
    if region is None:
        return
    sinus = ellipsoid(space, region, centre, half_axes, kidney.tilt)
    sinus += space.roughness(region, np.array([0, 0, 0, 1.3, 1.3]))
    canvas.paint(region, space.coverage(sinus), Tissue.VISCERAL_FAT, Label.NOTHING)
    size = kidney.pelvis
    pelvis_axes = (0.36 * lateral * size, 0.2 * deep * size, 0.26 * tall * size)
    middle = kidney.inner_point(-0.55, -0.05, -0.08)
    pelvis = ellipsoid(space, region, middle, pelvis_axes, kidney.tilt)
    pelvis += space.roughness(region, np.array([0, 0, 0, 0.9, 0.9]))
    canvas.paint(region, space.coverage(pelvis), Tissue.RENAL_PELVIS, Label.NOTHING)
