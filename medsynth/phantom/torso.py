"""The trunk: outline, fat, muscle wall, ribs, spine, and the lungs above the diaphragm."""

import dataclasses

import numpy as np

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.patient import PatientProfile, Sex
from medsynth.phantom.shapes import smooth_minimum
from medsynth.phantom.space import Field, Space
from medsynth.phantom.tissue import Tissue

_RIB_DISTANCE_MM = 27.0


@dataclasses.dataclass(frozen=True)
class Frame:
    """The landmarks by which a patient's organs are placed, mm.

    Attributes:
        half_width_mm: from the midline to the inside of the flank.
        front_mm: y of the inside of the front wall, negative.
        spine_mm: y of the middle of the vertebral bodies.
        back_mm: y of the skin at the back.
        stature: height relative to 171 cm.
        spine_phase_mm: height of a disc.
        rib_phase_mm: height of a rib's head.
        dome_mm: height of the right half of the diaphragm.
        vertebra_mm: half width of a vertebral body.
        cava_top_mm: height at which the lower vena cava ends, in the heart.
    """

    half_width_mm: float
    front_mm: float
    spine_mm: float
    back_mm: float
    stature: float
    spine_phase_mm: float
    rib_phase_mm: float
    dome_mm: float
    vertebra_mm: float
    cava_top_mm: float = np.inf

    def place(self, across: float, deep: float, up_mm: float) -> tuple[float, float, float]:
        """Give x, y, z of a point named by proportions.

        Args:
            across: -1 at the right flank, 1 at the left.
            deep: 0 at the front wall, 1 at the middle of the spine.
            up_mm: height in a patient of 171 cm.
        """
        depth = self.spine_mm - self.front_mm
        return across * self.half_width_mm, self.front_mm + deep * depth, up_mm * self.stature


@dataclasses.dataclass(frozen=True)
class Trunk:
    """Surfaces of the trunk over the whole grid, mm, positive inside.

    Attributes:
        frame: landmarks.
        body: inside the skin.
        wall: inside the subcutaneous fat.
        cavity: inside the muscle wall.
        diaphragm_mm: height of the diaphragm above each point.
    """

    frame: Frame
    body: Field
    wall: Field
    cavity: Field
    diaphragm_mm: Field


def draw_frame(patient: PatientProfile, random: np.random.Generator) -> Frame:
    """Draw a patient's landmarks.

    Args:
        patient: gives the body's size.
        random: the stream of the anatomy.
    """
    back_mm = patient.half_depth_mm
    spine_depth_mm = 64 * patient.stature + patient.fat_mm
    return Frame(
        half_width_mm=patient.half_width_mm - patient.fat_mm - patient.muscle_mm,
        front_mm=-(patient.half_depth_mm - 0.75 * patient.fat_mm - 0.65 * patient.muscle_mm),
        spine_mm=back_mm - spine_depth_mm,
        back_mm=back_mm,
        stature=patient.stature,
        spine_phase_mm=random.uniform(0, 34),
        rib_phase_mm=random.uniform(0, _RIB_DISTANCE_MM),
        dome_mm=random.normal(88, 7) * patient.stature,
        vertebra_mm=(22.5 if patient.sex is Sex.MALE else 20.5) * patient.stature,
    )


