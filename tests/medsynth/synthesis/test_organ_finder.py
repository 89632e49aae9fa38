import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.evaluation.organs import organ_table
from medsynth.imaging.volume import Volume, axial_affine
from medsynth.networks.organ_segmenter import ORGANS, OrganSegmenter
from medsynth.phantom.canvas import label_names
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan
from medsynth.synthesis.intensity_gate import GateVerdict, judge
from medsynth.synthesis.organ_finder import (
    find_organs,
    known_organ,
    locate_organs,
    measure_organs,
    place_labels,
)
from medsynth.synthesis.organ_weights import read_organ_segmenter

TABLE = organ_table({int(value): name for value, name in label_names().items()})
# A seed and sites that no training of the finder has seen.
OPTIONS = PhantomOptions(sites=3)


@dataclasses.dataclass(frozen=True)
class Found:
    scan: PhantomScan
    organs: NDArray[np.uint8]


@pytest.fixture(scope="module")
def network() -> OrganSegmenter:
    return read_organ_segmenter()


@pytest.fixture(scope="module")
def found(network: OrganSegmenter) -> Found:
    scan = render_scan(424_242, 1, OPTIONS, "contrast")
    return Found(scan, find_organs(scan.volume, network))


def block_volume() -> tuple[Volume, NDArray[np.uint8]]:
    """A body of 50 HU with a liver of 60 HU and 16 voxels' edge, its rim at 300 HU; 3 mm voxels."""
    voxels = np.full((4, 64, 64), -1000, dtype=np.int16)
    voxels[:, 8:56, 8:56] = 50
    labels = np.zeros(voxels.shape, dtype=np.uint8)
    labels[:, 24:40, 24:40] = 7
    voxels[labels == 7] = 300
    voxels[:, 25:39, 25:39] = 60
    return Volume(voxels, axial_affine((5.0, 3.0, 3.0))), labels


def test_a_label_is_measured_without_its_rim() -> None:
    volume, labels = block_volume()
    organs = place_labels(labels, volume, organ_table({7: "liver"}))
    (liver,) = measure_organs(volume, organs)
    assert liver.organ == "liver"
    assert liver.median_hu == 60.0
    # 14 x 14 voxels in 4 slabs of 3 x 3 x 5 mm: 784 x 0.045 cm3.
    assert liver.volume_cm3 == pytest.approx(35.28)


def test_thin_slices_are_measured_in_slabs_of_equal_volume() -> None:
    volume, labels = block_volume()
    thin_hu = np.repeat(volume.voxels_hu, 5, axis=0).astype(np.int16)
    thin = Volume(thin_hu, axial_affine((1.0, 3.0, 3.0)))
    organs = place_labels(np.repeat(labels, 5, axis=0), thin, organ_table({7: "liver"}))
    (liver,) = measure_organs(thin, organs)
    assert (len(organs), liver.median_hu) == (4, 60.0)
    assert liver.volume_cm3 == pytest.approx(35.28)


@pytest.mark.parametrize(
    ("name", "organ"),
    [
        ("liver", "liver"),
        ("kidney_left", "kidney"),
        ("Right Kidney", "kidney"),
        ("inferior_vena_cava", "vena_cava"),
        ("vena_cava", "vena_cava"),
        ("pulmonary_vein", None),
        ("liver_lesion", None),
    ],
)
def test_names_of_labels_are_known_by_organ(name: str, organ: str | None) -> None:
    assert known_organ(name) == organ


@pytest.mark.parametrize(
    ("organ", "least_dice"),
    [("liver", 0.85), ("spleen", 0.7), ("kidney", 0.65), ("aorta", 0.65), ("vena_cava", 0.4)],
)
def test_organs_of_an_unseen_patient_are_found_with_contrast(
    found: Found, organ: str, least_dice: float
) -> None:
    truth = place_labels(found.scan.labels, found.scan.volume, TABLE) == ORGANS.index(organ) + 1
    seen = found.organs == ORGANS.index(organ) + 1
    dice = 2 * np.count_nonzero(seen & truth) / (np.count_nonzero(seen) + np.count_nonzero(truth))
    assert dice > least_dice


def test_a_perfect_translation_measures_in_found_organs_what_it_does_in_labelled_ones(
    found: Found,
) -> None:
    perfect = found.scan.truth
    assert perfect is not None
    placed = place_labels(found.scan.labels, found.scan.volume, TABLE)
    truth = {one.organ: one.median_hu for one in measure_organs(perfect, placed)}
    measured = {one.organ: one.median_hu for one in measure_organs(perfect, found.organs)}
    assert set(measured) == set(ORGANS)
    assert measured == pytest.approx(truth, abs=6.0)


def test_an_untouched_contrast_scan_is_outside_without_any_label(found: Found) -> None:
    assert judge(measure_organs(found.scan.volume, found.organs)).verdict is GateVerdict.OUTSIDE


def test_the_truth_is_inside_without_any_label(found: Found) -> None:
    assert found.scan.truth is not None
    result = judge(measure_organs(found.scan.truth, found.organs))
    assert result.verdict is GateVerdict.INSIDE
    assert len(result.judged) >= 3


def test_organs_are_found_without_contrast_as_well(network: OrganSegmenter) -> None:
    scan = render_scan(424_242, 2, OPTIONS, "noncontrast")
    result = judge(measure_organs(scan.volume, find_organs(scan.volume, network)))
    assert result.verdict is GateVerdict.INSIDE
    assert len(result.judged) >= 3


def test_nothing_is_found_in_water(network: OrganSegmenter) -> None:
    voxels = np.full((6, 100, 100), -1000, dtype=np.int16)
    voxels[:, 20:80, 15:85] = 0
    water = Volume(voxels, axial_affine((5.0, 4.0, 4.0)))
    assert judge(measure_organs(water, find_organs(water, network))).verdict is GateVerdict.UNJUDGED


def test_organs_without_a_label_are_found_by_the_network(
    found: Found, network: OrganSegmenter
) -> None:
    volume, labels = found.scan.volume, found.scan.labels
    liver_alone = np.where(labels == 1, labels, 0).astype(np.uint8)
    located = locate_organs(volume, network, labels=liver_alone, table=organ_table({1: "liver"}))
    placed = place_labels(labels, volume, TABLE)
    assert np.array_equal(located == 1, placed == 1)
    assert np.count_nonzero(located == 4) > 0


def test_labels_of_all_organs_are_taken_as_they_are(found: Found, network: OrganSegmenter) -> None:
    volume, labels = found.scan.volume, found.scan.labels
    located = locate_organs(volume, network, labels=labels, table=TABLE)
    assert np.array_equal(located, place_labels(labels, volume, TABLE))
