"""The content of "lesions"."""

from typing import Any

import pytest

from medsynth.evaluation.intervals import Resampling
from medsynth.evaluation.invented_blobs import InventedBlob
from medsynth.evaluation.lesion_report import ScanLesions, lesion_report, read_scan_lesions
from medsynth.evaluation.lesions import LesionFate, LesionReading
from medsynth.evaluation.organs import organ_table
from tests.medsynth.evaluation.made_livers import ORGANS, ball, liver_hu, liver_scan

BLOB = InventedBlob("p", "kidney", 25.0, 1.0, (1, 2, 3))


def reading(patient: str, fate: LesionFate, ratio: float = 1.0) -> LesionReading:
    judged = fate in (LesionFate.KEPT, LesionFate.LOST)
    return LesionReading(
        patient,
        "liver",
        fate,
        voxels=40,
        output_contrast_hu=-20.0 * ratio,
        truth_contrast_hu=-20.0,
        contrast_to_noise=9.0,
        volume_ratio=ratio if judged else None,
        is_visible_in_output=True,
    )


def report(*scans: ScanLesions) -> Any:
    return lesion_report(scans, Resampling(resamples=200, seed=0))


def test_lesions_that_cannot_be_judged_are_counted_apart() -> None:
    fates = [LesionFate.KEPT, LesionFate.KEPT, LesionFate.LOST, LesionFate.UNDETECTABLE]
    lesions = tuple(reading("p", fate) for fate in [*fates, LesionFate.TOO_SMALL])
    found = report(ScanLesions("p", lesions, ()))
    assert (found["labelled"], found["truth"], found["kept"]) == (5, 3, 2)
    assert (found["undetectable"], found["too_small"]) == (1, 1)
    assert found["kept_share"] == pytest.approx(2 / 3)
    assert found["invented"] == 0


def test_ten_kept_lesions_of_ten_still_leave_doubt() -> None:
    lesions = tuple(reading("p", LesionFate.KEPT) for _ in range(10))
    found = report(ScanLesions("p", lesions, ()))
    # Clopper and Pearson: 0.025^(1 / 10) = 0.6915.
    assert found["ci"] == pytest.approx([0.6915, 1.0], abs=1e-4)


def test_a_patient_who_loses_all_widens_the_interval() -> None:
    many = [ScanLesions("a", tuple(reading("a", LesionFate.KEPT) for _ in range(40)), ())]
    many += [ScanLesions("b", tuple(reading("b", LesionFate.LOST) for _ in range(40)), ())]
    found = report(*many)
    # Of two patients a resample may hold one twice: all kept, or none.
    assert found["ci"] == [0.0, 1.0]


def test_medians_are_over_judged_lesions() -> None:
    lesions = tuple(reading("p", LesionFate.KEPT, ratio) for ratio in (0.6, 0.8, 1.3))
    found = report(ScanLesions("p", (*lesions, reading("p", LesionFate.UNDETECTABLE, 0.1)), ()))
    assert found["contrast_ratio"] == pytest.approx(0.8)
    assert found["volume_ratio"] == pytest.approx(0.8)


def test_invented_blobs_are_counted_by_organ() -> None:
    found = report(ScanLesions("p", (), (BLOB, BLOB)), ScanLesions("q", (), ()))
    assert found["invented"] == 2
    assert found["invented_by_organ"] == {"kidney": 2}
    assert found["scans_with_invented"] == 1
    assert found["scans"] == 2
    assert found["kept_share"] is None
    assert found["ci"] is None


def test_without_a_searched_scan_there_is_no_report() -> None:
    assert lesion_report([], Resampling(10, 0)) is None


def test_scan_without_a_searched_organ_is_left_out() -> None:
    lesion = ball((8, 28, 28), 9.0)
    scan = liver_scan(liver_hu(lesion, liver=55, contrast=-20), lesion)
    searched = read_scan_lesions(scan, ORGANS)
    assert searched is not None
    assert len(searched.lesions) == 1
    assert read_scan_lesions(scan, organ_table({1: "stomach"})) is None
