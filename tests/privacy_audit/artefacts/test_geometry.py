import dataclasses

import numpy as np

from privacy_audit.artefacts.findings import Grid
from privacy_audit.artefacts.geometry import find_copied_grids, fingerprints_of

_STRAIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_UP = (0.0, 0.0, 1.0)
_PLACE = (-181.2, -203.4, -703.6)
_REAL = Grid("r", "r", (0.7421875, 0.7421875, 2.5), (87, 512, 512), _PLACE, _STRAIGHT, _UP)


def _kinds(synthetic: list[Grid], real: list[Grid]) -> set[tuple[str, str]]:
    return {(hit.place, hit.kind) for hit in find_copied_grids(synthetic, real)}


def test_copied_grid_is_found_in_place_and_in_spacing() -> None:
    copy = dataclasses.replace(_REAL, file="s", unit="s")
    assert _kinds([copy], [_REAL]) == {
        ("grid, origin", "geometry"),
        ("grid, spacing and shape", "geometry"),
    }


def test_spacing_alone_is_found_where_the_place_was_set_to_zero() -> None:
    copy = dataclasses.replace(_REAL, file="s", unit="s", origin_mm=(0.0, 0.0, 0.0))
    assert _kinds([copy], [_REAL]) == {("grid, spacing and shape", "geometry")}


def test_round_spacing_and_zero_origin_are_no_fingerprint() -> None:
    plain = Grid("s", "s", (1.0, 1.0, 3.0), (64, 256, 256), (0.0, 0.0, 0.0), _STRAIGHT, _UP)
    assert _kinds([plain], [dataclasses.replace(plain, file="r", unit="r")]) == set()


def test_grid_centred_on_zero_is_no_fingerprint() -> None:
    # 255 steps of 1 mm: from -127.5 to 127.5; 63 steps of 3 mm: from -94.5.
    origin = (-127.5, -127.5, -94.5)
    plain = Grid("s", "s", (1.0, 1.0, 3.0), (64, 256, 256), origin, _STRAIGHT, _UP)
    assert fingerprints_of(plain).place is None


def test_slice_whole_steps_from_zero_is_no_fingerprint() -> None:
    plain = Grid("s", "s", (1.0, 1.0, 3.0), (1, 256, 256), (0.0, 0.0, -21.0), _STRAIGHT, _UP)
    assert fingerprints_of(plain).place is None


def test_place_in_a_scanners_room_is_found_without_real_images() -> None:
    assert _kinds([_REAL], []) == {("grid, origin", "origin")}


def test_grid_that_all_synthetic_images_share_is_the_tools() -> None:
    images = [
        dataclasses.replace(_REAL, file=f"s{number}", unit=f"s{number}") for number in range(5)
    ]
    assert _kinds(images, [_REAL]) == set()
    assert _kinds(images[:4], [_REAL]) != set()


def test_spacing_that_many_real_patients_share_is_no_fingerprint() -> None:
    real = [dataclasses.replace(_REAL, unit=f"r{number}") for number in range(10)]
    copy = dataclasses.replace(_REAL, file="s", unit="s", origin_mm=(0.0, 0.0, 0.0))
    assert _kinds([copy], real) == set()


def test_mirrored_copy_keeps_its_fingerprints() -> None:
    # Columns run the other way: the first voxel lies 511 steps of 0.7421875 mm = 379.2578125
    # to the left, and the box about the image is the same.
    mirrored = dataclasses.replace(
        _REAL, origin_mm=(-181.2 + 379.2578125, -203.4, -703.6), cosines=(-1.0, 0, 0, 0, 1.0, 0)
    )
    assert fingerprints_of(mirrored).place == fingerprints_of(_REAL).place


def test_slices_of_a_series_are_compared_as_one_volume() -> None:
    slices = [
        Grid(
            "s",
            "s",
            (0.7421875, 0.7421875, 9.0),
            (0, 512, 512),
            (-181.2, -203.4, z),
            _STRAIGHT,
            _UP,
        )
        for z in (-698.6, -703.6, -701.1)
    ]
    volume = dataclasses.replace(_REAL, shape=(3, 512, 512))
    assert _kinds(slices, [volume]) == {
        ("grid, origin", "geometry"),
        ("grid, spacing and shape", "geometry"),
    }


def test_tilted_copy_is_found_by_its_orientation() -> None:
    tilt = (1.0, 0.0, 0.0, 0.0, float(np.cos(0.3229)), float(-np.sin(0.3229)))
    real = dataclasses.replace(_REAL, cosines=tilt)
    copy = dataclasses.replace(real, file="s", origin_mm=(0.0, 0.0, 0.0))
    assert ("grid, orientation", "geometry") in _kinds([copy], [real])


def test_unrelated_patients_are_seldom_taken_for_each_other() -> None:
    generator = np.random.default_rng(0)

    def patient(name: str) -> Grid:
        spacing = int(generator.integers(300, 501)) / 512
        place = tuple(round(float(value), 1) for value in generator.uniform(-900, 0, 3))
        slices = int(generator.integers(60, 160))
        return Grid(
            name,
            name,
            (spacing, spacing, 2.5),
            (slices, 512, 512),
            (place[0], place[1], place[2]),
            _STRAIGHT,
            _UP,
        )

    real = [patient(f"r{number}") for number in range(100)]
    others = [patient(f"s{number}") for number in range(200)]
    hits = [hit for hit in find_copied_grids(others, real) if hit.kind == "geometry"]
    # 100 patients, 201 fields of view and 100 slice counts: 0.5 % are expected by chance.
    assert len({hit.file for hit in hits}) <= 4


def test_spacing_of_a_single_slice_is_no_fingerprint() -> None:
    real = dataclasses.replace(_REAL, shape=(1, 512, 512), origin_mm=(0.0, 0.0, 0.0))
    assert _kinds([dataclasses.replace(real, file="s", unit="s")], [real]) == set()
