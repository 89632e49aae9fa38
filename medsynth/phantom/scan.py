"""One made-up scan, from the patient to Hounsfield units."""

import dataclasses
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medsynth.imaging.volume import Volume, axial_affine
from medsynth.phantom.anatomy import paint_anatomy
from medsynth.phantom.canvas import Canvas, blank_canvas
from medsynth.phantom.enhancement import NO_BOLUS, Bolus, draw_bolus
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.patient import PatientProfile, draw_patient
from medsynth.phantom.randomness import Stream, random_stream
from medsynth.phantom.scanner import (
    apply_kernel,
    blank_outside_circle,
    draw_noise,
    paint_table,
    to_stored_hu,
)
from medsynth.phantom.site import SITES, Site
from medsynth.phantom.space import Field, ScanPosition, Space, build_space
from medsynth.phantom.tissue import draw_tissues

Phase = Literal["contrast", "noncontrast"]
# Height of the heart's base above the first lumbar vertebra in a patient of 171 cm.
_CHEST_MIDDLE_MM = 200.0


@dataclasses.dataclass(frozen=True)
class PhantomScan:
    """One made-up scan with everything that is known about it.

    Attributes:
        volume: the scan, int16 HU.
        truth: for a contrast scan, the same patient, grid and noise without
            contrast, int16 HU; None for a noncontrast scan.
        labels: (slices, rows, columns), uint8, values of `canvas.Label`.
        body: (slices, rows, columns), bool, inside the skin.
        patient: who is scanned.
        site: where.
        bolus: what was injected.
    """

    volume: Volume
    truth: Volume | None
    labels: NDArray[np.uint8]
    body: NDArray[np.bool_]
    patient: PatientProfile
    site: Site
    bolus: Bolus


def render_scan(
    seed: int, patient_index: int, options: PhantomOptions, phase: Phase
) -> PhantomScan:
    """Make one scan in memory; the same arguments always give the same scan.

    The two phases of one patient are two scans: anatomy is shared, but breath,
    position and noise differ, as between two sweeps of one examination. The
    truth of a contrast scan differs from it by the contrast agent alone.

    Args:
        seed: the cohort's seed, not negative.
        patient_index: the patient's place in the cohort, from 0; it decides
            patient and site, and neither depends on the cohort's size.
        options: the grid, and the number of sites.
        phase: whether a contrast agent was injected.
    """
    patient = draw_patient(seed, patient_index)
    site = SITES[patient_index % options.sites]
    bolus = draw_bolus(seed, patient, options.region) if phase == "contrast" else NO_BOLUS
    scan_number = 0 if phase == "contrast" else 1
    position = _draw_position(seed, patient, scan_number, options.region)
    space = build_space(
        seed, patient_index, options, position=position, thickness_ratio=site.thickness_ratio
    )
    canvas = blank_canvas(space.shape, draw_tissues(seed, patient, bolus))
    body = paint_anatomy(canvas, space, seed, patient, options.region)
    noise = random_stream(seed, patient_index, Stream.NOISE, scan_number)
    plain_hu, gain_hu = _scan(canvas, space, body, site, options, noise)
    affine = _affine(seed, patient_index, options)
    enhanced_hu = to_stored_hu(plain_hu.astype(np.float32) + gain_hu)
    blank_outside_circle(enhanced_hu)
    return PhantomScan(
        volume=Volume(enhanced_hu, affine),
        truth=Volume(plain_hu, affine) if phase == "contrast" else None,
        labels=canvas.labels,
        body=body >= 0.5,
        patient=patient,
        site=site,
        bolus=bolus,
    )


def _scan(
    canvas: Canvas,
    space: Space,
    body: Field,
    site: Site,
    options: PhantomOptions,
    random: np.random.Generator,
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Give the plain scan with its noise, and the whole-HU gain that contrast adds to it."""
    plain_hu = canvas.plain_hu + canvas.texture_hu * space.texture
    paint_table(plain_hu, body, site, options.spacing_mm)
    noise_hu = draw_noise(random, body=body, plain_hu=plain_hu, site=site, options=options)
    blurred_hu = apply_kernel(plain_hu, site, options.spacing_mm)
    blurred_hu += np.float32(site.hu_offset) * body
    stored_hu = to_stored_hu(blurred_hu + noise_hu)
    blank_outside_circle(stored_hu)
    # Rounded apart from the noise, so that the difference of the two is free of it.
    gain_hu = np.rint(apply_kernel(canvas.gain_hu, site, options.spacing_mm)).astype(np.int16)
    return stored_hu, gain_hu


def _draw_position(
    seed: int, patient: PatientProfile, scan_number: int, region: BodyRegion
) -> ScanPosition:
    middle_mm = _CHEST_MIDDLE_MM * patient.stature if region is BodyRegion.CHEST else 0.0
    lying = random_stream(seed, patient.index, Stream.POSITION)
    left_mm, back_mm, head_mm = lying.normal(0, (2.5, 3.0, 6.0))
    sweep = random_stream(seed, patient.index, Stream.POSITION, 1 + scan_number)
    return ScanPosition(
        left_mm=float(np.clip(left_mm, -6, 6)),
        back_mm=float(np.clip(back_mm, -7, 7)),
        head_mm=middle_mm + float(np.clip(head_mm, -14, 14)),
        breath_mm=float(np.clip(sweep.normal(0, 3), -7, 7)),
    )


def _affine(seed: int, patient_index: int, options: PhantomOptions) -> NDArray[np.float64]:
    # Where the table stood is arbitrary, and the same for all scans of a patient.
    lying = random_stream(seed, patient_index, Stream.POSITION, 9)
    lowest_mm = -round(float(lying.uniform(600, 1200)), 1)
    half_mm = (options.matrix - 1) / 2 * options.spacing_mm
    return axial_affine(
        (options.slice_mm, options.spacing_mm, options.spacing_mm), (half_mm, half_mm, lowest_mm)
    )
