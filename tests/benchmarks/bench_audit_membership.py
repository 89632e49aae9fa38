"""Membership attacks and claims: what they find, what they must not find, and what it costs.

Peers in the same run: the attack that tools offer today (one loss of the model, no reference,
no correction), and for claims the point estimate of epsilon without confidence bounds.

    python -m tests.benchmarks.bench_audit_membership
"""

import dataclasses
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.phantom.options import BodyRegion
from medsynth.phantom.wide_patient import WideView, paint_wide_patient
from medsynth.training.cycle_networks import (
    DiscriminatorDesign,
    GeneratorDesign,
    build_cycle_networks,
)
from medsynth.training.cycle_trainer import CycleTrainer
from medsynth.training.device import Compute
from medsynth.training.losses import LossWeights
from medsynth.training.public_start import START_DISCRIMINATOR, START_GENERATOR, started_networks
from medsynth.training.trainer_state import StepSettings
from pipelines.white_box import TrainingGrid, TranslatorScores
from privacy_audit.attacks.epsilon_bounds import (
    NoisyUpdates,
    OneRunAudit,
    epsilon_of_updates,
    one_run_epsilon,
)
from privacy_audit.attacks.membership import (
    AttackScores,
    bounds_for_epsilon,
    epsilon_bound,
    epsilon_ceiling,
    judge_membership,
    smallest_area_seen,
)
from privacy_audit.attacks.membership_blind import BlindBaseline, measure_blind_baseline
from privacy_audit.attacks.membership_density import describe_shapes
from privacy_audit.attacks.membership_model import attack_scores, check_membership_model
from privacy_audit.attacks.membership_released import (
    RealPatients,
    ReleasedImages,
    check_membership_released,
    compare_released,
    sources_by_patient,
    sources_of,
)
from privacy_audit.attacks.membership_statistics import area_interval
from privacy_audit.images.image_sets import AuditImage, ImageSet, read_image_set
from privacy_audit.likeness.comparison import Comparer
from privacy_audit.verdict import CheckResult
from privacy_audit.white_box import WhiteBox

MEMBERS = 8
OTHERS = 40
STRANGERS = 16
SIZE = 32
FOLD = 4
PERMUTED_SEEDS = 100
# Noise, rate, steps, delta, and the epsilon of two accountants.
ACCOUNTED = (
    (1.0, 0.01, 1000, 1e-5, 1.8289),
    (1.1, 0.01, 10000, 1e-5, 5.1963),
    (2.0, 0.1, 500, 1e-3, 3.9804),
    (4.0, 0.25, 1000, 1e-3, 7.6329),
    (0.6, 0.05, 200, 1e-3, 10.5949),
    (1.5, 1.0, 20, 1e-5, 16.5420),
)
_VIEW = WideView(
    stream=211,
    slices=1,
    slice_mm=18.0,
    spacing_mm=2.8,
    middle_mm=(-15.0, 195.0),
    head_spread_mm=12.0,
    breath_spread_mm=6.0,
)


@dataclasses.dataclass(frozen=True)
class Cohort:
    """Slices of made-up patients: members first, then others; noncontrast ones of neither."""

    contrast: NDArray[np.float32]
    noncontrast: NDArray[np.float32]
    strangers: NDArray[np.float32]


