"""The chest's wall: outline, shoulders, arms, breasts, sternum and scapulae, and the lungs."""

import dataclasses

import numpy as np

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.patient import PatientProfile, Sex
from medsynth.phantom.shapes import (
    Point,
    ellipsoid,
    ellipsoid_region,
    smooth_minimum,
    smooth_path,
    tube,
)
from medsynth.phantom.space import Field, Region, Space
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.torso import Frame, Trunk, paint_skeleton, paint_soft_trunk

_ARM_FAT_MM = 9.0
_FAR_BELOW = -40.0
_THINNER_BACK_MM = 20.0


@dataclasses.dataclass(frozen=True)
class Tube:
    """A bent tube.

    Attributes:
        points: corners of its path, mm.
        radii_mm: radius at each corner.
    """

    points: tuple[Point, ...]
    radii_mm: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Chest:
    """What is a patient's own about the chest, mm.

    Attributes:
        frame: the landmarks of the trunk.
        arms: shoulder and upper arm of either side.
        breast_half_axes: of either breast; None where there is none to see.
        glandular_share: how much of a breast is gland, 0 to 1.
        heart_centre: x, y, z.
        heart_size: relative to the average.
        lean: x by which the upper mediastinum leans to the left.
    """

    frame: Frame
    arms: tuple[Tube, Tube]
    breast_half_axes: Point | None
    glandular_share: float
    heart_centre: Point
    heart_size: float
    lean: float

    def height(self, up_mm: float) -> float:
        """Give a height of a patient of 171 cm for this patient."""
        return up_mm * self.frame.stature


def draw_chest(patient: PatientProfile, frame: Frame, random: np.random.Generator) -> Chest:
    """Draw a patient's chest; the arms are raised in two of three.

    Args:
        patient: gives sex and size.
        frame: the patient's landmarks.
        random: the stream of the chest.
    """
    are_arms_raised = random.random() < 2 / 3
    size = np.clip(random.normal(1, 0.12, 3), 0.7, 1.35)
    is_female = patient.sex is Sex.FEMALE
    fullness_mm = np.clip(12 + patient.fat_mm * random.uniform(0.3, 1.3), 12, 48)
    half_axes = (62.0 * size[0], float(fullness_mm), 58.0 * size[1])
    centre = (
        random.normal(22, 6),
        frame.front_mm + random.normal(52, 4),
        frame.dome_mm + 46 * frame.stature + random.normal(0, 6),
    )
    arms = tuple(_arm(patient, frame, side, are_arms_raised) for side in (-1, 1))
    return Chest(
        frame=frame,
        arms=(arms[0], arms[1]),
        breast_half_axes=half_axes if is_female else None,
        glandular_share=float(np.clip(random.normal(0.9 - patient.age_years / 110, 0.2), 0, 0.9)),
        heart_centre=centre,
        heart_size=float(np.clip(random.normal(1.0, 0.08), 0.85, 1.25)),
        lean=random.normal(0, 4),
    )


def _arm(patient: PatientProfile, frame: Frame, side: int, is_raised: bool) -> Tube:
    stature = frame.stature
    joint = (side * 158.0 * stature, frame.spine_mm + 4, 318 * stature)
    radius_mm = 34.0 + 0.5 * patient.fat_mm
    if is_raised:
        elbow = (side * 150.0, frame.spine_mm - 40, 470 * stature)
        return Tube((joint, elbow), (radius_mm + 12, radius_mm))
    beside = side * (patient.half_width_mm + 38)
    points = (joint, (beside, frame.spine_mm + 6, 250 * stature), (beside, frame.spine_mm, -40.0))
    return Tube(points, (radius_mm + 12, radius_mm, radius_mm - 4))


def shape_chest(space: Space, trunk: Trunk, chest: Chest) -> Trunk:
    """Give the surfaces of a trunk that narrows into shoulders and neck.

    Args:
        space: the grid.
        trunk: the surfaces of a trunk that goes on upwards for ever.
        chest: shoulders, arms and breasts.

    Returns:
        New surfaces; the cavity is that of the ribs.
    """
    frame = chest.frame
    x, y, z = space.coordinates(space.whole())
    height = z / np.float32(frame.stature)
    narrower = np.interp(height, (150, 230, 280, 320, 350), (0, 3, 16, 34, 60)).astype(np.float32)
    # Chest and shoulders lose depth towards the neck, but keep their width.
    deepness = np.clip(np.abs(y) / (np.sqrt(x * x + y * y) + 1), 0, 1)
    slope_mm = np.interp(np.abs(x), (45, 75, 130, 200), (370, 352, 336, 318)) * frame.stature
    roof = 0.8 * (slope_mm.astype(np.float32) - z)
    body = smooth_minimum(trunk.body - narrower * deepness, roof, 14.0)
    wall = smooth_minimum(trunk.wall - narrower * deepness, roof - 5, 14.0)
    neck_mm = 58 - np.sqrt(x * x + (0.95 * (y - frame.spine_mm + 22)) ** 2)
    neck = np.minimum(neck_mm, z - 290)
    apex = np.interp(height, (170, 220, 262, 295, 318), (0, 3, 20, 48, 95)).astype(np.float32)
    body, wall = np.maximum(body, neck), np.maximum(wall, neck - 5)
    body, wall = body.astype(np.float32), wall.astype(np.float32)
    for arm in chest.arms:
        _join_arm(space, arm, body, wall)
    _join_breasts(space, chest, body)
    # The loin's long muscles thin out beside the chest's spine, and the lungs reach behind it.
    back = np.clip((70 - np.abs(x)) / 26, 0, 1) * np.clip(y / 40, 0, 1)
    deeper = _THINNER_BACK_MM * np.clip((height - 90) / 50, 0, 1) * back
    cavity = np.minimum(trunk.cavity + deeper, wall - 12) - apex
    return dataclasses.replace(trunk, body=body, wall=wall, cavity=cavity.astype(np.float32))