def shape_trunk(space: Space, patient: PatientProfile, frame: Frame) -> Trunk:
    """Compute the surfaces of the trunk.

    Args:
        space: the grid.
        patient: gives thicknesses.
        frame: the patient's landmarks.
    """
    x, y, z = space.coordinates(space.whole())
    is_female = patient.sex is Sex.FEMALE
    waist = 1 + (0.035 if is_female else 0.015) * np.sin((z + 110) / 45)
    radius = np.sqrt(x * x + y * y) + np.float32(1e-3)
    across = np.abs(x) / (np.float32(patient.half_width_mm) * waist)
    deep = np.abs(y) / np.float32(patient.half_depth_mm)
    # An exponent above 2 flattens front, back and flanks; squares spare slow powers.
    power = (across * across) ** np.float32(1.15) + (deep * deep) ** np.float32(1.15)
    body_radius = radius / power ** np.float32(1 / 2.3)
    backward = y / radius
    lower = 1 - z / 320
    fat_mm = np.float32(patient.fat_mm) * (0.86 + 0.26 * backward) * lower
    sideways = np.abs(x) / radius
    rectus = np.clip(np.abs(x) / 9 - 0.2, 0.15, 1)
    front_mm = np.float32(0.65 * patient.muscle_mm) * rectus
    flank_mm = np.float32(patient.muscle_mm)
    muscle_mm = front_mm + (flank_mm - front_mm) * np.clip(1.6 * sideways - 0.35, 0, 1)
    muscle_mm = np.where(y > 0, flank_mm, muscle_mm)
    # Beside the spine the wall is as thick as the long muscles of the back.
    back_muscle = np.clip((64 - np.abs(x)) / 26, 0, 1) * np.clip(y / 40, 0, 1)
    muscle_mm = muscle_mm + np.float32(34 * patient.stature) * back_muscle
    # The lining is a little uneven, so that the wall is not of one thickness.
    muscle_mm = muscle_mm * (1 + np.float32(0.08) * space.shape_fields[0])
    fat_mm = fat_mm * (1 + np.float32(0.06) * space.shape_fields[1])
    body = body_radius - radius
    wall = body - 2 - fat_mm
    return Trunk(
        frame=frame,
        body=body.astype(np.float32),
        wall=wall.astype(np.float32),
        cavity=(wall - muscle_mm).astype(np.float32),
        diaphragm_mm=_diaphragm(space, frame),
    )


def paint_trunk(canvas: Canvas, space: Space, trunk: Trunk) -> None:
    """Paint outline, fat, muscles, spine, ribs and lungs.

    Args:
        canvas: painted in place.
        space: the grid.
        trunk: the surfaces.
    """
    paint_soft_trunk(canvas, space, trunk)
    _paint_lungs(canvas, space, trunk)
    paint_skeleton(canvas, space, trunk)


def paint_soft_trunk(canvas: Canvas, space: Space, trunk: Trunk) -> None:
    """Paint outline, fat and muscles."""
    whole = space.whole()
    body = space.coverage(trunk.body)
    canvas.paint(whole, body, Tissue.SKIN, Label.NOTHING)
    canvas.paint(whole, space.coverage(trunk.body - 2), Tissue.SUBCUTANEOUS_FAT, Label.NOTHING)
    canvas.paint(whole, space.coverage(trunk.wall), Tissue.MUSCLE, Label.MUSCLE)
    _paint_muscle_seams(canvas, space, trunk)
    canvas.paint(whole, space.coverage(trunk.cavity), Tissue.VISCERAL_FAT, Label.NOTHING)
    _paint_back_muscles(canvas, space, trunk)


def paint_skeleton(canvas: Canvas, space: Space, trunk: Trunk) -> None:
    """Paint ribs and spine."""
    _paint_ribs(canvas, space, trunk)
    _paint_spine(canvas, space, trunk.frame)


def _diaphragm(space: Space, frame: Frame) -> Field:
    """Give the height of the diaphragm: two domes, low at the edge and at the back."""
    x, y, _ = space.coordinates(space.whole())
    heights = []
    for side, drop_mm in ((-1, 0.0), (1, 14.0)):
        across = (x - side * 0.45 * frame.half_width_mm) / np.float32(0.62 * frame.half_width_mm)
        deep = (y + 14) / np.float32(0.5 * (frame.back_mm - frame.front_mm))
        fall = across * across + deep * deep
        heights.append(np.float32(frame.dome_mm - drop_mm) - 42 * fall * np.sqrt(fall))
    dome = -smooth_minimum(-heights[0], -heights[1], 10.0)
    return dome + 3 * space.shape_fields[2]


def _paint_muscle_seams(canvas: Canvas, space: Space, trunk: Trunk) -> None:
    """Paint the thin fat between the three layers of the flank's muscles."""
    x, y, _ = space.coordinates(space.whole())
    thickness = trunk.wall - trunk.cavity
    at_flank = np.clip((np.abs(x) - 70) / 25, 0, 1) * np.clip((50 - np.abs(y)) / 20, 0, 1)
    for part in (0.36, 0.68):
        distance = np.abs(trunk.wall - np.float32(part) * thickness)
        share = np.float32(0.45) * at_flank * np.clip(1.4 - distance / 1.6, 0, 1)
        canvas.paint(space.whole(), share.astype(np.float32), Tissue.VISCERAL_FAT, Label.NOTHING)


