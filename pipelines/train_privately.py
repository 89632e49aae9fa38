"""Training with differential privacy: what the settings declare, what is charged and told."""

import dataclasses
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

from medsynth.errors import ConfigurationError, PrivacyError
from medsynth.privacy.accounting import default_delta, noise_for_epsilon
from medsynth.privacy.admission import AdmittedPlan, admit_patients, admit_plan, admit_public
from medsynth.privacy.budget import (
    Budget,
    BudgetHistory,
    DeclaredMechanism,
)
from medsynth.privacy.fingerprints import fingerprint_patients
from medsynth.privacy.forecast import Forecast, forecast, forecast_lines, forecast_warnings
from medsynth.privacy.ledger import open_ledger
from medsynth.privacy.network_admission import admit_networks
from medsynth.privacy.patients import PrivatePatient, join_patients
from medsynth.privacy.private_loop import (
    Account,
    PrivatePlan,
    Scans,
    begun_networks,
    finish_privately,
    open_folder,
    train_privately,
)
from medsynth.privacy.private_trainer import (
    GENERATORS,
    PrivateStepSettings,
    updates_a_step,
)
from medsynth.privacy.public_source import PublicSettings, SourceKind
from medsynth.privacy.self_checks import CheckResult, Claim
from medsynth.records.json_lines import read_json, write_json
from medsynth.records.progress import Reporter
from medsynth.training.device import Compute, choose_compute
from medsynth.training.loop import TrainingPlan, TrainingSlices
from pipelines.private_checkpoint import has_ended
from pipelines.private_claim import plan_to_plain, verify_plan
from pipelines.private_public_source import public_scans
from pipelines.project_config import PrivacySettings, ProjectConfig
from pipelines.stages import StageContext

LEDGER_NAME = "privacy_ledger.json"
_SEEN_NAME = ".privacy_ledger_seen.json"
_MOST_EXPECTED = 64.0
# One number moves by a few HU a step; a network's weights by far less.
_LEARNING_RATE = {"calibration": 0.1, "norms_and_last": 5e-4, "all": 2e-4}
# Of one number against a discriminator that is noised, and of that discriminator.
_PUBLIC_LEARNING_RATE = {**_LEARNING_RATE, "calibration": 0.04}
_JUDGE_LEARNING_RATE = {"calibration": 1e-2, "norms_and_last": 2e-3, "all": 2e-3}
# About the length of a patient's gradient.
_CLIPPING_NORM = {"calibration": 0.05, "norms_and_last": 1.0, "all": 1.0}
_NOT_COVERED = (
    "The patient whose scan is translated: a translated scan keeps its patient's anatomy, "
    "whatever the training was.",
    "The choice of settings: a training that was repeated with others until its result pleased "
    "tells more than each of its runs.",
    "The number of training patients, which the sampling rate and delta give away.",
    "All other files of the workspace, such as domain_differences.json and the slices: they hold "
    "figures and scans of the training patients without noise.",
    "The split: who was chosen to train.",
    "Trainings without privacy on the same patients, and private ones under another ledger.",
    "A person whose different scans came under different pseudonyms: only equal scans are found.",
    "Attacks on the rounding of noise in 64-bit floating point, and on how long a step took.",
)


