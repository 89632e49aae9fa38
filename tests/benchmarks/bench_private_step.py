"""Cost of a private step: one patient at a time, vectorised, not private, and with Opacus.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_private_step.py [SLICES]

Each arm sees the same 8 patients with so many slices of each phase, 4 if not given, and the
default networks from the public start. A step is one update of the discriminators and one of
the generators. A private update of the discriminators translates anew what it shows them, as
its patients are others; the non-private step shows what its generators just made.

Seconds are processor seconds, the least of several steps that take turns with those of the
other arms, so that other work on the machine counts little. Memory is the resident memory of a
fresh process at its highest. The last column is the relative difference of the sums of clipped
gradients from those of one patient at a time: where it is more than rounding, that arm is wrong.
"""

import copy
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from opacus import GradSampleModule
from torch import Tensor, nn

from medsynth.privacy.entropy import SystemEntropy
from medsynth.privacy.patients import PatientDraw, PrivatePatient, draw_slices
from medsynth.privacy.private_trainer import (
    DISCRIMINATORS,
    GENERATORS,
    PrivateStepSettings,
    PrivateTrainer,
    Trained,
)
from medsynth.training.cycle_networks import CycleNetworks, build_cycle_networks
from medsynth.training.cycle_trainer import CycleTrainer
from medsynth.training.device import Compute, peak_memory_gb
from medsynth.training.losses import LossWeights, discriminator_loss, generator_loss
from medsynth.training.public_start import (
    START_DISCRIMINATOR,
    START_GENERATOR,
    begin_from_public_start,
)
from medsynth.training.trainer_state import StepSettings

PATIENTS, PATCH, MATRIX, STEPS = 8, 64, 128, 4
WEIGHTS = LossWeights(cycle=0.5, identity=1.0, change=1.0)
CPU = Compute(torch.device("cpu"), mixed=False)
CLIPPING_NORM = 0.01
IDLE = "code and patients alone"
PLAIN = "not private"
CHUNKS = {"private, 4 patients at once": 4, "private, 8 patients at once": 8}
FEWER = "private, norms and last layers"
HOOKS, FUNCTORCH = "Opacus hooks", "Opacus functorch"
ARMS = (PLAIN, "private, one patient at a time", *CHUNKS, FEWER, HOOKS, FUNCTORCH)


def main(arguments: list[str]) -> int:
    """Print the table, or the peak memory of the one arm that the arguments name."""
    slices = int(arguments[0]) if arguments else 4
    draws = _draws(_patients(), slices)
    if len(arguments) == 2:
        if arguments[1] != IDLE:
            _step_of(arguments[1], draws)()
        print(json.dumps(peak_memory_gb(CPU)["process"]))
        return 0
    memory = {arm: _peak_gb(slices, arm) for arm in (IDLE, *ARMS)}
    seconds = _seconds_of_arms(draws)
    print(f"{PATIENTS} patients x {slices} slices of {PATCH} x {PATCH} of each phase")
    print(f"{IDLE}: {memory[IDLE]:.2f} GB")
    print("| step | CPU seconds | ratio | peak memory, GB | ratio | apart from one at a time |")
    print("| --- | --- | --- | --- | --- | --- |")
    for arm in ARMS:
        apart = f"{_apart(arm, draws):.0e}" if arm in {HOOKS, FUNCTORCH} else ""
        print(
            f"| {arm} | {seconds[arm]:.2f} | {seconds[arm] / seconds[PLAIN]:.2f} "
            f"| {memory[arm]:.2f} | {memory[arm] / memory[PLAIN]:.2f} | {apart} |"
        )
    return 0


def _peak_gb(slices: int, arm: str) -> float:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(slices), arm],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def _seconds_of_arms(draws: Sequence[PatientDraw]) -> dict[str, float]:
    steps = {arm: _step_of(arm, draws) for arm in ARMS}
    seconds: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for _ in range(STEPS):
        for arm, step in steps.items():
            started = time.process_time()
            step()
            seconds[arm].append(time.process_time() - started)
    # The first of each has memory to ask for.
    return {arm: min(found[1:]) for arm, found in seconds.items()}