def _paint_back_muscles(canvas: Canvas, space: Space, trunk: Trunk) -> None:
    frame = trunk.frame
    region = space.box(
        np.array([-95.0, frame.spine_mm - 30, -900.0]), np.array([95.0, frame.back_mm, 900.0])
    )
    if region is None:
        return
    x, y, z = space.coordinates(region)
    strength = np.float32(frame.vertebra_mm / 22.0)
    side = np.abs(x)
    sharpness = space.roughness(region, np.array([1.0, 0, 0, 0.8, 0.6]))
    erector = _ellipse(side - 31, y - (frame.spine_mm + 42), 25 * strength, 20 * strength)
    erector = smooth_minimum(erector, trunk.wall[region] + 1, 3.0)
    growth = np.clip(6 + 0.16 * (42 - z), 0, 24) * strength
    psoas = growth - np.sqrt((side - 24 - 0.16 * (30 - z)) ** 2 + (y - frame.spine_mm - 4) ** 2)
    quadratus = _ellipse(side - 64, y - (frame.spine_mm + 31), 17 * strength, 8 * strength)
    quadratus = smooth_minimum(quadratus, 0.4 * (6 - z), 4.0)
    for level in (erector, psoas, quadratus):
        canvas.paint(region, space_coverage(space, level + sharpness), Tissue.MUSCLE, Label.MUSCLE)
    # Fat between the muscles of the back, and around the spinous processes.
    seam = np.abs(side - 30 - 0.25 * (y - frame.spine_mm - 42))
    share = np.float32(0.5) * np.clip(1 - seam / 2.2, 0, 1) * space_coverage(space, erector)
    canvas.paint(region, share.astype(np.float32), Tissue.VISCERAL_FAT, Label.NOTHING)


def space_coverage(space: Space, level: Field) -> Field:
    """Give `space.coverage(level)` for a freshly computed function."""
    return space.coverage(np.asarray(level, dtype=np.float32))


def _ellipse(
    across: Field, deep: Field, half_across: float | np.float32, half_deep: float | np.float32
) -> Field:
    squared = (across / np.float32(half_across)) ** 2 + (deep / np.float32(half_deep)) ** 2
    level: Field = (1 - np.sqrt(squared)) * np.float32(np.sqrt(half_across * half_deep))
    return level


def _paint_lungs(canvas: Canvas, space: Space, trunk: Trunk) -> None:
    x, y, z = space.coordinates(space.whole())
    above = 0.75 * (z - trunk.diaphragm_mm)
    pleura = trunk.cavity - 1.5
    beside = np.sqrt((x - 4) ** 2 + (y - trunk.frame.spine_mm + 14) ** 2) - 33
    # The heart's fat fills the middle in front of the spine.
    middle = np.sqrt((0.8 * (x - 14)) ** 2 + (0.75 * np.maximum(y + 30, 0)) ** 2) - 36
    middle = middle + 5 * space.shape_fields[1]
    level = smooth_minimum(smooth_minimum(above, pleura, 4.0), np.minimum(beside, middle), 4.0)
    canvas.paint(space.whole(), space_coverage(space, level), Tissue.LUNG, Label.LUNG)


