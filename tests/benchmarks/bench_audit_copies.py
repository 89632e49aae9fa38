"""Recall of planted copies by the audit's whole-image search, beside what is used today.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_audit_copies slices
    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_audit_copies volumes
    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_audit_copies real --real DIR

"slices" and "volumes" are made-up patients: 100 to train on, 200 whose translations are the
null, 100 clean and 10 copies of each kind. "real" reads single slices (DICOM, by default of
MEDSYNTH_REAL_CT/siim_slices), splits their patients three times and translates with the
public start. A copy counts as found when the audit flags it and names its patient; each kind
is audited with all clean patients, and once all kinds are together. The peers' thresholds
are the 1 % quantile of the same null, on real slices, which are few, the 2 % quantile.
"""

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
import torch

from medsynth.imaging.volume import Volume, axial_affine
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.scan import render_scan
from medsynth.synthesis.translate import translate_volume
from medsynth.training.device import choose_compute
from medsynth.training.public_start import START_SPACING_MM, public_generator
from privacy_audit.attacks.near_copy import check_near_copies
from privacy_audit.images.image_sets import ImageSet, image_set_from_files
from privacy_audit.likeness.comparison import Comparer, Nearest
from privacy_audit.likeness.nulls import measure_null
from privacy_audit.self_tests.self_test import run_self_test
from privacy_audit.verdict import CheckResult, Flag
from tests.benchmarks.audit_copy_kinds import (
    SLICE_KINDS,
    VOLUME_KINDS,
    Change,
    Image,
    Original,
)
from tests.benchmarks.audit_copy_peers import Peer, installed_peers

COPIES = 10
SEED = 606
SLICES = PhantomOptions(matrix=128, slices=1, spacing_mm=2.8)
VOLUMES = PhantomOptions(matrix=96, slices=12, spacing_mm=3.75, slice_mm=10.0)
REAL_SPLITS = 3


@dataclasses.dataclass(frozen=True)
class Cohort:
    """Patients by role; of holdout and clean ones the translations are used."""

    train: list[Original]
    holdout: list[Original]
    clean: list[Original]


@dataclasses.dataclass(frozen=True)
class Copies:
    """Copies of one kind and the patients they were made of."""

    images: list[Image]
    patients: list[str]


@dataclasses.dataclass(frozen=True)
class Found:
    """How one kind fared: share found, share of those with the right name, clean flagged."""

    recall: float
    right: float
    clean: float


def made_up_cohort(options: PhantomOptions, train: int, holdout: int, clean: int) -> Cohort:
    """Make patients in memory; truth is the translation."""
    patients = []
    for index in range(train + holdout + clean):
        scan = render_scan(SEED, index, options, "contrast")
        assert scan.truth is not None
        contrast, truth = (one.voxels_hu.astype(np.float32) for one in (scan.volume, scan.truth))
        patients.append(Original(f"p{index:04d}", contrast, truth))
    return Cohort(patients[:train], patients[train : train + holdout], patients[train + holdout :])


def real_slices(folder: Path) -> list[Original]:
    """Read single slices and translate them by the public start."""
    network, compute = public_generator(), choose_compute("cpu")
    originals = []
    for path in sorted(folder.glob("*.dcm")):
        header = pydicom.dcmread(path)
        stored = header.pixel_array.astype(np.float32)
        hu = stored * float(header.RescaleSlope) + float(header.RescaleIntercept)
        spacing = float(header.PixelSpacing[0])
        volume = Volume(
            np.clip(np.rint(hu), -1024, 3071).astype(np.int16)[np.newaxis],
            axial_affine((5.0, spacing, spacing), (0.0, 0.0, 0.0)),
        )
        with torch.inference_mode():
            made = translate_volume(
                volume, network, spacing_mm=START_SPACING_MM, batch=1, compute=compute
            )
        contrast, translated = (one.voxels_hu.astype(np.float32) for one in (volume, made))
        originals.append(Original(str(header.PatientID), contrast, translated))
    return originals


