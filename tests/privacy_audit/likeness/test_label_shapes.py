import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.label_shapes import (
    NUMBERS_PER_ORGAN,
    describe_organs,
    find_label_maps,
    read_label_map,
    read_organ_names,
)

ORGANS = {1: "liver", 2: "spleen"}


def _two_boxes() -> NDArray[np.int16]:
    labels = np.zeros((20, 20, 10), dtype=np.int16)
    labels[2:8, 4:10, 3:7] = 1
    labels[12:16, 4:10, 3:7] = 2
    return labels


def _write(path: Path, labels: NDArray[np.int16]) -> None:
    nibabel.save(nibabel.Nifti1Image(labels, np.diag([2.0, 2.0, 5.0, 1.0])), path)


def test_volume_and_places_are_those_of_the_boxes() -> None:
    vector = describe_organs(_two_boxes(), [2.0, 2.0, 5.0], ORGANS)
    liver, spleen = vector.reshape(2, NUMBERS_PER_ORGAN)
    # 6 * 6 * 4 and 4 * 6 * 4 voxels of 20 mm3.
    assert np.exp(liver[1]) == pytest.approx(144 * 20)
    assert np.exp(spleen[1]) == pytest.approx(96 * 20)
    # Middles at columns 4.5 and 13.5: 18 mm apart, and level in the other axes.
    assert spleen[2:5] - liver[2:5] == pytest.approx([18.0, 0.0, 0.0])


def test_shape_does_not_depend_on_where_the_patient_lies() -> None:
    labels = _two_boxes()
    moved = np.roll(labels, (3, 2, 1), axis=(0, 1, 2))
    first, second = (describe_organs(part, [2.0, 2.0, 5.0], ORGANS) for part in (labels, moved))
    assert first == pytest.approx(second)


def test_a_missing_organ_is_absent_and_not_a_number() -> None:
    labels = np.where(_two_boxes() == 2, 0, _two_boxes()).astype(np.int16)
    vector = describe_organs(labels, [2.0, 2.0, 5.0], ORGANS).reshape(2, NUMBERS_PER_ORGAN)
    assert vector[1, 0] == 0.0
    assert np.isnan(vector[1, 1:]).all()
    assert np.isfinite(vector[0]).all()


def test_label_maps_are_found_by_path_or_by_name(tmp_path: Path) -> None:
    (tmp_path / "p2").mkdir()
    _write(tmp_path / "scan1.nii.gz", _two_boxes())
    _write(tmp_path / "p2" / "scan2.nii", _two_boxes())
    images = [
        AuditImage("scan1.nii.gz", "scan1", (Path("x"),)),
        AuditImage("p2/scan2.npy", "p2", (Path("x"),)),
        AuditImage("scan3.nii.gz", "scan3", (Path("x"),)),
    ]
    assert find_label_maps(images, tmp_path) == {
        "scan1.nii.gz": tmp_path / "scan1.nii.gz",
        "p2/scan2.npy": tmp_path / "p2" / "scan2.nii",
    }


def test_organ_names_are_read_and_background_left_out(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"0": "background", "1": "liver"}))
    assert read_organ_names(tmp_path) == {1: "liver"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"liver": "1"}'])
def test_a_table_without_organs_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(AuditError, match=r"labels\.json"):
        read_organ_names(tmp_path)


def test_a_value_without_a_name_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "scan.nii", _two_boxes())
    with pytest.raises(AuditError, match="1 values without a name, the first is 2"):
        read_label_map(tmp_path / "scan.nii", {1: "liver"})


def test_a_broken_label_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scan.nii").write_bytes(b"no image")
    with pytest.raises(AuditError, match=r"Label map scan\.nii cannot be read"):
        read_label_map(tmp_path / "scan.nii", ORGANS)
