"""Patients as the unit of privacy: each counts once, whatever was scanned of them."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medsynth.errors import CohortError
from medsynth.privacy.entropy import Entropy
from medsynth.training.batches import PatientSlices, draw_patch


@dataclasses.dataclass(frozen=True)
class PrivatePatient:
    """All training slices of one patient.

    Attributes:
        patient: pseudonym.
        contrast: one (slices, rows, columns) int16 array a series, HU, maybe memory-mapped;
            none where the patient has no contrast series.
        noncontrast: likewise.
    """

    patient: str
    contrast: tuple[NDArray[np.int16], ...]
    noncontrast: tuple[NDArray[np.int16], ...]


@dataclasses.dataclass(frozen=True)
class PatientDraw:
    """What one patient brings to one update: K patches of each phase there is.

    Attributes:
        contrast: (K, 1, patch, patch), float32, HU; None without a contrast series.
        noncontrast: likewise.
    """

    contrast: Tensor | None
    noncontrast: Tensor | None


def join_patients(
    contrast: Sequence[PatientSlices], noncontrast: Sequence[PatientSlices]
) -> tuple[PrivatePatient, ...]:
    """Put what belongs to one pseudonym into one patient, whatever the phase.

    A patient who counted once in each phase would move an update by twice the clipping norm.

    Args:
        contrast: patients' contrast slices.
        noncontrast: patients' non-contrast slices.

    Returns:
        One patient a pseudonym, sorted by it.

    Raises:
        CohortError: a patient has no slice.
    """
    with_contrast, with_noncontrast = _by_patient(contrast), _by_patient(noncontrast)
    return tuple(
        PrivatePatient(name, with_contrast.get(name, ()), with_noncontrast.get(name, ()))
        for name in sorted(with_contrast.keys() | with_noncontrast.keys())
    )


def draw_slices(
    patient: PrivatePatient, *, slices: int, patch: int, entropy: Entropy
) -> PatientDraw:
    """Draw patches of one patient, with equal chance for each series, then for each slice in it.

    Args:
        patient: who takes part.
        slices: patches of each phase, K. A patient with fewer slices has some drawn twice.
        patch: rows and columns of a patch, at most those of the slices.
        entropy: where the draw's seed comes from.

    Returns:
        The patches, on the processor.
    """
    generator = np.random.default_rng(entropy.seed())
    return PatientDraw(
        contrast=_patches(patient.contrast, slices, patch, generator),
        noncontrast=_patches(patient.noncontrast, slices, patch, generator),
    )


def poisson_sample(count: int, rate: float, entropy: Entropy) -> list[int]:
    """Let each of several take part with the same chance, independently of the others.

    The number that take part varies, and may be none: the accounting rests on that.

    Args:
        count: how many there are.
        rate: chance of each, 0 to 1.
        entropy: where the chance comes from.

    Returns:
        Positions of those who take part, rising.
    """
    return [int(place) for place in np.flatnonzero(entropy.uniform(count) < rate)]


def _by_patient(
    patients: Sequence[PatientSlices],
) -> dict[str, tuple[NDArray[np.int16], ...]]:
    joined: dict[str, tuple[NDArray[np.int16], ...]] = {}
    for patient in patients:
        if not patient.volumes_hu or not all(len(volume) for volume in patient.volumes_hu):
            raise CohortError(
                f"Patient {patient.patient} has a phase or a series without slices. Expected at "
                "least one slice in each. Run `medsynth prepare` again."
            )
        joined[patient.patient] = joined.get(patient.patient, ()) + patient.volumes_hu
    return joined


def _patches(
    volumes_hu: tuple[NDArray[np.int16], ...],
    slices: int,
    patch: int,
    generator: np.random.Generator,
) -> Tensor | None:
    if not volumes_hu:
        return None
    patches = [draw_patch(volumes_hu, patch, generator) for _ in range(slices)]
    return torch.from_numpy(np.stack(patches).astype(np.float32)).unsqueeze(1)
