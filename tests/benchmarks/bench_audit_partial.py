"""Partial copies: what the audit finds of crops, halves, blends and patches, and at what cost.

Made-up patients of one abdominal level: 100 in train, 200 in the null (their
images without contrast agent, as a translator would make them), 100 clean ones,
and copies of train planted among these. The peers are what is used today for
copies: cosine of pixels, a perceptual hash, and keypoints (ORB) matched one by
one; each is called above the null's 99 % quantile.

    python -m tests.benchmarks.bench_audit_partial [COPIES_OF_EACH_KIND]
"""

import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from skimage.feature import ORB, match_descriptors
from skimage.transform import resize

from medsynth.phantom.options import BodyRegion
from medsynth.phantom.wide_patient import WideView, paint_wide_patient
from privacy_audit.attacks.near_copy import check_near_copies
from privacy_audit.attacks.partial_copy import check_partial_copies
from privacy_audit.images.image_reading import Pixels
from privacy_audit.images.image_sets import ImageSet, read_image_set
from privacy_audit.likeness.comparison import Comparer
from privacy_audit.likeness.nulls import measure_null
from privacy_audit.likeness.partial_comparison import PartialComparer, measure_partial_null
from privacy_audit.self_tests.partial_plants import plant_partial_copies
from privacy_audit.self_tests.self_test import run_partial_self_test, run_self_test
from privacy_audit.verdict import CheckResult, Flag

TRAIN, NULL, CLEAN = 100, 200, 100
NOISE_HU = 12.0
VIEW = WideView(
    stream=77,
    slices=1,
    slice_mm=5.0,
    spacing_mm=2.8,
    middle_mm=(0.0, 0.0),
    head_spread_mm=15.0,
    breath_spread_mm=5.0,
)
Image = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Scans:
    """Patients with contrast agent and without, each (patients, 128, 128), in HU."""

    contrast: Image
    plain: Image


@dataclasses.dataclass(frozen=True)
class Study:
    """The roles on disk.

    `owners` maps the names of planted images to (kind, patients that may be named).
    """

    train: ImageSet
    holdout: ImageSet
    null: ImageSet
    synthetic: ImageSet
    owners: Mapping[str, tuple[str, tuple[str, ...]]]


def main() -> None:
    """Print recall by kind and check, false flags, the self-test, and CPU seconds."""
    copies = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    scans = make_scans(TRAIN + NULL + CLEAN + copies)
    with tempfile.TemporaryDirectory() as folder:
        study = write_study(Path(folder), scans, copies)
        flags = run_checks(study)
        print_recall(study, flags, run_peers(study))
        print_speed(study)


def make_scans(patients: int) -> Scans:
    """Paint patients; the two phases have noise of their own."""
    contrast, plain = [], []
    for index in range(patients):
        painted = paint_wide_patient(11, index, BodyRegion.ABDOMEN, VIEW)
        noise = np.random.default_rng([5, index]).normal(0, NOISE_HU, (2, 128, 128))
        contrast.append(painted.plain_hu[0] + painted.gain_hu[0] + noise[0])
        plain.append(painted.plain_hu[0] + noise[1])
    return Scans(np.array(contrast, dtype=np.float32), np.array(plain, dtype=np.float32))


def write_study(folder: Path, scans: Scans, copies: int) -> Study:
    """Write train, holdout, null, and the clean and planted synthetic images."""
    _write(folder / "train", {f"t{i:03}": scans.contrast[i] for i in range(TRAIN)})
    unseen = range(TRAIN, TRAIN + NULL)
    _write(folder / "holdout", {f"h{i:03}": scans.contrast[i] for i in unseen})
    _write(folder / "null", {f"h{i:03}": scans.plain[i] for i in unseen})
    clean = range(TRAIN + NULL, TRAIN + NULL + CLEAN)
    synthetic = {f"clean{i:03}": scans.plain[i] for i in clean}
    owners = {}
    order = np.random.default_rng(3).permutation(TRAIN)
    for number in range(copies):
        host = TRAIN + NULL + CLEAN + number
        for translated, images in ((False, scans.contrast), (True, scans.plain)):
            own, second = int(order[number]), int(order[-1 - number])
            for kind, other in (("", host), ("two", second)):
                plants = plant_partial_copies(_pixels(images[own]), _pixels(images[other]), number)
                for name, plant in plants.items():
                    # Halves and blends are made of two training patients, the rest of one.
                    if (kind == "two") != (name in {"half", "contrast_half", "blend"}):
                        continue
                    label = f"{name} translated" if translated else name
                    key = f"{label.replace(' ', '_')}_{number:03}"
                    synthetic[key] = plant.pixels.values[0]
                    both = (f"t{own:03}", f"t{second:03}")
                    owners[f"{key}.npy"] = (label, both if plant.names_other else both[:1])
    _write(folder / "synthetic", synthetic)
    return Study(
        train=read_image_set(folder / "train"),
        holdout=read_image_set(folder / "holdout"),
        null=read_image_set(folder / "null"),
        synthetic=read_image_set(folder / "synthetic"),
        owners=owners,
    )