def _step_of(arm: str, draws: Sequence[PatientDraw]) -> Callable[[], None]:
    if arm == PLAIN:
        return _plain_step(draws)
    if arm in {HOOKS, FUNCTORCH}:
        return _HookedStep(arm, draws).step
    slices = _batches(draws)[0].shape[0] // PATIENTS
    trained: Trained = "norms_and_last" if arm == FEWER else "all"
    trainer = _private_trainer(trained, slices=slices, chunk=CHUNKS.get(arm))
    return lambda: trainer.train_step(learning_rate_factor=1.0)


def _plain_step(draws: Sequence[PatientDraw]) -> Callable[[], None]:
    settings = StepSettings(
        weights=WEIGHTS,
        learning_rate=1e-4,
        discriminator_learning_rate=5e-4,
        averaging=0.99,
        image_pool=0,
        seed=0,
        start="public",
    )
    trainer = CycleTrainer(_networks(), settings, CPU)
    contrast, noncontrast = _batches(draws)

    def step() -> None:
        trainer.train_step(contrast, noncontrast, learning_rate_factor=1.0)

    return step


def _private_trainer(trained: Trained, *, slices: int, chunk: int | None) -> PrivateTrainer:
    settings = PrivateStepSettings(
        weights=WEIGHTS,
        learning_rate=1e-4,
        discriminator_learning_rate=5e-4,
        averaging=0.99,
        clipping_norm=CLIPPING_NORM,
        discriminator_clipping_norm=CLIPPING_NORM,
        noise_multiplier=1.0,
        # Everybody takes part, so that every arm has the same patients.
        sample_rate=1.0,
        slices=slices,
        patch=PATCH,
        trained=trained,
        start="public",
        chunk=chunk,
    )
    return PrivateTrainer(_networks(), _patients(), settings, CPU, SystemEntropy())


