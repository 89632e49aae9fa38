"""Where public contrast scans come from: made-up patients, or a store of public ones."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medsynth.cohort.phase_randomisation import scan_pairs
from medsynth.cohort.slice_store import load_slices, read_index
from medsynth.training.batches import PatientSlices
from medsynth.training.start_examples import make_start_examples
from medsynth.training.start_training import SPREAD

MADE_UP_PATIENTS = 48
# Apart from the patients that the public start was learnt from, and from those held out there.
_MADE_UP_SEED = 2041
_LOWEST_HU, _HIGHEST_HU = -1024.0, 3071.0


def made_up_scans(patients: int = MADE_UP_PATIENTS) -> tuple[PatientSlices, ...]:
    """Make contrast scans of patients who do not exist, as any scanner might show them.

    Args:
        patients: how many, one chest to two abdomens.

    Returns:
        One series of 16 slices a patient, 128 x 128 pixels of 2.8 mm; always the same.
    """
    random = torch.Generator().manual_seed(_MADE_UP_SEED)
    examples = make_start_examples(_MADE_UP_SEED, patients=patients)
    layers = np.stack([examples.plain_hu, examples.gain_hu], axis=1)
    tissue = torch.from_numpy(layers.astype(np.float32))
    scanned, _ = scan_pairs(tissue, torch.ones(len(tissue)), SPREAD, random)
    slices_hu: NDArray[np.int16] = (
        scanned[:, 0].clamp(_LOWEST_HU, _HIGHEST_HU).round().numpy().astype(np.int16)
    )
    return tuple(
        PatientSlices(f"made-up {place}", (volume,))
        for place, volume in enumerate(np.array_split(slices_hu, patients))
    )


def stored_scans(store: Path) -> tuple[PatientSlices, ...]:
    """Give all contrast scans of a slice store, whatever role their patients were given.

    Args:
        store: the folder that `medsynth prepare` wrote.

    Returns:
        One entry a patient, sorted by pseudonym, memory-mapped; empty without contrast scans.

    Raises:
        RecordError: the store lacks something.
    """
    stored = [entry for entry in read_index(store) if entry.phase == "contrast"]
    return tuple(
        PatientSlices(
            patient,
            tuple(load_slices(store, entry.series) for entry in stored if entry.patient == patient),
        )
        for patient in sorted({entry.patient for entry in stored})
    )