def main() -> None:
    """Print all tables."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        cohort = make_cohort()
        show_overfitting(cohort, Path(folder))
        show_released(cohort, Path(folder))
    show_power()
    show_claims()


def make_cohort() -> Cohort:
    """Paint abdomens of 32 x 32 pixels at 11.2 mm, one slice a patient."""
    contrast = [paint_slice(index, is_plain=False) for index in range(MEMBERS + OTHERS)]
    plain = [paint_slice(100 + index, is_plain=True) for index in range(MEMBERS + STRANGERS)]
    return Cohort(np.array(contrast), np.array(plain[:MEMBERS]), np.array(plain[MEMBERS:]))


def paint_slice(index: int, *, is_plain: bool) -> NDArray[np.float32]:
    """Paint one slice of one patient, in HU."""
    painted = paint_wide_patient(1, index, BodyRegion.ABDOMEN, _VIEW)
    hu = painted.plain_hu if is_plain else painted.plain_hu + painted.gain_hu
    fine = hu[0] + np.random.default_rng(index).normal(0.0, 12.0, hu[0].shape)
    coarse = fine.reshape(SIZE, FOLD, SIZE, FOLD).mean(axis=(1, 3))
    return np.asarray(coarse, dtype=np.float32)


def show_overfitting(cohort: Cohort, folder: Path) -> None:
    """Train a tiny translator on eight patients and attack it on the way."""
    members = write_patients(folder / "members", cohort.contrast[:MEMBERS])
    others = write_patients(folder / "others", cohort.contrast[MEMBERS:])
    public = started_networks(START_GENERATOR, START_DISCRIMINATOR, seed=0, start="public")
    networks = build_cycle_networks(
        GeneratorDesign("resnet", 8, 1), DiscriminatorDesign("unshuffle", 8), seed=0
    )
    settings = StepSettings(LossWeights(10.0, 5.0, 0.0), 3e-3, 3e-3, 0.0, 0, 0)
    trainer = CycleTrainer(networks, settings, Compute(torch.device("cpu"), mixed=False))
    blind = measure_blind_baseline(members, others, seed=0)
    print(f"{MEMBERS} members, {OTHERS} others; blind area {blind.area:.2f}")
    print("steps  train CPU s  verdict       best of 8  low   one loss (peer)  ratio  audit CPU s")
    spent, target = 0.0, TranslatorScores(networks, public, TrainingGrid(SIZE, 2.8), judges=True)
    reference = TranslatorScores(public, public, TrainingGrid(SIZE, 2.8), judges=True)
    model = WhiteBox(target, (reference,))
    for steps in (0, 100, 200, 300, 400):
        spent += train(trainer, cohort, until=steps)
        begun = time.process_time()
        check = check_membership_model(members, others, model, seed=0, blind=blind)
        seconds = time.process_time() - begun
        peer = number(check, "area_raw_cycle")
        low = check.ci[0] if check.ci else math.nan
        print(
            f"{steps:5}  {spent:11.1f}  {check.verdict:12}  {check.statistic:9.2f}  {low:4.2f}  "
            f"{peer:15.2f}  {number(check, 'statistic') / peer:5.2f}  {seconds:11.2f}"
        )
    print(f"attacks on the last: {areas(check)}")
    print(check.smallest_leak)
    show_permuted(attack_scores(members, others, model), blind)
    show_shifted(members, cohort, model, folder)


def train(trainer: CycleTrainer, cohort: Cohort, *, until: int) -> float:
    """Go on training to a step; gives CPU seconds."""
    begun = time.process_time()
    contrast = torch.from_numpy(cohort.contrast[:MEMBERS]).unsqueeze(1)
    plain = torch.from_numpy(cohort.noncontrast).unsqueeze(1)
    while trainer.step < until:
        draws = np.random.default_rng(trainer.step)
        mine = [torch.from_numpy(draws.choice(MEMBERS, 4, replace=False)) for _ in range(2)]
        trainer.train_step(contrast[mine[0]], plain[mine[1]], learning_rate_factor=1.0)
    return time.process_time() - begun


def show_permuted(attacks: AttackScores, blind: BlindBaseline) -> None:
    """Deal membership out anew, a hundred times, of the overfit translator and of noise."""
    noise = np.random.default_rng(5).normal(size=(500, 9))
    cases = {
        f"overfit translator, {MEMBERS} v {OTHERS}": attacks,
        "noise, 8 v 8": AttackScores(tuple("abcdefghi"), noise[:16], np.arange(16) < 8),
        "noise, 150 v 350": AttackScores(tuple("abcdefghi"), noise, np.arange(500) < 150),
    }
    print(
        f"\nmembership dealt out anew, {PERMUTED_SEEDS} seeds   failed   peer (p < 0.05, best of "
        "all)   CPU s"
    )
    for name, scores in cases.items():
        begun = time.process_time()
        failed = peer_failed = 0
        for seed in range(PERMUTED_SEEDS):
            dealt = np.random.default_rng(seed).permutation(scores.is_member)
            again = dataclasses.replace(scores, is_member=dealt)
            failed += (
                judge_membership("membership_model", again, blind, seed=seed).verdict == "fail"
            )
            peer_failed += uncorrected_fails(again)
        seconds = time.process_time() - begun
        print(f"{name:44}  {failed:6}   {peer_failed:28}   {seconds:5.1f}")


def uncorrected_fails(attacks: AttackScores) -> bool:
    """Whether any attack's area differs from chance at 5 %, as is reported without correction."""
    for column in attacks.scores.T:
        members, others = column[attacks.is_member], column[~attacks.is_member]
        area = float((members[:, np.newaxis] > others).mean())
        if area_interval(area, members.size, others.size, 0.05)[0] > 0.5:
            return True
    return False