def split_patients(originals: Sequence[Original], seed: int) -> Cohort:
    """Give a third of the patients to train, half to the null, the others are clean."""
    patients = sorted({original.patient for original in originals})
    order = np.random.default_rng(seed).permutation(patients).tolist()
    first, second = len(order) // 3, len(order) // 3 + len(order) * 2 // 5
    parts = (order[:first], order[first:second], order[second:])
    return Cohort(*[[one for one in originals if one.patient in set(part)] for part in parts])


def make_copies(cohort: Cohort, kinds: Mapping[str, Change], seed: int) -> dict[str, Copies]:
    """Copy drawn training images in each way."""
    random = np.random.default_rng(seed)
    copies = {}
    for kind, change in kinds.items():
        drawn = random.choice(len(cohort.train), min(COPIES, len(cohort.train)), replace=False)
        originals = [cohort.train[index] for index in drawn]
        images = [change(one, random).astype(np.float32) for one in originals]
        copies[kind] = Copies(images, [one.patient for one in originals])
    return copies


def audit_copies(
    cohort: Cohort, copies: Mapping[str, Copies], folder: Path
) -> tuple[dict[str, Found], CheckResult]:
    """Audit each kind with the clean patients, and all kinds together."""
    comparer = Comparer(1)
    train = _write(folder / "train", [(one.patient, one.contrast) for one in cohort.train])
    null = _write(folder / "null", [(one.patient, one.translated) for one in cohort.holdout])
    real = _write(folder / "holdout", [(one.patient, one.contrast) for one in cohort.holdout])
    clean = _write(folder / "clean", [(one.patient, one.translated) for one in cohort.clean])
    references = comparer.prepare(train.images)
    likeness = measure_null(comparer, references, null=null, holdout=real)
    self_test = run_self_test(comparer, references, likeness, train=train, holdout=real, seed=SEED)
    print(f"self-test: {self_test.verdict}. {self_test.explanation}")
    nearest = {"clean": comparer.find_nearest(clean.images, references)}
    owner: dict[str, str] = {}
    for number, (kind, made) in enumerate(copies.items()):
        written = [(f"copy{number:02d}_{row}", image) for row, image in enumerate(made.images)]
        images = _write(folder / f"kind{number}", written)
        owner.update(
            {f"{name}_0000.npy": who for (name, _), who in zip(written, made.patients, strict=True)}
        )
        nearest[kind] = comparer.find_nearest(images.images, references)
    found = {}
    for kind in copies:
        check, flags = check_near_copies(
            _join([nearest["clean"], nearest[kind]]), likeness, self_test, None
        )
        found[kind] = _count(flags, owner, len(nearest[kind].probes), _patients(clean))
    check, flags = check_near_copies(_join(list(nearest.values())), likeness, self_test, None)
    found["all kinds together"] = _count(flags, owner, len(owner), _patients(clean))
    return found, check


def peer_recall(
    peer: Peer, cohort: Cohort, copies: Mapping[str, Copies], quantile: float
) -> dict[str, tuple[float, float]]:
    """Give recall with the right patient named, of each kind, and clean flagged."""
    references = [one.contrast[0] for one in cohort.train]
    null = peer([one.translated[0] for one in cohort.holdout], references).min(axis=1)
    threshold = np.quantile(null, quantile)
    clean = peer([one.translated[0] for one in cohort.clean], references).min(axis=1)
    false = float((clean < threshold).mean())
    recall = {}
    for kind, made in copies.items():
        distance = peer([image[0] for image in made.images], references)
        named = [cohort.train[index].patient for index in distance.argmin(axis=1)]
        right = np.array([a == b for a, b in zip(named, made.patients, strict=True)])
        recall[kind] = (float(((distance.min(axis=1) < threshold) & right).mean()), false)
    return recall


def _patients(images: ImageSet) -> int:
    return len(images.patients)


