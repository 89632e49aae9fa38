"""Aorta, vena cava, portal and hepatic veins, and their larger branches."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.kidneys import Kidney
from medsynth.phantom.patient import PatientProfile, Sex
from medsynth.phantom.shapes import smooth_path, tube
from medsynth.phantom.space import Field, Region, Space
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.torso import Frame

_HEIGHTS_MM = (-150.0, -90.0, -40.0, 10.0, 50.0, 90.0, 150.0)


@dataclasses.dataclass(frozen=True)
class GreatVessels:
    """The course of aorta and lower vena cava.

    Attributes:
        aorta: (points, 3), x, y, z in mm from feet to head.
        aorta_radius_mm: radius at its upper end.
        cava: (points, 3), likewise.
    """

    aorta: NDArray[np.float64]
    aorta_radius_mm: float
    cava: NDArray[np.float64]


def paint_liver_vessels(
    canvas: Canvas, space: Space, frame: Frame, random: np.random.Generator
) -> None:
    """Paint the portal vein with its tributaries and branches, and the hepatic veins."""
    wobble = random.normal(0, 3.0, (9, 3))
    confluence = np.array(frame.place(-0.06, 0.70, 3)) + wobble[0]
    hilum = np.array(frame.place(-0.27, 0.62, 24)) + wobble[1]
    fork = np.array(frame.place(-0.45, 0.6, 30)) + wobble[2]
    portal = (
        ((confluence, hilum), (7.0, 6.5)),
        ((hilum, fork), (6.0, 5.0)),
        ((fork, frame.place(-0.62, 0.45, 42), frame.place(-0.75, 0.38, 56)), (4.2, 3.2, 1.8)),
        ((fork, frame.place(-0.62, 0.85, 16), frame.place(-0.72, 0.98, -4)), (4.2, 3.2, 1.6)),
        (
            (hilum, frame.place(-0.1, 0.42, 38), frame.place(-0.02, 0.25, 42)),
            (4.8, 4.0, 2.2),
        ),
        (
            (confluence, frame.place(0.2, 0.7, 14), frame.place(0.6, 0.98, 30)),
            (4.8, 4.4, 3.6),
        ),
        (
            (confluence, frame.place(-0.08, 0.62, -50), frame.place(-0.06, 0.6, -140)),
            (5.5, 5.2, 4.2),
        ),
    )
    for places, radii in portal:
        points = np.array([np.asarray(place) for place in places])
        paint_tube(canvas, space, points, np.array(radii), Tissue.PORTAL_VEIN, Label.PORTAL_VEIN)
    star = np.array(frame.place(-0.2, 0.72, 68)) + wobble[3]
    ends = ((-0.78, 0.75, 36), (-0.45, 0.25, 42), (0.12, 0.2, 58), (-0.6, 1.15, 46))
    for end, shift in zip(ends, wobble[4:8], strict=True):
        foot = np.array(frame.place(*end)) + 2 * shift
        middle = (star + foot) / 2 + np.array([0, -4, 7])
        points = np.array([star, middle, foot])
        paint_tube(
            canvas, space, points, np.array([4.8, 3.6, 1.5]), Tissue.HEPATIC_VEIN, Label.LIVER
        )


def paint_great_vessels(
    canvas: Canvas,
    space: Space,
    patient: PatientProfile,
    frame: Frame,
    kidneys: tuple[Kidney, Kidney],
    random: np.random.Generator,
) -> GreatVessels:
    """Paint aorta and vena cava with the branches to kidneys, bowel and spleen.

    Args:
        canvas: painted in place.
        space: the grid.
        patient: gives width and calcification.
        frame: the patient's landmarks.
        kidneys: where their vessels end.
        random: the stream of the anatomy.

    Returns:
        The course of both, for what joins them in the chest.
    """
    base_mm = (10.2 if patient.sex is Sex.MALE else 8.8) + 0.05 * (patient.age_years - 60)
    size = base_mm * np.clip(random.normal(1, 0.08), 0.8, 1.3)
    front_mm = frame.spine_mm - 0.78 * frame.vertebra_mm
    winding = random.normal(0, 1 + 0.04 * max(0, patient.age_years - 40), (len(_HEIGHTS_MM), 2))
    heights = np.array(_HEIGHTS_MM) * frame.stature
    # High up the aorta lies beside the spine, further down in front of it.
    aorta = np.column_stack(
        [
            np.interp(heights, (-60, 90), (5, 16)) + winding[:, 0],
            front_mm - size - 1 + np.interp(heights, (20, 100), (0, 14)) + 0.4 * winding[:, 1],
            heights,
        ]
    )
    cava = np.column_stack(
        [
            np.interp(heights, (-60, 80), (-19, -25)) + 0.6 * winding[:, 1],
            front_mm - np.interp(heights, (-60, 30, 90), (7, 12, 26)),
            heights,
        ]
    )
    radii = size * np.interp(heights, (-90, 90), (0.9, 1.12))
    _paint_crura(canvas, space, aorta, frame)
    _paint_branches(canvas, space, frame, aorta, cava, kidneys)
    cava_mm = np.clip(random.normal(10.5, 1.3), 7.5, 13.5) * np.ones(len(heights))
    cava[:, 2] = np.minimum(cava[:, 2], frame.cava_top_mm)
    paint_tube(canvas, space, cava, cava_mm, Tissue.VENA_CAVA, Label.VENA_CAVA)
    paint_tube(canvas, space, aorta, radii, Tissue.ARTERY, Label.AORTA)
    _paint_plaques(canvas, space, aorta, size, patient, random)
    return GreatVessels(aorta=aorta, aorta_radius_mm=float(radii[-1]), cava=cava)


def _paint_branches(
    canvas: Canvas,
    space: Space,
    frame: Frame,
    aorta: NDArray[np.float64],
    cava: NDArray[np.float64],
    kidneys: tuple[Kidney, Kidney],
) -> None:
    for kidney in kidneys:
        hilum = np.array(kidney.hilum())
        for trunk, radius, tissue, lift in (
            (cava, 4.6, Tissue.VENA_CAVA, 2.0),
            (aorta, 2.8, Tissue.ARTERY, 10.0),
        ):
            start = _point_at(trunk, hilum[2] + lift)
            # The left renal vein passes in front of the aorta.
            forward = -18 if tissue is Tissue.VENA_CAVA and kidney.side > 0 else -3
            middle = (start + hilum) / 2 + np.array([0, forward, 2])
            points = np.array([start, middle, hilum])
            paint_tube(canvas, space, points, np.full(3, radius), tissue, Label.NOTHING)
    root = _point_at(aorta, 8 * frame.stature)
    celiac = _point_at(aorta, 24 * frame.stature)
    ahead = np.array([0.0, -20.0, -6.0])
    mesenteric = np.array(
        [root, root + ahead, frame.place(0.03, 0.62, -50), frame.place(0.02, 0.58, -140)]
    )
    paint_tube(
        canvas, space, mesenteric, np.array([4.0, 3.8, 3.4, 2.8]), Tissue.ARTERY, Label.NOTHING
    )
    stem = celiac + np.array([0.0, -22.0, 2.0])
    for end in (frame.place(-0.3, 0.55, 22), frame.place(0.6, 0.92, 36)):
        points = np.array([celiac, stem, (stem + np.array(end)) / 2 + np.array([0, -5, 3]), end])
        paint_tube(
            canvas, space, points, np.array([3.6, 3.2, 2.8, 2.4]), Tissue.ARTERY, Label.NOTHING
        )


def _paint_crura(canvas: Canvas, space: Space, aorta: NDArray[np.float64], frame: Frame) -> None:
    """Paint the two pillars of the diaphragm beside the upper aorta."""
    upper = aorta[aorta[:, 2] > 0]
    for side, thickness in ((-1, 5.5), (1, 4.5)):
        points = upper + np.array([side * 12.0, -1.0, 0.0])
        points = np.vstack([(side * 9.0, frame.spine_mm - frame.vertebra_mm, -45.0), points])
        radii = np.array([2.0, *np.full(len(upper), thickness)])
        paint_tube(canvas, space, points, radii, Tissue.MUSCLE, Label.MUSCLE)


def _paint_plaques(
    canvas: Canvas,
    space: Space,
    aorta: NDArray[np.float64],
    radius_mm: float,
    patient: PatientProfile,
    random: np.random.Generator,
) -> None:
    """Paint calcified plaques, the more the older the patient."""
    count = int(random.poisson(max(0.0, (patient.age_years - 52) / 5)))
    for _ in range(count):
        height, angle, size = random.uniform((-85, 0, 0.8), (70, 2 * np.pi, 2.0))
        middle = _point_at(aorta, height)
        middle += (radius_mm - 0.4) * np.array([np.cos(angle), np.sin(angle), 0])
        points = np.array([middle, middle + np.array([0, 0, 3.0])])
        paint_tube(canvas, space, points, np.full(2, size), Tissue.CORTICAL_BONE, Label.AORTA)


def _point_at(path: NDArray[np.float64], height_mm: float) -> NDArray[np.float64]:
    across = np.interp(height_mm, path[:, 2], path[:, 0])
    deep = np.interp(height_mm, path[:, 2], path[:, 1])
    return np.array([across, deep, height_mm])


def paint_tube(
    canvas: Canvas,
    space: Space,
    points: NDArray[np.float64],
    radii: NDArray[np.float64],
    tissue: Tissue,
    label: Label,
) -> None:
    """Paint a bent tube of changing width.

    Args:
        canvas: painted in place.
        space: the grid.
        points: (points, 3), corners of its path, mm.
        radii: (points,), radius at each corner, mm.
        tissue: what it is filled with.
        label: its value in the label map.
    """
    drawn: tuple[Region, Field] | None = tube(space, *smooth_path(points, radii, 4))
    if drawn is not None:
        region, level = drawn
        canvas.paint(region, space.coverage(level), tissue, label)
