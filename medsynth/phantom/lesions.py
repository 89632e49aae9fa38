"""Cysts, metastases and tumours in liver, kidneys and spleen."""

import dataclasses

import numpy as np

from medsynth.phantom.canvas import Canvas, Label
from medsynth.phantom.kidneys import Kidney
from medsynth.phantom.patient import PatientProfile
from medsynth.phantom.shapes import Point, ellipsoid, ellipsoid_region
from medsynth.phantom.space import Space
from medsynth.phantom.tissue import Tissue
from medsynth.phantom.torso import Frame


@dataclasses.dataclass(frozen=True)
class Lesion:
    """One lesion.

    Attributes:
        tissue: CYST, METASTASIS or TUMOUR.
        centre: x, y, z in mm.
        half_axes: mm.
        host: the label it must lie in to be painted.
        overhang: whether it may bulge out of its organ.
    """

    tissue: Tissue
    centre: Point
    half_axes: Point
    host: Label
    overhang: bool


def draw_lesions(
    patient: PatientProfile,
    frame: Frame,
    kidneys: tuple[Kidney, Kidney],
    random: np.random.Generator,
) -> tuple[Lesion, ...]:
    """Draw a patient's lesions; cysts become more frequent with age.

    Args:
        patient: gives the age.
        frame: the patient's landmarks.
        kidneys: where the kidneys are.
        random: the stream of the lesions.
    """
    years = max(0.0, (patient.age_years - 30) / 30)
    lesions = _liver_lesions(frame, years, random)
    for kidney in kidneys:
        sizes_mm = random.uniform(4, 17, int(random.poisson(0.6 * years)))
        lesions += [_kidney_lesion(kidney, Tissue.CYST, float(size), random) for size in sizes_mm]
        if random.random() < 0.1:
            size_mm = random.uniform(9, 22)
            lesions.append(_kidney_lesion(kidney, Tissue.TUMOUR, size_mm, random))
    if random.random() < 0.15:
        tissue = Tissue.CYST if random.random() < 0.6 else Tissue.METASTASIS
        centre = frame.place(random.uniform(0.72, 0.86), random.uniform(0.8, 1.1), 38)
        lesions.append(_lesion(tissue, centre, random.uniform(5, 13), Label.SPLEEN, random))
    return tuple(lesions)


def paint_lesion(canvas: Canvas, space: Space, lesion: Lesion) -> None:
    """Paint a lesion where its organ is; elsewhere nothing happens.

    Args:
        canvas: painted in place.
        space: the grid.
        lesion: what to paint.
    """
    region = ellipsoid_region(space, lesion.centre, lesion.half_axes)
    if region is None:
        return
    level = ellipsoid(space, region, lesion.centre, lesion.half_axes, (0.0, 0.0, 0.0))
    if lesion.tissue is not Tissue.CYST:
        level += space.roughness(region, np.array([0, 0, 0, 1.4, 1.4]))
    share = space.coverage(level)
    inside = share >= 0.5
    in_host = canvas.labels[region] == int(lesion.host)
    if not inside.any() or in_host[inside].mean() < (0.4 if lesion.overhang else 0.85):
        return
    canvas.paint(region, share, lesion.tissue, Label.LESION)
    if lesion.tissue is Tissue.TUMOUR:
        # The middle of a tumour is often dead and takes up nothing.
        core = space.coverage(level - np.float32(0.6 * min(lesion.half_axes)))
        canvas.paint(region, core * np.float32(0.7), Tissue.CYST, Label.LESION)


def _liver_lesions(frame: Frame, years: float, random: np.random.Generator) -> list[Lesion]:
    sizes_mm = random.uniform(4, 15, int(random.poisson(0.5 * years)))
    lesions = [_liver_lesion(frame, Tissue.CYST, float(size), random) for size in sizes_mm]
    if random.random() < 0.35:
        sizes_mm = random.uniform(5, 17, int(random.integers(1, 7)))
        lesions += [
            _liver_lesion(frame, Tissue.METASTASIS, float(size), random) for size in sizes_mm
        ]
    if random.random() < 0.1:
        lesions.append(_liver_lesion(frame, Tissue.TUMOUR, random.uniform(12, 28), random))
    return lesions


def _liver_lesion(
    frame: Frame, tissue: Tissue, size_mm: float, random: np.random.Generator
) -> Lesion:
    across, deep, up_mm = random.uniform((-0.88, 0.12, -20), (-0.1, 1.15, 70))
    return _lesion(tissue, frame.place(across, deep, up_mm), size_mm, Label.LIVER, random)


def _kidney_lesion(
    kidney: Kidney, tissue: Tissue, size_mm: float, random: np.random.Generator
) -> Lesion:
    turn = random.uniform(-1.6, 1.6)
    up = random.uniform(-0.75, 0.75)
    out = np.sqrt(1 - up**2) * 0.85
    centre = kidney.inner_point(out * np.cos(turn), out * np.sin(turn), up)
    return _lesion(tissue, centre, size_mm, Label.KIDNEY, random)


def _lesion(
    tissue: Tissue, centre: Point, size_mm: float, host: Label, random: np.random.Generator
) -> Lesion:
    x, y, z = size_mm * np.clip(random.normal(1, 0.1, 3), 0.75, 1.3)
    return Lesion(
        tissue=tissue,
        centre=centre,
        half_axes=(float(x), float(y), float(z)),
        host=host,
        overhang=host is Label.KIDNEY,
    )
