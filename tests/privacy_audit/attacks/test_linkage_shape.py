import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.attacks.linkage_shape import (
    check_linkage_shape,
    find_released_labels,
    measure_shape_controls,
    prepare_shapes,
)
from privacy_audit.images.image_sets import AuditImage

PATIENTS = 30


def _labels(seed: int) -> NDArray[np.int16]:
    """Three ellipsoids whose places and sizes are a patient's own."""
    random = np.random.default_rng(seed)
    labels = np.zeros((40, 40, 12), dtype=np.int16)
    grid = np.indices(labels.shape).astype(np.float64)
    for value, middle in ((1, (12, 18, 6)), (2, (28, 18, 6)), (3, (20, 30, 6))):
        centre = np.array(middle) + random.normal(0, 1.5, 3) * [1, 1, 0.3]
        radius = np.array([6, 5, 4]) * np.exp(random.normal(0, 0.12, 3))
        inside = sum(((grid[axis] - centre[axis]) / radius[axis]) ** 2 for axis in range(3)) < 1
        labels[inside] = value
    return labels


def _write(folder: Path, labels: dict[str, NDArray[np.int16]]) -> list[AuditImage]:
    folder.mkdir(exist_ok=True)
    (folder / "labels.json").write_text(json.dumps({"1": "liver", "2": "spleen", "3": "kidney"}))
    for name, values in labels.items():
        image = nibabel.Nifti1Image(values, np.diag([3.0, 3.0, 5.0, 1.0]))
        nibabel.save(image, folder / f"{name}.nii.gz")
    return [AuditImage(f"{name}.npy", name, (Path("none"),)) for name in labels]


def _real(folder: Path) -> list[AuditImage]:
    return _write(folder, {f"p{n:02d}": _labels(n) for n in range(PATIENTS)})


def test_label_maps_of_the_sources_are_linked(tmp_path: Path) -> None:
    real = _real(tmp_path)
    made = {
        f"s{n:02d}": ndimage.rotate(_labels(n), 3, (0, 1), reshape=False, order=0)
        for n in range(10)
    }
    released = _write(tmp_path, made)
    attack = prepare_shapes(real, tmp_path)
    assert attack is not None
    controls = measure_shape_controls(attack, real, real, seed=0)
    check, flags = check_linkage_shape(
        attack,
        find_released_labels(released, tmp_path),
        {f"s{n:02d}.npy": f"p{n:02d}" for n in range(10)},
        controls,
        mode="unlinked",
        seed=0,
    )
    assert (check.verdict, check.statistic, len(flags)) == ("fail", 1.0, 10)
    assert controls is not None
    assert controls.planted_found
    assert controls.unrelated_at_chance


def test_label_maps_of_others_are_not_linked(tmp_path: Path) -> None:
    real = _real(tmp_path)
    released = _write(tmp_path, {f"s{n:02d}": _labels(900 + n) for n in range(12)})
    attack = prepare_shapes(real, tmp_path)
    assert attack is not None
    check, _ = check_linkage_shape(
        attack,
        find_released_labels(released, tmp_path),
        {f"s{n:02d}.npy": f"p{n:02d}" for n in range(12)},
        measure_shape_controls(attack, real, real, seed=0),
        mode="unlinked",
        seed=0,
    )
    assert check.verdict == "inconclusive"
    assert check.ci is not None
    assert check.ci[0] <= 1 / PATIENTS <= check.ci[1]


def test_without_label_maps_there_is_nothing_to_check(tmp_path: Path) -> None:
    released = [AuditImage("s.npy", "s", (Path("none"),))]
    check, flags = check_linkage_shape(
        None, find_released_labels(released, None), {}, None, mode="unlinked", seed=0
    )
    assert (check.verdict, flags) == ("not_applicable", [])


def test_released_label_maps_without_real_ones_are_inconclusive(tmp_path: Path) -> None:
    released = _write(tmp_path, {"s00": _labels(0)})
    real = [AuditImage("p00.npy", "p00", (Path("none"),))]
    assert prepare_shapes(real, tmp_path) is None
    labels = find_released_labels(released, tmp_path)
    check, _ = check_linkage_shape(None, labels, {"s00.npy": "p00"}, None, mode="unlinked", seed=0)
    assert check.verdict == "inconclusive"
    assert "Put label maps of the real images into the folder" in check.explanation


def test_released_images_without_a_label_map_are_counted(tmp_path: Path) -> None:
    released = _write(tmp_path, {"s00": _labels(0)})
    released.append(AuditImage("s01.npy", "s01", (Path("none"),)))
    labels = find_released_labels(released, tmp_path)
    assert [image.name for image in labels.images] == ["s00.npy"]
    assert labels.without_label_map == 1


def test_released_images_whose_source_has_no_label_map_are_counted_and_left_out(
    tmp_path: Path,
) -> None:
    real = _real(tmp_path)
    released = _write(tmp_path, {f"s{n:02d}": _labels(n) for n in range(10)})
    attack = prepare_shapes(real, tmp_path)
    assert attack is not None
    sources = {f"s{n:02d}.npy": f"p{n:02d}" for n in range(8)}
    check, flags = check_linkage_shape(
        attack,
        find_released_labels(released, tmp_path),
        {**sources, "s08.npy": "unlabelled", "s09.npy": "unlabelled"},
        measure_shape_controls(attack, real, real, seed=0),
        mode="unlinked",
        seed=0,
    )
    assert (check.verdict, check.n, len(flags)) == ("fail", 8, 8)
    assert check.details["source_without_label_map"] == 2
    assert "2 released label maps were left out" in check.explanation


def test_sources_without_any_label_map_are_inconclusive(tmp_path: Path) -> None:
    real = _real(tmp_path)
    released = _write(tmp_path, {"s00": _labels(0)})
    attack = prepare_shapes(real, tmp_path)
    assert attack is not None
    check, _ = check_linkage_shape(
        attack,
        find_released_labels(released, tmp_path),
        {"s00.npy": "unlabelled"},
        measure_shape_controls(attack, real, real, seed=0),
        mode="unlinked",
        seed=0,
    )
    assert check.verdict == "inconclusive"
    assert "No source of a released image has a label map" in check.explanation


@pytest.mark.parametrize("lacking", ["known", "unrelated"])
def test_controls_without_label_maps_are_inconclusive_not_an_error(
    tmp_path: Path, lacking: str
) -> None:
    real = _real(tmp_path)
    released = _write(tmp_path, {"s00": _labels(0)})
    unlabelled = [AuditImage("h00.npy", "h00", (Path("none"),))]
    attack = prepare_shapes(real, tmp_path)
    assert attack is not None
    known, unrelated = (unlabelled, real) if lacking == "known" else (real, unlabelled)
    controls = measure_shape_controls(attack, known, unrelated, seed=0)
    assert controls is None
    check, flags = check_linkage_shape(
        attack,
        find_released_labels(released, tmp_path),
        {"s00.npy": "p00"},
        controls,
        mode="unlinked",
        seed=0,
    )
    assert (check.verdict, flags) == ("inconclusive", [])
    assert "Put label maps of holdout patients into the folder" in check.explanation
