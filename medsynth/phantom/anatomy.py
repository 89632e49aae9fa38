"""The whole patient, layer by layer from the outside in."""

import numpy as np

from medsynth.phantom.bowel import paint_bowel
from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.kidneys import draw_kidneys, paint_kidney
from medsynth.phantom.lesions import draw_lesions, paint_lesion
from medsynth.phantom.organs import paint_upper_organs
from medsynth.phantom.patient import PatientProfile
from medsynth.phantom.randomness import Stream, random_stream
from medsynth.phantom.shapes import ellipsoid, smooth_minimum
from medsynth.phantom.space import Field, Space
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.torso import Trunk, draw_frame, paint_trunk, shape_trunk
from medsynth.phantom.vessels import paint_great_vessels, paint_liver_vessels


def paint_anatomy(canvas: Canvas, space: Space, seed: int, patient: PatientProfile) -> Field:
    """Paint a patient.

    Args:
        canvas: painted in place; its tissues decide the HU.
        space: the grid, bent by the patient's deformation.
        seed: the cohort's seed.
        patient: whose anatomy.

    Returns:
        (slices, rows, columns), share of each voxel inside the skin.
    """
    random = random_stream(seed, patient.index, Stream.ANATOMY)
    bowel = random_stream(seed, patient.index, Stream.BOWEL)
    lesions = random_stream(seed, patient.index, Stream.LESIONS)
    frame = draw_frame(patient, random)
    kidneys = draw_kidneys(frame, random)
    trunk = shape_trunk(space, patient, frame)
    paint_trunk(canvas, space, trunk)
    _paint_heart(canvas, space, trunk, random)
    paint_bowel(canvas, space, trunk, bowel)
    paint_upper_organs(canvas, space, trunk, random)
    for kidney in kidneys:
        paint_kidney(canvas, space, trunk, kidney)
    for lesion in draw_lesions(patient, frame, kidneys, lesions):
        paint_lesion(canvas, space, lesion)
    paint_liver_vessels(canvas, space, frame, random)
    paint_great_vessels(canvas, space, patient, frame, kidneys, random)
    return space.coverage(trunk.body)


def _paint_heart(canvas: Canvas, space: Space, trunk: Trunk, random: np.random.Generator) -> None:
    """Paint the lower pole of the heart, which rests on the diaphragm."""
    frame = trunk.frame
    centre = (random.normal(20, 6), frame.front_mm + 48, frame.dome_mm + random.normal(24, 6))
    region = space.box(np.array(centre) - 75, np.array(centre) + 75)
    if region is None:
        return
    level = ellipsoid(space, region, centre, (50, 40, 38), (0.0, 0.0, 0.5))
    above = 0.8 * (space.z_mm[region] - trunk.diaphragm_mm[region] - 3)
    level = smooth_minimum(level, np.minimum(above, trunk.cavity[region] - 4), 5.0)
    level = np.asarray(level, dtype=np.float32)
    canvas.paint(region, space.coverage(level), Tissue.MYOCARDIUM, Label.HEART)
    canvas.paint(region, space.coverage(level - 10), Tissue.ARTERY, Label.HEART)