def _join_arm(space: Space, arm: Tube, body: Field, wall: Field) -> None:
    drawn = tube(space, *smooth_path(np.array(arm.points), np.array(arm.radii_mm), 4))
    if drawn is not None:
        region, level = drawn
        np.maximum(body[region], level, out=body[region])
        np.maximum(wall[region], level - np.float32(_ARM_FAT_MM), out=wall[region])


def _join_breasts(space: Space, chest: Chest, body: Field) -> None:
    for region, level in _breasts(space, chest):
        np.maximum(body[region], level, out=body[region])


def _breasts(space: Space, chest: Chest) -> list[tuple[Region, Field]]:
    found: list[tuple[Region, Field]] = []
    if chest.breast_half_axes is None:
        return found
    for side in (-1, 1):
        centre = (side * 78.0, chest.frame.front_mm - 8, chest.height(192))
        region = ellipsoid_region(space, centre, chest.breast_half_axes)
        if region is not None:
            level = ellipsoid(space, region, centre, chest.breast_half_axes, (0.0, 0.0, 0.3 * side))
            found.append((region, np.asarray(level, dtype=np.float32)))
    return found


def paint_chest_wall(canvas: Canvas, space: Space, trunk: Trunk, chest: Chest) -> None:
    """Paint outline, fat, muscles, lungs and bones of the chest.

    Args:
        canvas: painted in place.
        space: the grid.
        trunk: the surfaces from `shape_chest`.
        chest: the patient's own chest.
    """
    paint_soft_trunk(canvas, space, trunk)
    _paint_chest_fat(canvas, space, trunk, chest)
    _paint_glands(canvas, space, trunk, chest)
    whole = space.whole()
    lung = _lung_level(space, trunk, chest)
    canvas.paint(whole, space.coverage(lung), Tissue.LUNG, Label.LUNG)
    paint_skeleton(canvas, space, trunk)
    _paint_sternum(canvas, space, trunk, chest)
    _paint_scapulae(canvas, space, trunk, chest)
    _paint_shoulder_bones(canvas, space, chest)


def _lung_level(space: Space, trunk: Trunk, chest: Chest) -> Field:
    """Give the lungs: within the ribs, above the diaphragm, beside the mediastinum."""
    frame = trunk.frame
    x, y, z = space.coordinates(space.whole())
    height = z / np.float32(frame.stature)
    half_mm = np.interp(height, (90, 140, 190, 215, 250, 285, 320), (40, 38, 36, 33, 30, 33, 44))
    depth = (y - frame.front_mm) / np.float32(frame.spine_mm - frame.front_mm)
    # In front the lungs nearly meet behind the sternum; behind they reach beside the spine.
    share = np.interp(depth, (0.0, 0.12, 0.4, 0.8, 1.0, 1.5), (0.3, 0.45, 1.0, 1.0, 0.85, 0.7))
    middle = half_mm.astype(np.float32) * share.astype(np.float32)
    shift = np.float32(4 + chest.lean)
    level = np.abs(x - shift) - middle + 3 * space.shape_fields[1]
    spine = np.sqrt(x * x + (y - frame.spine_mm) ** 2) - np.float32(frame.vertebra_mm + 4)
    level = smooth_minimum(np.minimum(level, spine), trunk.cavity - 1.5, 4.0)
    level = smooth_minimum(level, 0.75 * (z - trunk.diaphragm_mm), 4.0)
    size = chest.heart_size
    half_axes = (56 * size, 52 * size, 62 * size)
    region = ellipsoid_region(space, chest.heart_centre, half_axes)
    if region is not None:
        heart = ellipsoid(space, region, chest.heart_centre, half_axes, (0.0, 0.45, 0.5))
        level[region] = smooth_minimum(level[region], np.asarray(-heart, dtype=np.float32), 4.0)
    return np.asarray(level, dtype=np.float32)


