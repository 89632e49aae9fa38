"""Which slices a training step sees: a pure function of the seed and the step."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BODY_HU = -300
# Coarse enough to be quick; the jitter makes up for it.
_STRIDE = 4
_JITTER = 8


@dataclasses.dataclass(frozen=True)
class Draw:
    """What a step draws from each phase.

    Attributes:
        batch: number of patches.
        patch: rows and columns of a patch, at most those of the slices.
        seed: the training's seed.
    """

    batch: int
    patch: int
    seed: int


@dataclasses.dataclass(frozen=True)
class PatientSlices:
    """One patient's training slices of one phase.

    Attributes:
        patient: pseudonym.
        volumes_hu: one (slices, rows, columns) int16 array a series, HU, maybe memory-mapped.
    """

    patient: str
    volumes_hu: tuple[NDArray[np.int16], ...]


def draw_patches(
    patients: Sequence[PatientSlices],
    draw: Draw,
    *,
    step: int,
    stream: int,
    places: range | None = None,
) -> Tensor:
    """Draw square patches: patients with equal chance, then a slice, then a place in the body.

    Half of the patches are mirrored left to right.

    No state is kept between steps, so a resumed training sees what an
    unbroken one would have seen; nor between the patches of a batch, so
    processes that share a batch see together what one alone would have seen.

    Args:
        patients: who to draw from.
        draw: how many, how large, and the training's seed.
        step: number of the step.
        stream: keeps the draws of the phases apart.
        places: which patches of the batch; None for all of them.

    Returns:
        (len(places), 1, patch, patch), float32, HU.
    """
    chosen = range(draw.batch) if places is None else places
    patches = [
        _one_patch(patients, draw.patch, np.random.default_rng([draw.seed, stream, step, place]))
        for place in chosen
    ]
    return torch.from_numpy(np.stack(patches).astype(np.float32)).unsqueeze(1)


def draw_patch(
    volumes_hu: Sequence[NDArray[np.int16]], patch: int, generator: np.random.Generator
) -> NDArray[np.int16]:
    """Draw one square patch of one patient: a series, then a slice, then a place in the body.

    Half of the patches are mirrored left to right.

    Args:
        volumes_hu: the patient's series, at least one, each (slices, rows, columns), HU.
        patch: rows and columns of the patch, at most those of the slices.
        generator: the chance; moved on.

    Returns:
        (patch, patch), HU, a view of the slice.
    """
    volume = volumes_hu[int(generator.integers(len(volumes_hu)))]
    slice_hu = volume[int(generator.integers(len(volume)))]
    found = _patch_in_body(slice_hu, patch, generator)
    # Contrast agent knows no left and right, so mirrored patients are more patients.
    return found[:, ::-1] if generator.random() < 0.5 else found


def _one_patch(
    patients: Sequence[PatientSlices], patch: int, generator: np.random.Generator
) -> NDArray[np.int16]:
    patient = patients[int(generator.integers(len(patients)))]
    return draw_patch(patient.volumes_hu, patch, generator)


def _patch_in_body(
    slice_hu: NDArray[np.int16], patch: int, generator: np.random.Generator
) -> NDArray[np.int16]:
    rows, columns = slice_hu.shape
    body_rows, body_columns = np.nonzero(slice_hu[::_STRIDE, ::_STRIDE] > _BODY_HU)
    if len(body_rows):
        chosen = int(generator.integers(len(body_rows)))
        middle = (body_rows[chosen] * _STRIDE, body_columns[chosen] * _STRIDE)
    else:
        middle = (rows // 2, columns // 2)
    row, column = (
        int(
            np.clip(place - patch // 2 + generator.integers(-_JITTER, _JITTER + 1), 0, size - patch)
        )
        for place, size in zip(middle, (rows, columns), strict=True)
    )
    return slice_hu[row : row + patch, column : column + patch]