class _HookedStep:
    """A private step on Opacus's gradients of each slice, joined to patients by hand."""

    def __init__(self, arm: str, draws: Sequence[PatientDraw]) -> None:
        networks = _networks()
        self._anchors = {
            "to_noncontrast": copy.deepcopy(networks.to_noncontrast).requires_grad_(False),
            "to_contrast": copy.deepcopy(networks.to_contrast).requires_grad_(False),
        }
        self._hooked = CycleNetworks(
            *(
                GradSampleModule(network, loss_reduction="sum", force_functorch=arm == FUNCTORCH)
                for _, network in networks.named()
            )
        )
        self._contrast, self._noncontrast = _batches(draws)
        self._entropy = SystemEntropy()
        self._optimisers = [
            torch.optim.Adam([p for n in pair for p in n.parameters()], lr=1e-4, betas=(0.5, 0.999))
            for pair in (self._hooked.generators(), self._hooked.discriminators())
        ]

    def step(self) -> None:
        for sums, optimiser, pair in (
            (self.discriminator_sums, self._optimisers[1], self._hooked.discriminators()),
            (self.generator_sums, self._optimisers[0], self._hooked.generators()),
        ):
            parameters = [p for network in pair for p in network.parameters()]
            for parameter, total in zip(parameters, sums(), strict=True):
                noise = torch.from_numpy(self._entropy.normal(total.numel())).view(total.shape)
                parameter.grad = ((total + CLIPPING_NORM * noise) / PATIENTS).float()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def generator_sums(self) -> list[Tensor]:
        """Give both generators' sums over clipped patients."""
        hooked = self._hooked
        self._let_learn(hooked.generators(), hooked.discriminators())
        for real, forward, backward, judge, name in (
            (
                self._contrast,
                hooked.to_noncontrast,
                hooked.to_contrast,
                hooked.noncontrast_discriminator,
                "to_noncontrast",
            ),
            (
                self._noncontrast,
                hooked.to_contrast,
                hooked.to_noncontrast,
                hooked.contrast_discriminator,
                "to_contrast",
            ),
        ):
            generator_loss(
                real,
                forward=forward,
                backward=backward,
                judge=judge,
                weights=WEIGHTS,
                anchor=self._anchors[name],
            ).total.backward()  # type: ignore[no-untyped-call]
        return _clipped(hooked.generators(), len(self._contrast) // PATIENTS)

    def discriminator_sums(self) -> list[Tensor]:
        """Give both discriminators' sums over clipped patients."""
        hooked = self._hooked
        self._let_learn(hooked.discriminators(), hooked.generators())
        with torch.no_grad():
            synthetic_noncontrast = hooked.to_noncontrast(self._contrast)
            synthetic_contrast = hooked.to_contrast(self._noncontrast)
        loss = discriminator_loss(
            hooked.noncontrast_discriminator, self._noncontrast, synthetic_noncontrast
        ) + discriminator_loss(hooked.contrast_discriminator, self._contrast, synthetic_contrast)
        loss.backward()  # type: ignore[no-untyped-call]
        return _clipped(hooked.discriminators(), len(self._contrast) // PATIENTS)

    def _let_learn(
        self, learning: tuple[nn.Module, nn.Module], frozen: tuple[nn.Module, nn.Module]
    ) -> None:
        for network in frozen:
            network.requires_grad_(False)
            network.disable_hooks()  # type: ignore[operator]
        for network in learning:
            network.requires_grad_(True)
            network.enable_hooks()  # type: ignore[operator]


def _clipped(pair: tuple[nn.Module, nn.Module], slices: int) -> list[Tensor]:
    parameters = [p for network in pair for p in network.parameters()]
    by_patient = [_by_patient(p.grad_sample, slices) for p in parameters]  # type: ignore[attr-defined]
    squares = [g.double().flatten(1).square().sum(dim=1) for g in by_patient]
    factors = (CLIPPING_NORM / torch.stack(squares).sum(dim=0).sqrt()).clamp(max=1.0)
    for parameter in parameters:
        parameter.grad_sample = None  # type: ignore[attr-defined]
        parameter.grad = None
    return [torch.tensordot(factors, g.double(), dims=1) for g in by_patient]


def _by_patient(grad_sample: Tensor | list[Tensor], slices: int) -> Tensor:
    """Join the gradients of a patient's slices, one set for each backward pass."""
    passes = grad_sample if isinstance(grad_sample, list) else [grad_sample]
    # The loss was a mean over all patients' slices; a patient's own is over those alone.
    joined = [
        PATIENTS * g.reshape(-1, PATIENTS, slices, *g.shape[1:]).sum(dim=(0, 2)) for g in passes
    ]
    return torch.stack(joined).sum(dim=0)


def _apart(arm: str, draws: Sequence[PatientDraw]) -> float:
    ours = _private_trainer("all", slices=1, chunk=None).mechanisms
    hooked = _HookedStep(arm, draws)
    worst = 0.0
    for name, theirs in (
        (DISCRIMINATORS, hooked.discriminator_sums()),
        (GENERATORS, hooked.generator_sums()),
    ):
        sums = ours[name].clipped_sum(draws)
        apart = torch.stack([(a - b).norm() for a, b in zip(sums, theirs, strict=True)]).norm()
        worst = max(worst, float(apart / torch.stack([a.norm() for a in sums]).norm()))
    return worst


def _networks() -> CycleNetworks:
    networks = build_cycle_networks(START_GENERATOR, START_DISCRIMINATOR, seed=0)
    begin_from_public_start(networks, generator=START_GENERATOR, discriminator=START_DISCRIMINATOR)
    return networks


def _patients() -> tuple[PrivatePatient, ...]:
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:MATRIX, :MATRIX] - (MATRIX - 1) / 2
    body = (rows / 40) ** 2 + (columns / 56) ** 2 < 1

    def volume(hu: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        noise = generator.normal(0, 20, (16, MATRIX, MATRIX))
        return (np.where(body, hu, -1000) + noise).astype(np.int16)

    return tuple(PrivatePatient(f"p{n}", (volume(120),), (volume(50),)) for n in range(PATIENTS))


def _draws(patients: Sequence[PrivatePatient], slices: int) -> list[PatientDraw]:
    entropy = SystemEntropy()
    return [draw_slices(p, slices=slices, patch=PATCH, entropy=entropy) for p in patients]


def _batches(draws: Sequence[PatientDraw]) -> tuple[Tensor, Tensor]:
    contrast = torch.cat([draw.contrast for draw in draws if draw.contrast is not None])
    noncontrast = torch.cat([draw.noncontrast for draw in draws if draw.noncontrast is not None])
    return contrast, noncontrast


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
