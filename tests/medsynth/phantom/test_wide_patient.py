import dataclasses

import numpy as np

from medsynth.phantom.canvas import Label
from medsynth.phantom.enhancement import NO_BOLUS, Bolus, EnhancementPhase
from medsynth.phantom.options import BodyRegion
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.tissue import Tissue, TissueSheet, draw_tissues
from medsynth.phantom.wide_patient import (
    MATRIX,
    WideView,
    draw_wide_bolus,
    paint_wide_patient,
    widen_tissues,
)

VIEW = WideView(
    stream=1,
    slices=3,
    slice_mm=40.0,
    spacing_mm=3.0,
    middle_mm=(0.0, 200.0),
    head_spread_mm=10.0,
    breath_spread_mm=5.0,
)


def test_a_patient_is_made_at_the_height_that_the_region_asks_for() -> None:
    abdomen = paint_wide_patient(2, 0, BodyRegion.ABDOMEN, VIEW)
    chest = paint_wide_patient(2, 0, BodyRegion.CHEST, VIEW)
    assert abdomen.plain_hu.shape == abdomen.gain_hu.shape == (3, MATRIX, MATRIX)
    assert (chest.labels == Label.LUNG).sum() > 3 * (abdomen.labels == Label.LUNG).sum()
    assert (abdomen.labels == Label.KIDNEY).sum() > (chest.labels == Label.KIDNEY).sum()


def test_streams_give_other_patients_and_equal_ones_the_same() -> None:
    first, again = (paint_wide_patient(2, 1, BodyRegion.ABDOMEN, VIEW) for _ in range(2))
    assert np.array_equal(first.plain_hu, again.plain_hu)
    other = dataclasses.replace(VIEW, stream=2)
    assert not np.array_equal(
        first.plain_hu, paint_wide_patient(2, 1, BodyRegion.ABDOMEN, other).plain_hu
    )


def test_tissues_can_be_changed_before_they_are_painted() -> None:
    def without_gain(sheet: TissueSheet, _: np.random.Generator) -> TissueSheet:
        return TissueSheet(
            tuple(
                (tissue, dataclasses.replace(look, gain_hu=0.0))
                for tissue, look in sheet.appearances
            )
        )

    as_drawn = paint_wide_patient(2, 0, BodyRegion.ABDOMEN, VIEW)
    changed = paint_wide_patient(2, 0, BodyRegion.ABDOMEN, VIEW, without_gain)
    assert as_drawn.gain_hu.max() > 40
    assert changed.gain_hu.max() == 0
    assert np.array_equal(as_drawn.plain_hu, changed.plain_hu)


def test_widened_tissues_hold_no_agent_that_was_not_given() -> None:
    patient = draw_patient(1, 0)
    random = np.random.default_rng(0)
    for _ in range(20):
        sheet = widen_tissues(draw_tissues(1, patient, NO_BOLUS), NO_BOLUS, random)
        assert all(look.gain_hu == 0 for _, look in sheet.appearances)


def test_blood_is_one_in_all_vessels_and_varies_between_patients() -> None:
    patient = draw_patient(1, 0)
    sheet = draw_tissues(1, patient, NO_BOLUS)
    shifts = []
    for seed in range(40):
        wide = widen_tissues(sheet, NO_BOLUS, np.random.default_rng(seed))
        vessels = (Tissue.ARTERY, Tissue.VENA_CAVA, Tissue.PULMONARY_ARTERY)
        shift = [
            wide.appearance(tissue).plain_hu - sheet.appearance(tissue).plain_hu
            for tissue in vessels
        ]
        # Each vessel's own shift is at most 0.3 * 9 HU.
        assert max(shift) - min(shift) < 5.5
        shifts.append(shift[0])
    assert 4 < np.std(shifts) < 11


def test_oral_agent_fills_some_bowels_and_not_all() -> None:
    sheet = draw_tissues(1, draw_patient(1, 0), NO_BOLUS)
    filled = 0
    for seed in range(60):
        wide = widen_tissues(sheet, NO_BOLUS, np.random.default_rng(seed))
        filled += wide.appearance(Tissue.BOWEL_CONTENT).plain_hu > 70
    # Three in ten, so 18 of 60 give or take.
    assert 8 <= filled <= 30


def test_only_chests_are_scanned_while_the_bolus_is_in_the_lungs() -> None:
    random = np.random.default_rng(0)
    seconds = {
        region: [draw_wide_bolus(region, random).seconds for _ in range(100)]
        for region in BodyRegion
    }
    assert min(seconds[BodyRegion.ABDOMEN]) >= 27
    assert min(seconds[BodyRegion.CHEST]) < 25


def test_late_kidneys_may_excrete_the_agent() -> None:
    bolus = Bolus(EnhancementPhase.NEPHROGRAPHIC, seconds=108.0, strength=1.0)
    sheet = draw_tissues(1, draw_patient(1, 0), bolus)
    gains = [
        widen_tissues(sheet, bolus, np.random.default_rng(seed))
        .appearance(Tissue.RENAL_PELVIS)
        .gain_hu
        for seed in range(30)
    ]
    assert min(gains) < 50
    assert max(gains) > 250
