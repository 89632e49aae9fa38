from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy_audit.attacks.partial_copy import check_partial_copies
from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.likeness.comparison import Nearest
from privacy_audit.likeness.nulls import Null
from privacy_audit.likeness.partial_comparison import PartialComparer, measure_partial_null
from privacy_audit.self_tests.self_test import SelfTest

Body = Callable[..., NDArray[np.float32]]
WriteSet = Callable[..., ImageSet]


def _nearest(rows: list[list[float]]) -> Nearest:
    """Give images s0, s1, ... whose likeness to patients t0, t1, ... is a row each."""
    likeness = np.array(rows)
    columns = np.argsort(-likeness, axis=1, kind="stable")
    return Nearest(
        probes=tuple(
            AuditImage(f"s{row}.npy", f"s{row}", (Path(f"s{row}.npy"),)) for row in range(len(rows))
        ),
        fingerprints=tuple(f"made{row}" for row in range(len(rows))),
        patients=tuple(f"t{column}" for column in range(likeness.shape[1])),
        columns=columns,
        similarity=np.take_along_axis(likeness, columns, axis=1),
    )


@pytest.fixture
def untried() -> SelfTest:
    return SelfTest("inconclusive", {}, 0.9, 0, 0, "")


def test_one_part_more_alike_than_all_of_the_null_fails_and_names_its_patient(
    null_of_19: Null, passed_self_test: SelfTest
) -> None:
    check, flags = check_partial_copies(
        _nearest([[0.1, 0.6], [0.2, 0.3]]), null_of_19, passed_self_test, None
    )
    # 0.6 is above all 19: p = 1 / 20 = 0.05; for two patients 0.025 is needed, or the level.
    assert (check.verdict, flags) == ("inconclusive", [])
    level = SelfTest("pass", {}, 0.55, 10, 0, "")
    check, flags = check_partial_copies(_nearest([[0.1, 0.6], [0.2, 0.3]]), null_of_19, level, None)
    assert check.verdict == "fail"
    assert [(flag.synthetic, flag.patient, flag.p_value) for flag in flags] == [
        ("s0.npy", "t1", 0.05)
    ]


def test_parts_no_more_alike_than_the_null_pass(passed_self_test: SelfTest) -> None:
    null = Null("translated_holdout", np.linspace(0.3, 0.5, 39))
    check, flags = check_partial_copies(
        _nearest([[0.4, 0.35], [0.3, 0.1]]), null, passed_self_test, None
    )
    assert flags == []
    assert check.details["null_n_needed"] == 39
    # Fewer than five synthetic patients clear nothing.
    assert check.verdict == "inconclusive"
    null = Null("translated_holdout", np.linspace(0.3, 0.5, 99))
    check, _ = check_partial_copies(_nearest([[0.4, 0.3]] * 5), null, passed_self_test, None)
    assert check.verdict == "pass"


def test_own_source_is_left_out(null_of_19: Null, passed_self_test: SelfTest) -> None:
    check, flags = check_partial_copies(
        _nearest([[0.99, 0.35]]), null_of_19, passed_self_test, {"s0.npy": "t0"}
    )
    assert flags == []
    assert check.details["highest_similarity"] == 0.35


def test_nothing_is_cleared_without_planted_parts(untried: SelfTest) -> None:
    null = Null("translated_holdout", np.linspace(0.3, 0.5, 99))
    check, _ = check_partial_copies(_nearest([[0.4, 0.3]] * 5), null, untried, None)
    assert check.verdict == "inconclusive"


def test_failed_self_test_makes_the_check_invalid(null_of_19: Null) -> None:
    broken = SelfTest("invalid", {}, 0.1, 10, 0, "")
    check, _ = check_partial_copies(_nearest([[0.2, 0.1]]), null_of_19, broken, None)
    assert check.verdict == "invalid"


@pytest.fixture(scope="module")
def half_and_clean(
    body: Body, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ImageSet, ImageSet, ImageSet]:
    """Give train, holdout, and synthetic: two halves, a window and a clean body."""
    folder = tmp_path_factory.mktemp("parts")

    def write(role: str, scans: dict[str, NDArray[np.float32]]) -> ImageSet:
        images = []
        for name, scan in scans.items():
            np.save(folder / f"{role}{name}.npy", scan)
            images.append(AuditImage(f"{name}.npy", name, (folder / f"{role}{name}.npy",)))
        return ImageSet(tuple(images))

    half = body(3).copy()
    half[:, :, 36:] = body(4)[:, :, 36:]
    window = np.ascontiguousarray(body(6, invert=True)[:, 16:56, 12:58][:, :, ::-1])
    return (
        write("train", {f"t{seed}": body(seed) for seed in range(8)}),
        write("holdout", {f"h{seed}": body(seed) for seed in range(50, 70)}),
        write("synthetic", {"clean": body(99), "half": half, "window": window}),
    )


def test_halves_and_windows_of_bodies_are_called_and_clean_ones_are_not(
    half_and_clean: tuple[ImageSet, ImageSet, ImageSet],
) -> None:
    train, holdout, synthetic = half_and_clean
    comparer = PartialComparer(1)
    references = comparer.prepare(train.images)
    null = measure_partial_null(comparer, references, null=None, holdout=holdout)
    found = comparer.find_nearest(synthetic.images, references)
    level = SelfTest("pass", {}, null.highest + 0.01, 10, 0, "")
    check, flags = check_partial_copies(found, null, level, None)
    named = {flag.synthetic: flag.patient for flag in flags}
    assert check.verdict == "fail"
    assert named["half.npy"] in {"t3", "t4"}
    assert named["window.npy"] == "t6"
    assert "clean.npy" not in named