def train_with_privacy(context: StageContext, slices: TrainingSlices, plan: TrainingPlan) -> None:
    """Train the translator so that its weights tell little of any one patient.

    Writes the weights and `privacy.json`; nothing that was not noised.

    Args:
        context: of the stage train.
        slices: of the training patients.
        plan: as a training without privacy would have it.

    Raises:
        ConfigurationError: the settings would make epsilon untrue, or cannot reach it.
        CohortError: there are fewer than 20 patients, or one has two pseudonyms.
        PrivacyError: a check refutes the claim, the cohort's total would be passed, or the
            ledger is missing, altered or another cohort's.
    """
    if has_ended(context.output):
        return
    config, reporter = context.config, context.reporter
    _admit(config, plan)
    patients, public = _patients(slices, config), public_scans(config)
    delta = config.privacy.delta or default_delta(len(patients))
    admit_patients(patients, delta=delta)
    if public is not None:
        admit_public(public.patients, join_patients(slices.contrast, slices.noncontrast))
    folder = open_folder(context.output)
    # Another version's search may end at another last digit; what was begun is gone on with.
    noise = folder.begun.budget.declared[0].noise_multiplier if folder.begun else None
    private = _private_plan(config, plan, patients=len(patients), delta=delta, noise=noise)
    compute = choose_compute(config.device)
    admit_networks(dict(begun_networks(private).named()), patch=private.step.patch)
    budget = _budget(private, patients=len(patients), delta=delta)
    foreseen = forecast(budget, steps=private.steps)
    _tell_forecast(foreseen, private, reporter)
    checks = _checked(private, foreseen, compute, reporter) if config.privacy.verify else []
    account = _account(context, budget, patients)
    scans = Scans(patients, public.patients if public else ())
    history = train_privately(scans, private, account, folder, compute=compute, reporter=reporter)
    record = {
        **_record(history, private, account),
        "public_source": None if public is None else public.told(private.step),
        "self_checks": [dataclasses.asdict(check) for check in checks],
    }
    write_json(context.output / "privacy.json", record)
    # Stays when stages are run again, so that a ledger that was lost is missed.
    seen = {"training_id": history.training_id, "counter": history.counter}
    write_json(context.workspace / _SEEN_NAME, seen)
    finish_privately(context.output, history, account)
    reporter.message(
        f"Epsilon {record['epsilon']:.2f} at delta {delta:.2g} for each of {len(patients)} "
        f"patients; {record['total_epsilon']:.2f} of {config.privacy.total_epsilon:g} over all "
        "trainings that the ledger knows."
    )


def ledger_path(config: ProjectConfig, workspace: Path) -> Path:
    """Give the cohort's ledger: the file that the settings name, or that of the workspace."""
    return workspace / (config.privacy.ledger or LEDGER_NAME)


def _patients(slices: TrainingSlices, config: ProjectConfig) -> tuple[PrivatePatient, ...]:
    contrast = slices.contrast if config.privacy.public_source is None else ()
    return join_patients(contrast, slices.noncontrast)


def _admit(config: ProjectConfig, plan: TrainingPlan) -> None:
    admit_plan(
        AdmittedPlan(
            engine=config.train.engine,
            steps=plan.budget.steps,
            image_pool=config.train.image_pool,
            early_stop=config.train.early_stop,
            processes=1,
        )
    )


def _private_plan(
    config: ProjectConfig,
    plan: TrainingPlan,
    *,
    patients: int,
    delta: float,
    noise: float | None,
) -> PrivatePlan:
    settings, steps = config.privacy, plan.budget.steps or 0
    expected = settings.expected_patients or min(_MOST_EXPECTED, patients / 3)
    if expected > patients:
        raise ConfigurationError(
            f"privacy.expected_patients is {expected:g} and there are {patients} training "
            "patients. Expected at most their number. Lower it, or leave it out."
        )
    step = _step_settings(settings, plan, sample_rate=expected / patients)
    if noise is None:
        noise = noise_for_epsilon(
            settings.epsilon,
            delta,
            sample_rate=step.sample_rate,
            steps_by_name={name: steps * count for name, count in updates_a_step(step).items()},
        )
    return PrivatePlan(
        generator=plan.generator,
        discriminator=plan.discriminator,
        step=dataclasses.replace(step, noise_multiplier=noise),
        steps=steps,
        seed=config.seed,
        checkpoint_seconds=plan.checkpoint_seconds,
    )


def _step_settings(
    settings: PrivacySettings, plan: TrainingPlan, *, sample_rate: float
) -> PrivateStepSettings:
    """Give the settings of a step, its noise not yet chosen."""
    public = None
    if settings.public_source is not None:
        kind: SourceKind = "made_up" if settings.public_source == "made_up" else "workspace"
        public = PublicSettings(kind, settings.free_steps, plan.draw.batch, plan.draw.seed)
    rates = _LEARNING_RATE if public is None else _PUBLIC_LEARNING_RATE
    judging = plan.step.discriminator_learning_rate
    if public is not None:
        judging = _JUDGE_LEARNING_RATE[settings.trained]
    is_alone = settings.trained == "calibration" and public is None
    return PrivateStepSettings(
        weights=plan.step.weights,
        learning_rate=settings.learning_rate or rates[settings.trained],
        discriminator_learning_rate=settings.discriminator_learning_rate or judging,
        averaging=settings.averaging,
        clipping_norm=settings.clipping_norm or _CLIPPING_NORM[settings.trained],
        discriminator_clipping_norm=settings.discriminator_clipping_norm,
        noise_multiplier=0.0,
        sample_rate=sample_rate,
        slices=settings.slices,
        patch=plan.draw.patch,
        discriminator_steps=0 if is_alone else settings.discriminator_steps,
        trained=settings.trained,
        start=plan.step.start,
        public=public,
    )


