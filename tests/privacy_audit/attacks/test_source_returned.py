from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.source_returned import change_of, check_source_returned
from privacy_audit.images.image_sets import ImageSet

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


def _noisy(scan: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    noise = np.random.default_rng(4).normal(0.0, spread, scan.shape)
    return (scan + noise).astype(np.float32)


@pytest.mark.parametrize("spread", [0.0, 3.0, 8.0])
def test_noise_and_an_offset_are_no_change(body: Body, spread: float) -> None:
    scan = body(1)
    assert change_of(_noisy(scan, spread) + 12.0, scan) < 5.0


def test_one_organ_of_thirty_hounsfield_units_is_a_change(body: Body) -> None:
    scan = body(1)
    made = scan.copy()
    made[:, 30:40, 30:40] -= 30.0
    assert change_of(_noisy(made, 3.0), scan) > 20.0


def test_returned_sources_fail_and_translated_ones_do_not(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    real = write_set(tmp_path / "real", {"t1": body(1), "t2": body(2)})
    made = write_set(tmp_path / "made", {"s1": _noisy(body(1), 3.0), "s2": body(2, invert=True)})
    source_of = {"s1.npy": "t1", "s2.npy": "t2"}
    check, flags = check_source_returned(made.images, real.images, source_of)
    assert check.verdict == "fail"
    assert [(flag.synthetic, flag.patient) for flag in flags] == [("s1.npy", "t1")]
    clean, none = check_source_returned(made.images[1:], real.images, source_of)
    assert (clean.verdict, none) == ("pass", [])


def test_other_grids_are_counted_and_not_compared(
    tmp_path: Path, body: Body, write_set: WriteSet
) -> None:
    real = write_set(tmp_path / "real", {"t1": body(1)})
    made = write_set(tmp_path / "made", {"s1": body(1, size=90)})
    check, _ = check_source_returned(made.images, real.images, {"s1.npy": "t1"})
    assert check.verdict == "not_applicable"
    assert check.details["not_compared"] == 1


def test_pictures_are_measured_in_their_own_range(body: Body) -> None:
    scan = body(1)
    picture = np.clip((scan + 160.0) / 400.0 * 255.0, 0, 255).astype(np.float32)
    assert change_of(_noisy(picture, 2.0), picture) < 5.0
    inverted = np.clip((body(1, invert=True) + 160.0) / 400.0 * 255.0, 0, 255)
    assert change_of(inverted.astype(np.float32), picture) > 20.0