def run_checks(study: Study) -> dict[str, list[Flag]]:
    """Run both checks with their self-tests and print what they say."""
    clock = _Clock()
    whole = Comparer(1)
    train = whole.prepare(study.train.images)
    null = measure_null(whole, train, null=study.null, holdout=study.holdout)
    nearest = whole.find_nearest(study.synthetic.images, train)
    clock.tell("near_copy: search of null and synthetic")
    test = run_self_test(whole, train, null, train=study.train, holdout=study.holdout, seed=1)
    clock.tell("near_copy: self-test")
    near, near_flags = check_near_copies(nearest, null, test, None)
    _print_check("near_copy", near, test.explanation)
    clock.start()
    parts = PartialComparer(1)
    references = parts.prepare(study.train.images)
    partial_null = measure_partial_null(parts, references, null=study.null, holdout=study.holdout)
    found = parts.find_nearest(study.synthetic.images, references)
    clock.tell("partial_copy: search of null and synthetic")
    test = run_partial_self_test(
        parts, references, partial_null, train=study.train, holdout=study.holdout, seed=1
    )
    clock.tell("partial_copy: self-test")
    partial, partial_flags = check_partial_copies(found, partial_null, test, None)
    _print_check("partial_copy", partial, test.explanation)
    both = near_flags + partial_flags
    return {"near_copy": near_flags, "partial_copy": partial_flags, "either": both}


def run_peers(study: Study) -> dict[str, list[Flag]]:
    """Call by what is used today, each above the 99 % quantile of its null."""
    peers: dict[str, Callable[[Image], Image]] = {
        "pixel cosine": _unit_pixels,
        "pHash-64": _perceptual_hash,
    }
    flags = {}
    for name, describe in peers.items():
        train = np.stack([describe(_read(image.paths[0])) for image in study.train.images])
        described = {
            role: np.stack([describe(_read(image.paths[0])) for image in images.images]) @ train.T
            for role, images in (("null", study.null), ("synthetic", study.synthetic))
        }
        flags[name] = _above_quantile(study, name, described["null"], described["synthetic"])
    keypoints = {
        role: [_keypoints(_read(image.paths[0])) for image in images.images]
        for role, images in (
            ("train", study.train),
            ("null", study.null),
            ("synthetic", study.synthetic),
        )
    }
    tables = {
        role: np.array([[_matches(a, b) for b in keypoints["train"]] for a in keypoints[role]])
        for role in ("null", "synthetic")
    }
    flags["ORB"] = _above_quantile(study, "ORB", tables["null"], tables["synthetic"])
    return flags


def print_recall(
    study: Study, checks: Mapping[str, list[Flag]], peers: Mapping[str, list[Flag]]
) -> None:
    """Print, by kind, the share found and, among the found, the share named right."""
    methods = {**checks, **peers}
    kinds = list(dict.fromkeys(kind for kind, _ in study.owners.values()))
    print(f"{'kind':38}" + "".join(f"{name:>18}" for name in methods))
    for kind in kinds:
        names = {name for name, (own, _) in study.owners.items() if own == kind}
        cells = [_share_found(study, flags, names) for flags in methods.values()]
        print(f"{kind:38}" + "".join(f"{cell:>18}" for cell in cells))
    clean = {image.name for image in study.synthetic.images} - set(study.owners)
    false = [
        len({flag.synthetic for flag in flags} & clean) / len(clean) for flags in methods.values()
    ]
    print(f"{'clean patients flagged':38}" + "".join(f"{share:18.2f}" for share in false))
    found = [
        [flag for flag in flags if flag.synthetic in study.owners] for flags in methods.values()
    ]
    right = [sum(_is_right(study, flag) for flag in flags) / max(1, len(flags)) for flags in found]
    print(f"{'right source of all found':38}" + "".join(f"{share:18.3f}" for share in right))


