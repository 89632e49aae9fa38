from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.cohort.companions import carry_labels, carry_truth, read_label_names
from medsynth.errors import ConfigurationError, ImageError
from medsynth.imaging.nifti import read_labels, read_volume, write_labels, write_volume
from medsynth.imaging.volume import Volume, axial_affine

NAMES = {1: "liver", 2: "kidney"}
AFFINE = axial_affine((5.0, 2.0, 3.0), (10.0, 20.0, 30.0))
VOLUME = Volume(np.zeros((4, 5, 6), dtype=np.int16), AFFINE)


def example_labels() -> NDArray[np.uint8]:
    labels = np.zeros((4, 5, 6), dtype=np.uint8)
    labels[0, 1, 2] = 2
    return labels


def carry(tmp_path: Path, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> Path:
    source, target = tmp_path / "1.2.840.4711.nii.gz", tmp_path / "target.nii.gz"
    write_labels(source, labels, affine)
    carry_labels(source, VOLUME, target, series="s1", names=NAMES)
    return target


def test_labels_are_written_on_the_grid_of_the_series(tmp_path: Path) -> None:
    # Stored from head to feet: the first slice is the uppermost.
    affine = AFFINE.copy()
    affine[2, 2], affine[2, 3] = -5.0, 30.0 + 3 * 5.0
    labels, found = read_labels(carry(tmp_path, example_labels()[::-1].copy(), affine))
    assert np.array_equal(labels, example_labels())
    assert np.allclose(found, AFFINE)


def test_labels_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="series s1 have shape"):
        carry(tmp_path, example_labels()[:3], AFFINE)


def test_labels_off_the_grid_are_refused(tmp_path: Path) -> None:
    shifted = AFFINE.copy()
    shifted[0, 3] += 0.5
    with pytest.raises(ImageError, match=r"series s1 lie 0\.500 mm off"):
        carry(tmp_path, example_labels(), shifted)


def test_a_label_without_a_name_is_refused(tmp_path: Path) -> None:
    labels = example_labels()
    labels[3, 3, 3] = 7
    with pytest.raises(ImageError, match=r"hold the values \[7\]"):
        carry(tmp_path, labels, AFFINE)


def test_unreadable_labels_are_refused_without_naming_the_uid(tmp_path: Path) -> None:
    source = tmp_path / "1.2.840.4711.nii.gz"
    source.write_bytes(b"not gzip")
    with pytest.raises(ImageError, match="Labels of series s1 cannot be read") as refusal:
        carry_labels(source, VOLUME, tmp_path / "target.nii.gz", series="s1", names=NAMES)
    assert "4711" not in str(refusal.value)


def test_unreadable_truth_is_refused_without_naming_the_uid(tmp_path: Path) -> None:
    source = tmp_path / "1.2.840.4711.nii.gz"
    source.write_bytes(b"not gzip")
    with pytest.raises(ImageError, match="Truth of series s1 cannot be read") as refusal:
        carry_truth(source, VOLUME, tmp_path / "target.nii.gz", series="s1")
    assert "4711" not in str(refusal.value)


def test_truth_is_clipped_to_the_range_that_volumes_keep(tmp_path: Path) -> None:
    source, target = tmp_path / "source.nii.gz", tmp_path / "target.nii.gz"
    voxels_hu = np.zeros((4, 5, 6), dtype=np.int16)
    voxels_hu[0, 0, :2] = [-3024, 9000]
    write_volume(source, Volume(voxels_hu, AFFINE))
    carry_truth(source, VOLUME, target, series="s1")
    assert read_volume(target).voxels_hu[0, 0, :3].tolist() == [-1024, 3071, 0]


def test_two_values_may_share_a_name(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"10": "kidney", "2": " kidney "}', "utf-8")
    assert read_label_names(tmp_path) == {2: "kidney", 10: "kidney"}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "not json",
        "[]",
        "{}",
        '{"0": "background"}',
        '{"256": "x"}',
        '{"1": ""}',
        '{"1": 3}',
        '{"a": "b"}',
    ],
)
def test_a_table_of_names_that_is_none_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "labels.json").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=r"labels\.json"):
        read_label_names(tmp_path)