def _paint_ribs(canvas: Canvas, space: Space, trunk: Trunk) -> None:
    x, y, z = space.coordinates(space.whole())
    angle = np.arctan2(np.abs(x), y + 10)
    # A rib falls from the spine to the flank; `head` is the height it started from.
    around = np.minimum(angle, 1.75)
    head = z / np.float32(trunk.frame.stature) + 40 * around + 18 * around * around
    turn = np.mod(head + trunk.frame.rib_phase_mm, _RIB_DISTANCE_MM) - _RIB_DISTANCE_MM / 2
    # Ribs lie on the inner half of the wall, in front of the muscles of the back.
    between = trunk.cavity + np.minimum(0.5 * (trunk.wall - trunk.cavity), 7.5) - 0.5
    reach = np.interp(head, (4, 12, 38, 66, 92), (0.0, 0.85, 1.35, 2.3, 2.7)).astype(np.float32)
    ends = np.minimum((reach - angle) * 110, (angle - 0.36) * 90)
    level = smooth_minimum(3.7 - np.abs(between), 4.9 - 0.82 * np.abs(turn), 2.0)
    cartilage = space_coverage(space, smooth_minimum(level, ends, 2.0))
    bone = smooth_minimum(level, np.minimum(ends, (2.02 - angle) * 110), 2.0)
    whole = space.whole()
    canvas.paint(whole, cartilage, Tissue.CARTILAGE, Label.NOTHING)
    canvas.paint(whole, space_coverage(space, bone), Tissue.CORTICAL_BONE, Label.BONE)
    canvas.paint(whole, space_coverage(space, bone - 1.8), Tissue.MARROW, Label.BONE)


def _paint_spine(canvas: Canvas, space: Space, frame: Frame) -> None:
    middle = frame.spine_mm
    region = space.box(
        np.array([-62.0, middle - 30, -900.0]), np.array([62.0, frame.back_mm, 900.0])
    )
    if region is None:
        return
    x, y, z = space.coordinates(region)
    size = np.float32(frame.vertebra_mm / 22.0)
    level_mm = np.float32(34 * frame.stature)
    disc_distance = np.abs(np.mod(z + frame.spine_phase_mm, level_mm) - level_mm / 2)
    within_bone = level_mm / 2 - 4.0 - disc_distance
    # Bodies are slimmer at half height.
    waist = 1 - np.float32(0.07) * np.clip(within_bone / 12, 0, 1)
    column = _ellipse(x, y - middle, frame.vertebra_mm, 0.78 * frame.vertebra_mm)
    column += (waist - 1) * np.float32(frame.vertebra_mm)
    canal_y = np.float32(middle + 1.28 * frame.vertebra_mm)
    canal = 9.0 * size - np.sqrt((0.85 * x) ** 2 + (y - canal_y) ** 2)
    arch = _arch(x, y - canal_y, within_bone, size)
    body = smooth_minimum(column, within_bone, 2.0)
    canvas.paint(region, space_coverage(space, column), Tissue.DISC, Label.NOTHING)
    for level, shell_mm in ((arch, 2.0), (body, 1.6)):
        bone = space_coverage(space, level)
        canvas.paint(region, bone, Tissue.CORTICAL_BONE, Label.BONE)
        inside = space_coverage(space, level - np.float32(shell_mm))
        canvas.paint(region, inside, Tissue.MARROW, Label.BONE)
    canal_share = space_coverage(space, np.minimum(canal, -column))
    canvas.paint(region, canal_share, Tissue.VISCERAL_FAT, Label.NOTHING)
    sac = space_coverage(space, np.minimum(canal - 2, -column - 2))
    canvas.paint(region, sac, Tissue.SPINAL_CANAL, Label.NOTHING)


def _arch(x: Field, behind: Field, within_bone: Field, size: np.float32) -> Field:
    """Give laminae, spinous and transverse processes and the facet joints.

    Args:
        x: distance from the midline.
        behind: distance behind the middle of the canal.
        within_bone: distance within the height of a vertebral body.
        size: relative size of the vertebra.
    """
    side = np.abs(x)
    ring = 14.0 * size - np.sqrt((0.85 * x) ** 2 + behind**2)
    ring = smooth_minimum(ring, within_bone - 2, 2.0)
    spinous = np.minimum(3.4 * size - side, np.minimum(behind, 37 * size - behind))
    spinous = smooth_minimum(spinous, within_bone - 3, 2.0)
    transverse = np.minimum(4.0 - np.abs(behind + 2 + 0.1 * (side - 20)), 36 * size - side)
    transverse = smooth_minimum(transverse, within_bone - 8, 2.0)
    facets = 7.5 * size - np.sqrt((side - 15 * size) ** 2 + (behind - 8) ** 2)
    facets = smooth_minimum(facets, 5 - within_bone, 2.0)
    return np.maximum(np.maximum(ring, spinous), np.maximum(transverse, facets))
