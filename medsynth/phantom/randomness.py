"""One stream of random numbers for each thing a seed decides.

Streams are apart so that a change in one part (say, one more header field)
leaves everything else as it was, and so that patients can be made in any order.
"""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """What a stream decides; the numbers are part of every cohort made so far."""

    PATIENT = 1
    ANATOMY = 2
    LESIONS = 3
    TISSUE = 4
    BOLUS = 5
    POSITION = 6
    NOISE = 7
    HEADER = 8
    SHAPE_FIELDS = 9
    BOWEL = 10
    COHORT = 11
    CHEST = 12
    CHEST_TISSUE = 13
    LUNG = 14


def random_stream(
    seed: int, patient_index: int, stream: Stream, scan_number: int = 0
) -> np.random.Generator:
    """Give a fresh generator for one purpose of one patient.

    Args:
        seed: the cohort's seed, not negative.
        patient_index: the patient's place in the cohort, from 0.
        stream: what the numbers decide.
        scan_number: tells apart the scans of one patient, from 0.
    """
    return np.random.default_rng([seed, patient_index, int(stream), scan_number])
