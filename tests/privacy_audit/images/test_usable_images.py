from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medsynth.errors import AuditError
from privacy_audit.images.body_grid import fit_body_grid, pixel_fingerprint
from privacy_audit.images.image_reading import read_pixels
from privacy_audit.images.image_sets import AuditImage, read_image_set
from privacy_audit.images.usable_images import (
    check_roles,
    describe_equal_images,
    equal_images_of_two_patients,
    fingerprint_roles,
    on_every_image,
)

Body = Callable[..., NDArray[np.float32]]


def _describe(image: AuditImage) -> str:
    pixels = read_pixels(image.name, image.paths)
    fit_body_grid(pixels, image.name)
    return pixel_fingerprint(pixels)


def test_all_unusable_images_are_counted_and_three_are_named(tmp_path: Path, body: Body) -> None:
    np.save(tmp_path / "whole.npy", body(1))
    np.save(tmp_path / "a_air.npy", np.random.default_rng(0).normal(-1000, 5, (64, 64)))
    np.save(tmp_path / "b_constant.npy", np.full((64, 64), 7.0))
    np.save(tmp_path / "c_nan.npy", np.full((64, 64), np.nan))
    (tmp_path / "d_empty.nii").write_bytes(b"")
    (tmp_path / "e_text.dcm").write_bytes(b"no image")
    images = read_image_set(tmp_path).images
    with pytest.raises(AuditError) as caught:
        on_every_image(_describe, images, role="train", workers=2)
    message = str(caught.value)
    assert message.startswith("5 of 6 train images cannot be used.")
    assert "a_air.npy shows no body" in message
    assert "b_constant.npy is constant" in message
    assert "c_nan.npy holds values that are not finite" in message
    assert "d_empty" not in message


def test_unusable_images_of_all_roles_are_told_at_once(tmp_path: Path, body: Body) -> None:
    sets = {}
    for role, broken in (("train", 1), ("synthetic", 2), ("holdout", 0)):
        (tmp_path / role).mkdir()
        np.save(tmp_path / role / "whole.npy", body(len(role)))
        for number in range(broken):
            np.save(tmp_path / role / f"{number}.npy", np.full((9, 9), np.nan))
        sets[role] = read_image_set(tmp_path / role)
    with pytest.raises(AuditError, match=r"^1 of 2 train and 2 of 3 synthetic images cannot be"):
        fingerprint_roles(sets, workers=2)
    (alone,) = fingerprint_roles({"holdout": sets["holdout"]}, workers=1)["holdout"]
    assert alone == (sets["holdout"].images[0], _describe(sets["holdout"].images[0]))


def test_single_unusable_image_keeps_its_own_message(tmp_path: Path, body: Body) -> None:
    np.save(tmp_path / "a.npy", body(1))
    np.save(tmp_path / "b.npy", np.full((9, 9), np.nan))
    with pytest.raises(AuditError, match=r"^Image b\.npy holds values that are not finite"):
        fingerprint_roles({"train": read_image_set(tmp_path)}, workers=1)


def test_results_keep_the_order_of_images_whatever_the_workers(tmp_path: Path, body: Body) -> None:
    for seed in range(4):
        np.save(tmp_path / f"{seed}.npy", body(seed))
    images = read_image_set(tmp_path).images
    one = on_every_image(_describe, images, role="train", workers=1)
    assert one == on_every_image(_describe, images, role="train", workers=3)
    assert len(set(one)) == 4


def test_same_scan_under_two_names_in_train_and_holdout_is_refused(
    tmp_path: Path, body: Body
) -> None:
    roles = {}
    for role, seeds in (("train", (1, 2)), ("holdout", (3, 1)), ("synthetic", (1,))):
        (tmp_path / role).mkdir()
        for seed in seeds:
            # Other bit depths and units are the same scan.
            values = np.rint(body(seed))
            values = values if role == "train" else (values * 16).astype(np.int32)
            np.save(tmp_path / role / f"{role}{seed}.npy", values)
        images = read_image_set(tmp_path / role).images
        roles[role] = [(image, _describe(image)) for image in images]
    check_roles({"train": roles["train"], "synthetic": roles["synthetic"]})
    check_roles({"train": roles["train"], "holdout": roles["holdout"][1:]})
    with pytest.raises(AuditError, match=r"^1 images of holdout .*holdout1\.npy.*train1\.npy"):
        check_roles(roles)


def test_released_image_among_those_it_is_held_against_is_refused() -> None:
    roles = {
        role: [(AuditImage(f"{role}.npy", role, (Path(role),)), "same")]
        for role in ("synthetic", "null")
    }
    with pytest.raises(AuditError, match=r"^1 images of null .*not to be released"):
        check_roles(roles)


def test_equal_images_are_told_only_between_patients() -> None:
    def image(name: str, patient: str) -> AuditImage:
        return AuditImage(name, patient, (Path(name),))

    images = [
        (image("a", "p1"), "x"),
        (image("b", "p1"), "x"),
        (image("c", "p2"), "x"),
        (image("d", "p3"), "y"),
    ]
    assert equal_images_of_two_patients(images) == (("a", "c"),)
    (sentence,) = describe_equal_images("train", (("a", "c"),))
    assert sentence.startswith("train: 1 images have the pixels of another patient's image")
    assert "c, equal to a" in sentence
    assert describe_equal_images("train", ()) == ()