def _paint_chest_fat(canvas: Canvas, space: Space, trunk: Trunk, chest: Chest) -> None:
    """Paint fat between the muscles of the chest wall, and in the armpits."""
    x, _, z = space.coordinates(space.whole())
    height = z / np.float32(chest.frame.stature)
    outside_ribs = -trunk.cavity
    layer = 1.6 - np.abs(outside_ribs - 13 - 3 * space.shape_fields[3])
    layer = np.minimum(layer, np.minimum(height - 120, trunk.wall - 4).astype(np.float32))
    armpit = np.minimum(np.abs(x) - 0.72 * chest.frame.half_width_mm, outside_ribs - 10)
    armpit = np.minimum(armpit, np.minimum(height - 185, 312 - height))
    # What is left between the fat are the muscles that run to the arm.
    armpit = np.minimum(armpit, 7 * space.shape_fields[4] + 5 * space.shape_fields[3] + 3)
    armpit = np.minimum(armpit, trunk.wall - 3)
    level = np.maximum(layer, armpit)
    share = space.coverage(np.asarray(level, dtype=np.float32))
    canvas.paint(space.whole(), share, Tissue.SUBCUTANEOUS_FAT, Label.NOTHING)


def _paint_glands(canvas: Canvas, space: Space, trunk: Trunk, chest: Chest) -> None:
    for region, level in _breasts(space, chest):
        # Strands of gland run through the fat and spare the skin.
        strands = 9 * space.shape_fields[3][region] + 6 * space.shape_fields[4][region]
        within = np.minimum(level, -trunk.wall[region]) - 8
        inside = np.minimum(within, strands + np.float32(16 * (chest.glandular_share - 0.55)))
        share = space.coverage(np.asarray(inside, dtype=np.float32))
        canvas.paint(region, share, Tissue.GLAND, Label.NOTHING)


def _paint_sternum(canvas: Canvas, space: Space, trunk: Trunk, chest: Chest) -> None:
    x, y, z = space.coordinates(space.whole())
    height = z / np.float32(chest.frame.stature)
    half_mm = np.interp(height, (150, 170, 250, 285), (8, 15, 17, 26)).astype(np.float32)
    ahead = np.where(y < 0, -trunk.cavity - 7, np.float32(_FAR_BELOW))
    plate = (np.float32(5.5) - np.abs(ahead)).astype(np.float32)
    level = smooth_minimum(half_mm - np.abs(x), plate, 2.0)
    ends = np.minimum(height - 150, 288 - height)
    level = smooth_minimum(level, ends.astype(np.float32), 2.0)
    _paint_bone(canvas, space, space.whole(), np.asarray(level, dtype=np.float32))


def _paint_scapulae(canvas: Canvas, space: Space, trunk: Trunk, chest: Chest) -> None:
    x, y, z = space.coordinates(space.whole())
    height = z / np.float32(chest.frame.stature)
    between = np.minimum(-trunk.cavity - 15, trunk.wall + 4)
    sheet = (np.float32(3.2) - np.abs(between)).astype(np.float32)
    inner = np.interp(height, (190, 250, 310), (88, 72, 80)).astype(np.float32)
    outer = np.interp(height, (190, 250, 310), (104, 130, 150)).astype(np.float32)
    extent = np.minimum(np.abs(x) - inner, outer - np.abs(x))
    extent = np.minimum(extent, np.minimum(height - 190, 318 - height))
    level = smooth_minimum(sheet, np.minimum(extent, y - 10).astype(np.float32), 2.0)
    _paint_bone(canvas, space, space.whole(), np.asarray(level, dtype=np.float32))


def _paint_shoulder_bones(canvas: Canvas, space: Space, chest: Chest) -> None:
    frame = chest.frame
    for arm, side in zip(chest.arms, (-1, 1), strict=True):
        joint = np.array(arm.points[0])
        path = np.array([joint, *(np.array(point) for point in arm.points[1:])])
        shaft = np.interp(np.linspace(0, 1, len(path)), (0, 0.3, 1), (14.0, 11.0, 11.0))
        bones = [(np.array([joint - 1, joint + 1]), np.full(2, 23.0)), (path, shaft)]
        handle = np.array([side * 18.0, frame.front_mm + 24, chest.height(288)])
        middle = np.array([side * 80.0, frame.front_mm + 28, chest.height(306)])
        end = joint + np.array([-side * 14.0, -6.0, 22.0])
        bones.append((np.array([handle, middle, end]), np.array([9.0, 6.0, 7.0])))
        socket = joint + np.array([-side * 34.0, 14.0, -4.0])
        blade = socket + np.array([-side * 30.0, 26.0, 10.0])
        bones.append((np.array([socket, blade]), np.array([11.0, 5.0])))
        for points, radii in bones:
            drawn = tube(space, *smooth_path(points, radii, 4))
            if drawn is not None:
                _paint_bone(canvas, space, *drawn)


def _paint_bone(canvas: Canvas, space: Space, region: Region, level: Field) -> None:
    canvas.paint(region, space.coverage(level), Tissue.CORTICAL_BONE, Label.BONE)
    inside = space.coverage(np.asarray(level - 2.2, dtype=np.float32))
    canvas.paint(region, inside, Tissue.MARROW, Label.BONE)
