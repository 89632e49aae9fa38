"""The whole patient, layer by layer from the outside in."""

import dataclasses

import numpy as np

from medsynth.phantom.bowel import paint_bowel
from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.kidneys import draw_kidneys, paint_kidney
from medsynth.phantom.lesions import draw_lesions, paint_lesion
from medsynth.phantom.lungs import paint_lung_inside
from medsynth.phantom.mediastinum import paint_mediastinum
from medsynth.phantom.options import BodyRegion
from medsynth.phantom.organs import paint_upper_organs
from medsynth.phantom.patient import PatientProfile
from medsynth.phantom.randomness import Stream, random_stream
from medsynth.phantom.shapes import Point, ellipsoid, smooth_minimum
from medsynth.phantom.space import Field, Space
from medsynth.phantom.thorax import draw_chest, paint_chest_wall, shape_chest
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.torso import Frame, Trunk, draw_frame, paint_trunk, shape_trunk
from medsynth.phantom.vessels import paint_great_vessels, paint_liver_vessels


def paint_anatomy(
    canvas: Canvas,
    space: Space,
    seed: int,
    patient: PatientProfile,
    region: BodyRegion = BodyRegion.ABDOMEN,
) -> Field:
    """Paint a patient.

    Args:
        canvas: painted in place; its tissues decide the HU.
        space: the grid, bent by the patient's deformation.
        seed: the cohort's seed.
        patient: whose anatomy.
        region: which part the scan shows.

    Returns:
        (slices, rows, columns), share of each voxel inside the skin.
    """
    random = random_stream(seed, patient.index, Stream.ANATOMY)
    bowel = random_stream(seed, patient.index, Stream.BOWEL)
    lesions = random_stream(seed, patient.index, Stream.LESIONS)
    frame = draw_frame(patient, random)
    kidneys = draw_kidneys(frame, random)
    trunk = shape_trunk(space, patient, frame)
    chest = None
    if region is BodyRegion.CHEST:
        # An abdomen's scan ends within the heart, and shows the vein to its edge.
        frame = dataclasses.replace(frame, cava_top_mm=frame.dome_mm + 25)
        chest = draw_chest(patient, frame, random_stream(seed, patient.index, Stream.CHEST))
        trunk = shape_chest(space, trunk, chest)
        paint_chest_wall(canvas, space, trunk, chest)
    else:
        paint_trunk(canvas, space, trunk)
    heart_centre = _draw_heart(frame, random)
    if chest is None:
        _paint_lower_heart(canvas, space, trunk, heart_centre)
    paint_bowel(canvas, space, trunk, bowel)
    paint_upper_organs(canvas, space, trunk, random)
    for kidney in kidneys:
        paint_kidney(canvas, space, trunk, kidney)
    for lesion in draw_lesions(patient, frame, kidneys, lesions):
        paint_lesion(canvas, space, lesion)
    paint_liver_vessels(canvas, space, frame, random)
    vessels = paint_great_vessels(canvas, space, patient, frame, kidneys, random)
    if chest is not None:
        lungs = random_stream(seed, patient.index, Stream.LUNG)
        paint_lung_inside(canvas, space, chest, lungs)
        paint_mediastinum(canvas, space, chest, vessels)
    return space.coverage(trunk.body)


def _draw_heart(frame: Frame, random: np.random.Generator) -> Point:
    return random.normal(20, 6), frame.front_mm + 48, frame.dome_mm + random.normal(24, 6)


def _paint_lower_heart(canvas: Canvas, space: Space, trunk: Trunk, centre: Point) -> None:
    """Paint the lower pole of the heart, which rests on the diaphragm."""
    region = space.box(np.array(centre) - 75, np.array(centre) + 75)
    if region is None:
        return
    level = ellipsoid(space, region, centre, (50, 40, 38), (0.0, 0.0, 0.5))
    above = 0.8 * (space.z_mm[region] - trunk.diaphragm_mm[region] - 3)
    level = smooth_minimum(level, np.minimum(above, trunk.cavity[region] - 4), 5.0)
    level = np.asarray(level, dtype=np.float32)
    canvas.paint(region, space.coverage(level), Tissue.MYOCARDIUM, Label.HEART)
    canvas.paint(region, space.coverage(level - 10), Tissue.ARTERY, Label.HEART)
