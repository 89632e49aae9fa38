from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.membership_density import ImageShapes, density_ratios, describe_shapes
from privacy_audit.images.image_sets import ImageSet

PATIENTS = tuple(f"p{number:02}" for number in range(30))
REAL = ImageShapes(np.random.default_rng(0).normal(size=(30, 8)), PATIENTS)


def _set(values: NDArray[np.float64]) -> tuple[ImageShapes, NDArray[np.bool_]]:
    shapes = ImageShapes(values, tuple(f"s{row}" for row in range(len(values))))
    return shapes, np.ones((len(values), len(PATIENTS)), dtype=np.bool_)


def _null() -> tuple[ImageShapes, NDArray[np.bool_]]:
    return _set(np.random.default_rng(1).normal(size=(80, 8)))


def test_density_is_higher_about_patients_that_were_repeated() -> None:
    # Ten patients' shapes again, four times each, among images of nobody.
    generator = np.random.default_rng(2)
    repeated = np.repeat(REAL.values[:10], 4, axis=0) + generator.normal(0.0, 0.2, (40, 8))
    released = _set(np.concatenate([repeated, generator.normal(size=(40, 8))]))
    ratios = density_ratios(PATIENTS, REAL, released, _null())
    assert ratios is not None
    assert ratios[:10].mean() > ratios[10:].mean() + 0.3


def test_equal_releases_have_ratio_zero() -> None:
    ratios = density_ratios(PATIENTS, REAL, _null(), _null())
    assert ratios is not None
    assert ratios.tolist() == pytest.approx([0.0] * 30)


def test_images_that_may_not_be_used_do_not_count() -> None:
    shapes, usable = _null()
    moved = ImageShapes(shapes.values.copy(), shapes.patients)
    moved.values[:5] = REAL.values[0]
    barred = usable.copy()
    barred[:5, 0] = False
    told = density_ratios(PATIENTS, REAL, (moved, usable), (shapes, usable))
    left_out = density_ratios(PATIENTS, REAL, (moved, barred), (moved, barred))
    assert told is not None
    assert left_out is not None
    assert told[0] > 0.3
    assert left_out[0] == pytest.approx(0.0)


def test_patients_are_held_against_images_in_parts_with_the_same_result() -> None:
    # More real images than are treated at a time: the first thirty keep their ratios' order.
    many = np.concatenate([REAL.values, np.random.default_rng(4).normal(size=(300, 8))])
    names = (*PATIENTS, *(f"q{number:03}" for number in range(300)))
    released = ImageShapes(np.random.default_rng(5).normal(size=(80, 8)), ("s",) * 80)
    usable = np.ones((80, 330), dtype=np.bool_)
    null = ImageShapes(_null()[0].values, ("n",) * 80)
    forward = density_ratios(names, ImageShapes(many, names), (released, usable), (null, usable))
    turned = ImageShapes(many[::-1].copy(), names[::-1])
    backward = density_ratios(names, turned, (released, usable), (null, usable))
    assert forward is not None
    assert backward is not None
    assert backward.tolist() == pytest.approx(forward.tolist())


def test_nineteen_images_are_too_few_for_two_components() -> None:
    shapes, usable = _null()
    few = (ImageShapes(shapes.values[:19], shapes.patients[:19]), usable[:19])
    assert density_ratios(PATIENTS, REAL, few, (shapes, usable)) is None


def test_another_contrast_of_one_body_is_nearer_than_another_body(
    body: Callable[..., NDArray[np.float32]],
    write_set: Callable[..., ImageSet],
    tmp_path: Path,
) -> None:
    scans = {"a": body(1), "b": body(1, invert=True), "c": body(2)}
    shapes = describe_shapes(write_set(tmp_path / "scans", scans).images)
    same = float(np.linalg.norm(shapes.values[0] - shapes.values[1]))
    other = float(np.linalg.norm(shapes.values[0] - shapes.values[2]))
    assert same < 0.5 * other
