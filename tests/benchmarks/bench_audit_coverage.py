"""Coverage, repetition and attributes of the audit, on sets whose answer is known, beside peers.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_audit_coverage [PEERS]

PEERS is the Python of an environment with prdc, vendi-score and anonymeter (1.1 was tried);
without it the peers' columns are empty. Seconds are processor seconds of the computation alone.
Coverage and density are of points with 60 numbers; bodies are the tests' made-up ones.
"""

import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from privacy_audit.attacks.attributes import Reference, check_attributes
from privacy_audit.images.attributes_table import Value
from privacy_audit.images.features import GROUPS, FeatureTable, columns_of, describe_images
from privacy_audit.images.image_sets import AuditImage
from privacy_audit.representation.coverage import check_coverage
from privacy_audit.representation.coverage_statistics import (
    Balls,
    distances,
    measure_balls,
    vendi_score,
)
from tests.privacy_audit.made_up_cohort import random_table, same_name, scan_with

POINTS = 1000
SEEDS = 100
BODIES = 200
Result = TypeVar("Result")

_PEERS = """
import json, sys, time
import numpy as np
def prdc_of(path):
    from prdc import compute_prdc
    sets = np.load(path)
    compute_prdc(sets["real"][:50], sets["synthetic"][:50], 5)
    begun = time.process_time()
    found = compute_prdc(sets["real"], sets["synthetic"], 5)
    return found["density"], found["coverage"], time.process_time() - begun
def vendi_of(path):
    from vendi_score import vendi
    similarity = np.load(path)["similarity"]
    vendi.score_K(similarity[:9, :9])
    begun = time.process_time()
    return float(vendi.score_K(similarity)), time.process_time() - begun
def anonymeter_of(path):
    import pandas
    from anonymeter.evaluators import InferenceEvaluator
    sets = np.load(path, allow_pickle=False)
    def frame(side):
        table = pandas.DataFrame(sets[side], columns=[f"f{n}" for n in range(sets[side].shape[1])])
        table["secret"] = sets[side + "_secret"]
        return table
    released, reference = frame("released"), frame("reference")
    begun = time.process_time()
    evaluator = InferenceEvaluator(
        ori=released, syn=reference, aux_cols=[c for c in released if c != "secret"],
        secret="secret", regression=False, n_attacks=len(released))
    evaluator.evaluate(n_jobs=1)
    rate = evaluator.results().attack_rate.value
    return rate, time.process_time() - begun
asked = {"prdc": prdc_of, "vendi": vendi_of, "anonymeter": anonymeter_of}[sys.argv[1]]
print(json.dumps(asked(sys.argv[2])))
"""


def main() -> None:
    """Print the tables."""
    peers = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _print_balls(peers, folder)
        _print_vendi(peers, folder)
        _print_attributes(peers, folder)
    _print_groups()


