import numpy as np
import pytest

from medsynth.phantom.canvas import Label
from medsynth.phantom.enhancement import EnhancementPhase
from medsynth.phantom.scan import PhantomScan, render_scan
from tests.medsynth.phantom.chest_scans import CHEST, VOXEL_ML, chest_scan

PATIENTS = range(8)


def _gain_hu(scan: PhantomScan, label: Label) -> float:
    assert scan.truth is not None
    gain = scan.volume.voxels_hu.astype(np.float32) - scan.truth.voxels_hu
    return float(np.median(gain[scan.labels == int(label)]))


def _in_phase(phase: EnhancementPhase) -> list[PhantomScan]:
    scans = [chest_scan(index) for index in PATIENTS]
    return [scan for scan in scans if scan.bolus.phase is phase]


@pytest.mark.parametrize("index", range(4))
def test_heart_and_great_vessels_have_adult_size(index: int) -> None:
    labels = chest_scan(index).labels
    least_and_most_ml = {
        Label.HEART: (250, 1000),
        Label.AORTA: (90, 400),
        Label.PULMONARY_ARTERY: (35, 150),
        Label.VENA_CAVA: (25, 150),
        Label.TRACHEA: (20, 110),
        Label.OESOPHAGUS: (10, 80),
    }
    for label, (least, most) in least_and_most_ml.items():
        assert least < (labels == int(label)).sum() * VOXEL_ML < most, label


def test_an_early_bolus_is_brighter_in_the_lungs_artery_than_in_the_aorta() -> None:
    scans = _in_phase(EnhancementPhase.PULMONARY)
    assert scans
    for scan in scans:
        assert _gain_hu(scan, Label.PULMONARY_ARTERY) > 1.8 * _gain_hu(scan, Label.AORTA)
        assert _gain_hu(scan, Label.LIVER) < 12


def test_an_arterial_bolus_is_bright_in_the_aorta_and_not_yet_in_the_liver() -> None:
    scans = _in_phase(EnhancementPhase.ARTERIAL)
    assert scans
    for scan in scans:
        assert _gain_hu(scan, Label.AORTA) > 150
        assert _gain_hu(scan, Label.LIVER) < 25


def test_a_portal_bolus_has_reached_liver_and_aorta_alike() -> None:
    scans = _in_phase(EnhancementPhase.PORTAL)
    assert scans
    for scan in scans:
        assert _gain_hu(scan, Label.AORTA) > 70
        assert _gain_hu(scan, Label.LIVER) > 35


def test_plain_blood_is_grey_and_the_windpipe_holds_air() -> None:
    scan = render_scan(2, 0, CHEST, "noncontrast")
    assert 25 < np.median(scan.volume.voxels_hu[scan.labels == int(Label.HEART)]) < 60
    # A voxel of 5.6 mm is seldom air alone in a tube of 17 mm.
    assert np.percentile(scan.volume.voxels_hu[scan.labels == int(Label.TRACHEA)], 20) < -700


def test_the_aorta_goes_on_from_the_abdomen_to_the_arch_without_a_gap() -> None:
    for index in range(4):
        labels = chest_scan(index).labels
        rows = np.flatnonzero((labels == int(Label.AORTA)).any(axis=(1, 2)))
        assert rows[0] == 0
        assert (np.diff(rows) == 1).all()
