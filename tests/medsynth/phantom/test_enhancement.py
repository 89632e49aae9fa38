import numpy as np
import pytest

from medsynth.phantom.enhancement import (
    NO_BOLUS,
    Bolus,
    EnhancementPhase,
    draw_bolus,
    enhancement_at,
)
from medsynth.phantom.options import BodyRegion
from medsynth.phantom.patient import draw_patient


def test_enhancement_at_the_portal_time_is_strength_times_the_table() -> None:
    bolus = Bolus(EnhancementPhase.PORTAL, seconds=70.0, strength=1.5)
    assert enhancement_at(bolus, (10.0, 60.0, 40.0)) == pytest.approx(90.0)


def test_enhancement_between_phases_lies_on_a_straight_line() -> None:
    bolus = Bolus(EnhancementPhase.PORTAL, seconds=52.5, strength=1.0)
    assert enhancement_at(bolus, (10.0, 60.0, 40.0)) == pytest.approx(35.0)


def test_nothing_enhances_before_the_bolus_arrives() -> None:
    early = Bolus(EnhancementPhase.ARTERIAL, seconds=11.0, strength=1.0)
    assert enhancement_at(early, (10.0, 60.0, 40.0)) == 0.0
    assert enhancement_at(NO_BOLUS, (10.0, 60.0, 40.0)) == 0.0


def test_most_boluses_are_portal_venous_and_all_phases_occur() -> None:
    phases = [draw_bolus(3, draw_patient(3, index)).phase for index in range(300)]
    shares = {phase: phases.count(phase) / 300 for phase in EnhancementPhase}
    assert shares[EnhancementPhase.PULMONARY] == 0
    assert shares[EnhancementPhase.PORTAL] == pytest.approx(0.72, abs=0.08)
    assert shares[EnhancementPhase.ARTERIAL] == pytest.approx(0.15, abs=0.06)
    assert shares[EnhancementPhase.NEPHROGRAPHIC] == pytest.approx(0.13, abs=0.06)


def test_heavy_patients_get_weaker_boluses() -> None:
    patients = [draw_patient(3, index) for index in range(200)]
    strengths = [draw_bolus(3, patient).strength for patient in patients]
    weights = [patient.weight_kg for patient in patients]
    assert np.corrcoef(weights, strengths)[0, 1] < -0.3


def test_a_pulmonary_gain_bends_the_way_to_the_arterial_phase() -> None:
    early = Bolus(EnhancementPhase.PULMONARY, seconds=20.0, strength=2.0)
    assert enhancement_at(early, (100.0, 60.0, 40.0), pulmonary_hu=300.0) == pytest.approx(600.0)
    # Half way from 300 at 20 s to 100 at 35 s, twice the standard strength.
    later = Bolus(EnhancementPhase.PULMONARY, seconds=27.5, strength=2.0)
    assert enhancement_at(later, (100.0, 60.0, 40.0), pulmonary_hu=300.0) == pytest.approx(400.0)


def test_a_quarter_of_chests_are_scanned_while_the_bolus_is_in_the_lungs() -> None:
    boluses = [draw_bolus(3, draw_patient(3, index), BodyRegion.CHEST) for index in range(300)]
    early = [bolus for bolus in boluses if bolus.phase is EnhancementPhase.PULMONARY]
    assert len(early) / 300 == pytest.approx(0.25, abs=0.07)
    assert all(15 < bolus.seconds < 25 for bolus in early)