def _print_balls(peers: Path | None, folder: Path) -> None:
    print(f"\nDensity and coverage, {POINTS} x {POINTS} points, k = 5\n")
    print("| synthetic points | density | prdc | coverage | prdc | clipped density ", end="")
    print("| clipped coverage | seconds | prdc | ratio |")
    print("| --- " * 10 + "|")
    real = _points(0)
    far = _points(3)
    far[: POINTS // 2] = _points(1)[: POINTS // 2]
    far[POINTS // 2 :] += 100
    sets = {
        "of the same kind": _points(1),
        "the real ones": real,
        "half of them far away": far,
        "one of the real ones, repeated": np.repeat(real[:1], POINTS, axis=0),
    }
    for title, synthetic in sets.items():
        balls, seconds = _timed(functools.partial(_balls_of, real, synthetic))
        np.savez(folder / "sets.npz", real=real, synthetic=synthetic)
        density, coverage, peer_seconds = _ask(peers, "prdc", folder / "sets.npz", 3)
        print(
            f"| {title} | {balls.density:.4f} | {density:.4f} | {balls.coverage:.4f} "
            f"| {coverage:.4f} | {balls.clipped_density:.3f} | {balls.clipped_coverage:.3f} "
            f"| {seconds:.3f} | {peer_seconds:.3f} | {seconds / peer_seconds:.2f} |"
        )


def _print_vendi(peers: Path | None, folder: Path) -> None:
    print("\nVendi score of 500 patients\n")
    print("| different bodies | score | vendi-score | seconds | vendi-score | ratio |")
    print("| --- " * 6 + "|")
    for bodies in (1, 50, 500):
        group = np.arange(500) % bodies
        similarity = np.where(group[:, None] == group[None], 1.0, 0.0)
        np.savez(folder / "likeness.npz", similarity=similarity)
        score, seconds = _timed(functools.partial(vendi_score, similarity))
        theirs, peer_seconds = _ask(peers, "vendi", folder / "likeness.npz", 2)
        print(
            f"| {bodies} | {score:.3f} | {theirs:.3f} | {seconds:.3f} | {peer_seconds:.3f} "
            f"| {seconds / peer_seconds:.2f} |"
        )


def _print_attributes(peers: Path | None, folder: Path) -> None:
    reference, released, attributes = _bodies(folder)
    print(f"\nAttributes of {BODIES} sources, learnt from {BODIES} others\n")
    print("| attribute | guessed right | exchanged | majority | risk | verdict ", end="")
    print("| anonymeter right | seconds | anonymeter | ratio |")
    print("| --- " * 10 + "|")
    names = [image.name for image in released.images]
    for attribute in ("sex", "weight", "coin"):
        only = {patient: {attribute: row[attribute]} for patient, row in attributes.items()}
        attack = functools.partial(
            check_attributes,
            released,
            Reference(reference, "null"),
            same_name(names),
            only,
            seed=0,
        )
        check, seconds = _timed(attack)
        rate, peer_seconds = _ask_anonymeter(peers, folder, reference, released, only)
        details = check.details
        print(
            f"| {attribute} | {details[f'{attribute}: attack_rate']:.2f} "
            f"| {details[f'{attribute}: control_rate']:.2f} "
            f"| {details[f'{attribute}: majority_rate']:.2f} | {check.statistic:.2f} "
            f"({check.ci[0] if check.ci else 0:.2f} to {check.ci[1] if check.ci else 0:.2f}) "
            f"| {check.verdict} | {rate:.2f} | {seconds:.2f} | {peer_seconds:.2f} "
            f"| {seconds / peer_seconds:.2f} |"
        )
    _print_chance(reference, released, names)


def _print_chance(reference: FeatureTable, released: FeatureTable, names: list[str]) -> None:
    failed = missed = 0
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        patients = [image.patient for image in reference.images] + list(same_name(names).values())
        coins: dict[str, dict[str, Value]] = {
            patient: {"coin": str(generator.choice(["a", "b"]))} for patient in patients
        }
        check = check_attributes(
            released, Reference(reference, "null"), same_name(names), coins, seed=seed
        )
        failed += check.verdict == "fail"
        missed += check.ci is None or not check.ci[0] <= 0 <= check.ci[1]
    print(f"\nAttributes that nothing shows, {SEEDS} seeds: {failed} failed, ", end="")
    print(f"{missed} intervals without chance.")


def _print_groups() -> None:
    print(f"\nGroups of 100 among 200 patients: share of {SEEDS} seeds in which one was named\n")
    print("| body's size differs by | of the group are missing | group named | other named |")
    print("| --- " * 4 + "|")
    for shift in (0.0, 1.0, 2.0, 3.0):
        for missing in (0.0, 0.5, 0.75, 1.0):
            found = [_left_out(seed, shift, missing) for seed in range(SEEDS)]
            named = sum("sex F" in names for names in found) / SEEDS
            other = sum("sex M" in names for names in found) / SEEDS
            print(f"| {shift:.0f} sd | {missing:.0%} | {named:.2f} | {other:.2f} |")


def _left_out(seed: int, shift: float, missing: float) -> str:
    tables = []
    women = np.arange(200) % 2 == 0
    for part, letter in enumerate("srh"):
        table = random_table(3 * seed + part, [f"{letter}{number}" for number in range(200)])
        smaller = women.copy()
        if letter == "s":
            smaller[np.flatnonzero(women)[: round(100 * missing)]] = False
        table.values[np.ix_(smaller, columns_of(("size",)))] -= shift
        tables.append(table)
    sexes: dict[str, dict[str, Value]] = {
        f"r{number}": {"sex": "F" if women[number] else "M"} for number in range(200)
    }
    synthetic, real, holdout = tables
    return str(check_coverage(synthetic, real, holdout, sexes, seed=seed).details["left_out"])


def _bodies(folder: Path) -> tuple[FeatureTable, FeatureTable, dict[str, dict[str, Value]]]:
    generator = np.random.default_rng(1)
    attributes: dict[str, dict[str, Value]] = {}
    images = []
    for seed in range(2 * BODIES):
        name, patient = (f"h{seed}", f"h{seed}") if seed < BODIES else (f"s{seed}", f"p{seed}")
        is_woman, weight = bool(generator.random() < 0.5), float(generator.normal(70, 10))
        scan = scan_with(seed, liver_hu=60.0 * is_woman, size=1 + (weight - 70) / 100)
        np.save(folder / f"{name}.npy", scan)
        images.append(AuditImage(name, name, (folder / f"{name}.npy",)))
        coin = str(generator.choice(["a", "b"]))
        attributes[patient] = {"sex": "F" if is_woman else "M", "weight": weight, "coin": coin}
    table, seconds = _timed(functools.partial(describe_images, images, 1))
    print(f"\n{len(images)} pictures described in {seconds:.1f} s, ", end="")
    print(f"{sum(GROUPS.values())} numbers each")
    first, second = (
        FeatureTable(table.images[part], table.values[part], table.with_spot[part])
        for part in (slice(BODIES), slice(BODIES, None))
    )
    return first, second, attributes


def _ask_anonymeter(
    peers: Path | None,
    folder: Path,
    reference: FeatureTable,
    released: FeatureTable,
    attributes: dict[str, dict[str, Value]],
) -> list[float]:
    numbers = np.array(
        [value for row in attributes.values() for value in row.values() if isinstance(value, float)]
    )

    def secret(patient: str) -> str:
        value = next(iter(attributes[patient].values()))
        if isinstance(value, float):
            return str(np.searchsorted(np.quantile(numbers, [1 / 3, 2 / 3]), value))
        return value

    np.savez(
        folder / "attributes.npz",
        released=released.values,
        released_secret=[secret(image.name.replace("s", "p")) for image in released.images],
        reference=reference.values,
        reference_secret=[secret(image.patient) for image in reference.images],
    )
    return _ask(peers, "anonymeter", folder / "attributes.npz", 2)


def _balls_of(real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> Balls:
    return measure_balls(distances(real, real), distances(real, synthetic))


def _points(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(POINTS, 60))


def _timed(compute: Callable[[], Result]) -> tuple[Result, float]:
    started = time.process_time()
    result = compute()
    return result, time.process_time() - started


def _ask(peers: Path | None, which: str, path: Path, answers: int) -> list[float]:
    if peers is None:
        return [float("nan")] * answers
    command = [str(peers), "-W", "ignore", "-c", _PEERS, which, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return [float(value) for value in found]


if __name__ == "__main__":
    main()