def print_speed(study: Study) -> None:
    """Print CPU seconds and memory of 300 by 300 slices, and of more references."""
    images = (study.train.images + study.null.images)[:300]
    clock = _Clock()
    comparer = PartialComparer(1)
    references = comparer.prepare(images)
    clock.tell("preparing 300 slices")
    before = time.process_time()
    comparer.find_nearest(images, references)
    seconds = time.process_time() - before
    print(f"300 x 300 slices: {seconds:.1f} CPU seconds, {seconds / 90:.3f} ms a pair of patients")
    memory = references.gallery.vectors.nbytes + references.gallery.cells.nbytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"references: {memory / 300 / 1024:.0f} KiB each; peak of this process {peak:.0f} MiB")


class _Clock:
    """Tells CPU seconds since it was last asked."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._since = time.process_time()

    def tell(self, what: str) -> None:
        print(f"{what}: {time.process_time() - self._since:.1f} CPU seconds", flush=True)
        self.start()


def _share_found(study: Study, flags: list[Flag], names: set[str]) -> str:
    found = {flag.synthetic for flag in flags if flag.synthetic in names}
    right = {flag.synthetic for flag in flags if flag.synthetic in names and _is_right(study, flag)}
    return f"{len(found) / len(names):.2f} ({len(right)}/{len(found)} right)"


def _is_right(study: Study, flag: Flag) -> bool:
    return flag.patient in study.owners[flag.synthetic][1]


def _print_check(name: str, check: CheckResult, self_test: str) -> None:
    print(f"{name}: {check.verdict}. {check.explanation}\n  {check.smallest_leak}\n  {self_test}")


def _above_quantile(
    study: Study, name: str, null: NDArray[np.floating], tested: NDArray[np.floating]
) -> list[Flag]:
    level = np.quantile(null.max(axis=1), 0.99)
    return [
        Flag(
            image.name, study.train.images[int(row.argmax())].patient, name, 0.01, float(row.max())
        )
        for image, row in zip(study.synthetic.images, tested, strict=True)
        if row.max() > level
    ]


def _pixels(image: Image) -> Pixels:
    return Pixels(image[np.newaxis], None)


def _write(folder: Path, images: Mapping[str, Image]) -> None:
    folder.mkdir()
    for name, image in images.items():
        np.save(folder / f"{name}.npy", image)


def _read(path: Path) -> Image:
    image = np.load(path)
    window = np.clip((image + 160) / 400, 0, 1)
    return np.asarray(resize(window, (128, 128), anti_aliasing=True), dtype=np.float32)


def _unit_pixels(image: Image) -> Image:
    values = image.ravel() - image.mean()
    return np.asarray(values / np.linalg.norm(values), dtype=np.float32)


def _perceptual_hash(image: Image) -> Image:
    """Give 64 signs of low cosine coefficients, so that a product counts equal bits."""
    small = resize(image, (32, 32), anti_aliasing=True)
    low = fft.dctn(small, norm="ortho")[:8, :8].ravel()
    return np.where(low > np.median(low[1:]), 1.0, -1.0).astype(np.float32)


def _keypoints(image: Image) -> NDArray[np.bool_]:
    finder = ORB(n_keypoints=100, fast_threshold=0.02)
    try:
        finder.detect_and_extract(image)
    except RuntimeError:
        return np.zeros((0, 256), dtype=np.bool_)
    return np.asarray(finder.descriptors, dtype=np.bool_)


def _matches(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> int:
    if not len(first) or not len(second):
        return 0
    return len(match_descriptors(first, second, cross_check=True, max_ratio=0.8))


if __name__ == "__main__":
    main()