def _budget(plan: PrivatePlan, *, patients: int, delta: float) -> Budget:
    step = plan.step
    declared = tuple(
        DeclaredMechanism(name, step.noise_multiplier, step.sample_rate, count)
        for name, count in updates_a_step(step).items()
    )
    return Budget(declared, delta, patients)


def _tell_forecast(foreseen: Forecast, plan: PrivatePlan, reporter: Reporter) -> None:
    # One number is learnt from a hundred patients where a network is not.
    is_one_number = plan.step.trained == "calibration" and plan.step.public is None
    warnings = () if is_one_number else forecast_warnings(foreseen)
    for line in (*forecast_lines(foreseen), *warnings):
        reporter.message(line)


def _checked(
    plan: PrivatePlan, foreseen: Forecast, compute: Compute, reporter: Reporter
) -> list[CheckResult]:
    """Try to refute what the training will claim, before a patient's scan is trained on."""
    reporter.message("Trying to refute the private step, with made-up patients")
    claim = Claim(foreseen.epsilon, foreseen.delta, foreseen.steps, foreseen.mechanisms)
    found = verify_plan(plan, claim, compute)
    for check in found:
        reporter.message(f"{check.name}: {check.verdict.replace('_', ' ')}")
    refuted = [check for check in found if check.verdict == "refuted"]
    if refuted:
        raise PrivacyError(
            f"The claim of privacy is refuted by {refuted[0].name}: {refuted[0].explanation} "
            "Expected no check to refute it. Nothing was trained; report this as a defect."
        )
    return found


def _account(context: StageContext, budget: Budget, patients: Sequence[PrivatePatient]) -> Account:
    key = hmac.digest(context.inputs.secret.encode("ascii"), b"privacy ledger", hashlib.sha256)
    path = ledger_path(context.config, context.workspace)
    ledger = open_ledger(path, key)
    seen = context.workspace / _SEEN_NAME
    if seen.is_file():
        known = read_json(seen)
        ledger.check_knows(str(known["training_id"]), int(known["counter"]))
    if not path.is_file():
        context.reporter.message(f"New ledger of private trainings: {path}")
    return Account(
        budget=budget,
        ledger=ledger,
        marks=fingerprint_patients(patients, key),
        total_epsilon=context.config.privacy.total_epsilon,
    )


def _record(history: BudgetHistory, plan: PrivatePlan, account: Account) -> dict[str, object]:
    """Give the content of `privacy.json`; the number of patients is for its owner alone."""
    cost, step = history.spent(), plan.step
    norms = {
        one.name: step.clipping_norm if one.name == GENERATORS else step.discriminator_clipping_norm
        for one in history.budget.declared
    }
    return {
        "private": True,
        "unit": history.budget.unit,
        "patients": history.budget.patients,
        "epsilon": cost.epsilon,
        "delta": history.budget.delta,
        "accountant": cost.accountant,
        "rdp_epsilon": cost.rdp_epsilon,
        "noise_multiplier": step.noise_multiplier,
        "sample_rate": step.sample_rate,
        "clipping_norm": norms[history.budget.declared[0].name],
        "steps": history.step,
        "lost_steps": history.lost_steps,
        "mechanisms": [dataclasses.asdict(one) for one in history.charged],
        "declared": [dataclasses.asdict(one) for one in history.budget.after(history.step)],
        "applied": [dataclasses.asdict(one) for one in history.applied],
        "clipping_norms": norms,
        "trained": step.trained,
        "training_id": history.training_id,
        "plan": plan_to_plain(plan),
        "total_epsilon": account.ledger.total().spent.epsilon,
        "not_covered": list(_NOT_COVERED),
    }