def _write(folder: Path, images: Sequence[tuple[str, Image]]) -> ImageSet:
    folder.mkdir(parents=True)
    pairs = []
    for index, (patient, image) in enumerate(images):
        count = sum(1 for earlier, _ in images[:index] if earlier == patient)
        path = folder / f"{patient}_{count:04d}.npy"
        np.save(path, image)
        pairs.append((patient, path))
    return image_set_from_files(pairs)


def _join(parts: Sequence[Nearest]) -> Nearest:
    return Nearest(
        probes=tuple(probe for part in parts for probe in part.probes),
        fingerprints=tuple(one for part in parts for one in part.fingerprints),
        patients=parts[0].patients,
        columns=np.concatenate([part.columns for part in parts]),
        similarity=np.concatenate([part.similarity for part in parts]),
    )


def _count(flags: Sequence[Flag], owner: Mapping[str, str], planted: int, clean: int) -> Found:
    of_copies = [flag for flag in flags if flag.synthetic in owner]
    right = sum(flag.patient == owner[flag.synthetic] for flag in of_copies)
    return Found(
        recall=right / planted,
        right=right / len(of_copies) if of_copies else float("nan"),
        clean=(len(flags) - len(of_copies)) / clean,
    )


def run(cohorts: Sequence[Cohort], kinds: Mapping[str, Change], quantile: float) -> None:
    """Print the table of one or several cohorts, averaged."""
    started = time.process_time()
    ours, copies = [], []
    for seed, cohort in enumerate(cohorts):
        copies.append(make_copies(cohort, kinds, seed))
        with tempfile.TemporaryDirectory() as folder:
            found, check = audit_copies(cohort, copies[-1], Path(folder))
        ours.append(found)
        print(check.explanation)
    print(f"audits: {time.process_time() - started:.0f} CPU seconds")
    is_slices = cohorts[0].train[0].contrast.shape[0] == 1
    peers = installed_peers() if is_slices else {}
    theirs = {}
    for name, peer in peers.items():
        started = time.process_time()
        theirs[name] = [
            peer_recall(peer, cohort, made, quantile)
            for cohort, made in zip(cohorts, copies, strict=True)
        ]
        print(f"{name}: {time.process_time() - started:.0f} CPU seconds")
    print_table(ours, theirs)


def print_table(
    ours: Sequence[Mapping[str, Found]],
    theirs: Mapping[str, Sequence[Mapping[str, tuple[float, float]]]],
) -> None:
    """Print one line a kind: ours, then the peers' recall."""
    print(f"{'kind':30s} recall  right  clean |", "  ".join(f"{name:>12s}" for name in theirs))
    for kind in ours[0]:
        recall = np.mean([found[kind].recall for found in ours])
        clean = np.mean([found[kind].clean for found in ours])
        named = [found[kind].right for found in ours if found[kind].recall > 0]
        right = np.mean(named) if named else float("nan")
        line = f"{kind:30s} {recall:6.3f} {right:6.3f} {clean:6.3f} |"
        if kind != "all kinds together":
            for runs in theirs.values():
                line += f"  {np.mean([one[kind][0] for one in runs]):12.3f}"
        print(line)
    shares = [np.mean([next(iter(one.values()))[1] for one in runs]) for runs in theirs.values()]
    print(f"{'clean flagged by the peers':53s}|", "  ".join(f"{share:12.3f}" for share in shares))


def main() -> None:
    """Run one of the three settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setting", choices=("slices", "volumes", "real"))
    default = Path(os.environ.get("MEDSYNTH_REAL_CT", ".")) / "siim_slices"
    parser.add_argument("--real", type=Path, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.setting == "slices":
        run([made_up_cohort(SLICES, 100, 200, 100)], SLICE_KINDS, 0.01)
    elif arguments.setting == "volumes":
        run([made_up_cohort(VOLUMES, 100, 200, 100)], VOLUME_KINDS, 0.01)
    else:
        originals = real_slices(arguments.real)
        cohorts = [split_patients(originals, seed) for seed in range(REAL_SPLITS)]
        run(cohorts, SLICE_KINDS, 0.02)


if __name__ == "__main__":
    main()
