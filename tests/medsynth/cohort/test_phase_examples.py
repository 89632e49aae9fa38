import numpy as np
import pytest

from medsynth.cohort.phase_examples import (
    PhaseExamples,
    draw_wide_bolus,
    make_examples,
    widen_tissues,
)
from medsynth.phantom.enhancement import NO_BOLUS, Bolus, EnhancementPhase
from medsynth.phantom.options import BodyRegion
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.tissue import Tissue, draw_tissues


@pytest.fixture(scope="module")
def examples() -> PhaseExamples:
    return make_examples(4, patients=2)


def test_every_patient_gives_slices_of_one_size(examples: PhaseExamples) -> None:
    assert examples.plain_hu.shape == (28, 128, 128)
    assert np.unique(examples.patients, return_counts=True)[1].tolist() == [14, 14]


def test_enhanced_places_gain_and_most_telling_places_are_enhanced(
    examples: PhaseExamples,
) -> None:
    assert examples.gain_hu[examples.is_enhanced].min() >= 20
    assert (examples.is_enhanced & examples.is_telling).sum() > 0.3 * examples.is_telling.sum()
    assert examples.is_telling.mean() > 0.005


def test_equal_seeds_give_equal_examples(examples: PhaseExamples) -> None:
    again = make_examples(4, patients=1)
    assert again.plain_hu.tobytes() == examples.plain_hu[:14].tobytes()


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