def show_shifted(members: ImageSet, cohort: Cohort, model: WhiteBox, folder: Path) -> None:
    """Attack with others of another site."""
    others = cohort.contrast[MEMBERS:]
    noise = np.random.default_rng(9).normal(0.0, 1.0, others.shape)
    cases = {
        "same site": others,
        "offset 10 HU": others + 10.0,
        "noise twice": others + 10.0 * noise,
        "smoother kernel": ndimage.gaussian_filter(others, (0, 0.6, 0.6)),
        "field of view + 15 %": ndimage.zoom(others, (1, 1.15, 1.15), order=1)[:, 2:-3, 2:-3],
    }
    print("\nothers            verdict       blind area  p-value  best attack  CPU s")
    for number_of_case, (name, slices) in enumerate(cases.items()):
        begun = time.process_time()
        elsewhere = write_patients(folder / f"site{number_of_case}", slices.astype(np.float32))
        check = check_membership_model(members, elsewhere, model, seed=0)
        seconds = time.process_time() - begun
        print(
            f"{name:16}  {check.verdict:12}  {number(check, 'blind_area'):10.2f}  "
            f"{number(check, 'blind_p_value'):7.3f}  {check.statistic:11.2f}  {seconds:5.1f}"
        )


def show_released(cohort: Cohort, folder: Path) -> None:
    """Attack by released images alone, of which some repeat a training patient."""
    half = 16
    members = write_patients(folder / "train", cohort.contrast[:half])
    others = write_patients(folder / "holdout", cohort.contrast[half:], first=half)
    null = write_patients(folder / "null", darker(cohort.contrast[half:]), first=half)
    named = {f"patient{index:03}.npy": f"patient{index:03}" for index in range(half)}
    pictures = (*members.images, *others.images)
    print("\nreleased images: repeated members of 16, in another contrast; 32 others")
    print("repeated  own source known  verdict       area  uncalibrated (peer)  CPU s")
    for repeated, is_known in ((0, False), (4, False), (8, False), (16, False), (16, True)):
        # The rest are nobody's, neither a member's nor an other's.
        made = np.concatenate(
            [darker(cohort.contrast[:repeated]), cohort.strangers[: half - repeated]]
        )
        synthetic = write_patients(folder / f"made{repeated}{is_known}", made)
        sources = sources_of(synthetic.images, named if is_known else None)
        begun = time.process_time()
        blind = measure_blind_baseline(members, others, seed=0)
        check = check_membership_released(
            RealPatients(members.patients, others.patients, describe_shapes(pictures)),
            compared(pictures, synthetic, sources),
            compared(pictures, null, sources_by_patient(null.images)),
            blind=blind,
            seed=0,
        )
        seconds = time.process_time() - begun
        print(
            f"{repeated:8}  {'yes' if is_known else 'no':16}  {check.verdict:12}  "
            f"{check.statistic:4.2f}  {number(check, 'area_nearest'):19.2f}  {seconds:5.1f}"
        )


def compared(
    pictures: Sequence[AuditImage], images: ImageSet, sources: tuple[str | None, ...]
) -> ReleasedImages:
    """Compare real images with synthetic ones, with their shapes."""
    found = compare_released(Comparer(1), pictures, images.images, sources)
    return dataclasses.replace(found, shapes=describe_shapes(images.images))


def darker(slices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give bright organs a plain density, and new noise."""
    plain = np.where((slices > 60) & (slices < 400), 60.0 + 0.2 * (slices - 60.0), slices)
    noise = np.random.default_rng(3).normal(0.0, 6.0, slices.shape)
    return (plain + noise).astype(np.float32)


def show_power() -> None:
    """Print what a number of patients can show, with nine attacks."""
    print("\npatients a side  half-width at chance  smallest area seen  largest epsilon refuted")
    for count in (8, 20, 50, 100, 150, 200, 500):
        low, high = area_interval(0.5, count, count, 0.025)
        seen = smallest_area_seen(count, count, 9)
        told = "none" if seen is None else f"{seen:.3f}"
        print(
            f"{count:15}  {(high - low) / 2:20.3f}  {told:>18}  "
            f"{epsilon_ceiling(count, count, 9):23.2f}"
        )


def show_claims() -> None:
    """Print bounds of epsilon against known ones, and against point estimates."""
    print("\nupdates (noise, rate, steps), delta     exact   plain attack  ratio  CPU ms")
    for noise, rate, steps, delta, exact in ACCOUNTED:
        begun = time.process_time()
        bound = epsilon_of_updates([NoisyUpdates(noise, rate, steps)], delta)
        spent = 1000 * (time.process_time() - begun)
        told = f"({noise}, {rate}, {steps}), {delta:g}"
        print(f"{told:38}  {exact:6.2f}  {bound:12.2f}  {bound / exact:5.2f}  {spent:6.1f}")
    print("\none run: guesses  all right  nine tenths right")
    for guesses in (10, 20, 50, 100, 200, 500, 1000):
        bounds = [
            one_run_epsilon(OneRunAudit(guesses, guesses, right), 0.0)
            for right in (guesses, guesses * 9 // 10)
        ]
        print(f"{guesses:16}  {bounds[0]:9.2f}  {bounds[1]:17.2f}")
    show_false_refutations()


def show_false_refutations() -> None:
    """Count how often a sound claim is refuted: scores of exactly epsilon 1."""
    epsilon, seeds = 1.0, 300
    share = math.exp(epsilon) / (1.0 + math.exp(epsilon))
    bound_above = point_above = 0
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        is_member = np.arange(200) < 100
        # A randomised answer is epsilon-private and reaches the bound.
        answer = np.where(generator.random(200) < share, is_member, ~is_member)
        scores = answer + 1e-6 * generator.random(200)
        attacks = AttackScores(("answer",), scores[:, np.newaxis], is_member)
        bound_above += epsilon_bound(*bounds_for_epsilon(attacks), 0.0) > epsilon
        found, falsely = answer[is_member].mean(), answer[~is_member].mean()
        point_above += math.log(found / falsely) > epsilon
    print(
        f"\nsound claims of epsilon 1 refuted, of {seeds}: by the bound {bound_above}, by the "
        f"point estimate (peer) {point_above}"
    )


def write_patients(folder: Path, slices: NDArray[np.float32], first: int = 0) -> ImageSet:
    """Write one slice a patient and list them."""
    folder.mkdir()
    for index, values in enumerate(slices):
        np.save(folder / f"patient{first + index:03}.npy", values)
    return read_image_set(folder)


def number(check: CheckResult, name: str) -> float:
    """Give a figure of a check."""
    value = check.to_record()[name]
    return float(value)


def areas(check: CheckResult) -> str:
    """Give all attacks' areas in words."""
    return ", ".join(
        f"{name.removeprefix('area_')} {number(check, name):.2f}"
        for name in check.details
        if name.startswith("area_")
    )


if __name__ == "__main__":
    main()
