"""Four linkage attackers on made-up patients: what each bears, and what each says.

Released images are noncontrast truths in yet another contrast, plain or warped
smoothly by a share of the field of view (root mean square); the gallery are contrast
scans. The peers of the deformable attacker are the rigid one and, for the learned
one, the cosine of the same numbers without learning and (`--network`) a small
convolutional network trained on the same pairs.

    python -m tests.benchmarks.bench_audit_linkage [--network]
"""

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medsynth.phantom.canvas import label_names
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.scan import render_scan
from privacy_audit.attacks.linkage import check_linkage
from privacy_audit.attacks.linkage_controls import change_contrast, measure_rigid_controls
from privacy_audit.attacks.linkage_deformable import (
    check_linkage_deformable,
    measure_deformable_controls,
    prepare_deformable,
)
from privacy_audit.attacks.linkage_learned import LearnedInputs, check_linkage_learned
from privacy_audit.attacks.linkage_shape import (
    check_linkage_shape,
    find_released_labels,
    measure_shape_controls,
    prepare_shapes,
)
from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels, read_pixels
from privacy_audit.images.image_sets import AuditImage, ImageSet, image_set_from_files
from privacy_audit.likeness.comparison import Comparer
from privacy_audit.likeness.deformable import complex_edges, warp_smoothly
from privacy_audit.likeness.learned_embedding import describe_grid
from privacy_audit.self_tests.self_test import SelfTest
from privacy_audit.verdict import CheckResult
from tests.benchmarks.linkage_network import link_by_network

GALLERY = 200
LINKED = 30
PAIRS = 60
UNRELATED = 120
WARPS = (0.0, 0.03, 0.06, 0.12)
OPTIONS = PhantomOptions(slices=6, matrix=96, spacing_mm=3.7, slice_mm=10.0)
PASSED = SelfTest("pass", {}, 0.9, 10, 0, "Not part of this benchmark.")

Attack = Callable[["Released"], CheckResult]


@dataclasses.dataclass(frozen=True)
class Released:
    """A release, the null made the same way, and where the label maps are."""

    images: ImageSet
    null: ImageSet
    labels: Path
    source_of: Mapping[str, str]


def main() -> None:
    """Print rank-1 by warp, and the verdicts on translations and on unrelated images."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", action="store_true", help="train the peer network, too")
    with_network = parser.parse_args().network
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.process_time()
        real = write_real(folder)
        print(f"{GALLERY + UNRELATED} patients made in {time.process_time() - started:.0f} CPU s")
        attacks = prepare_attacks(real, folder / "labels")
        print_by_warp(attacks, real, folder, with_network=with_network)
        print_verdicts(attacks, folder)


def write_real(folder: Path) -> ImageSet:
    """Write contrast slices, noncontrast truths and label maps; give the gallery."""
    for name in ("real", "truth", "labels"):
        (folder / name).mkdir()
    names = json.dumps(label_names(BodyRegion.ABDOMEN))
    (folder / "labels" / "labels.json").write_text(names, "utf-8")
    for index in range(GALLERY + UNRELATED):
        scan = render_scan(11, index, OPTIONS, "contrast")
        middle = OPTIONS.slices // 2
        if scan.truth is None:
            raise AssertionError("a contrast scan has a truth")
        np.save(folder / "real" / f"p{index:03d}.npy", scan.volume.voxels_hu[middle])
        np.save(folder / "truth" / f"p{index:03d}.npy", scan.truth.voxels_hu[middle])
        write_labels(folder / "labels" / f"p{index:03d}.nii.gz", scan.labels)
    paths = [folder / "real" / f"p{index:03d}.npy" for index in range(GALLERY)]
    return image_set_from_files([(path.stem, path) for path in paths])


def write_labels(path: Path, labels: NDArray[np.uint8]) -> None:
    """Write a label map of (slices, rows, columns)."""
    affine = np.diag([OPTIONS.spacing_mm, OPTIONS.spacing_mm, OPTIONS.slice_mm, 1.0])
    nibabel.save(nibabel.Nifti1Image(labels.transpose(2, 1, 0), affine), path)


def write_release(
    folder: Path, patients: Sequence[int], sources: Sequence[int], share: float
) -> Released:
    """Translate and warp patients, name `sources` as theirs, and make the null likewise."""
    made = folder / f"made_{patients[0]}_{share}"
    labels = made / "labels"
    labels.mkdir(parents=True)
    (labels / "labels.json").write_bytes((folder / "labels" / "labels.json").read_bytes())
    null = range(GALLERY - PAIRS, GALLERY)
    files = {f"s{index:03d}": (index, translate(folder, index, share)) for index in patients}
    files |= {f"p{index:03d}": (index, translate(folder, index, share)) for index in null}
    for name, (_, values) in files.items():
        np.save(made / f"{name}.npy", values)
    for index in patients:
        whole = np.asarray(nibabel.load(folder / "labels" / f"p{index:03d}.nii.gz").dataobj)
        warped = warp_labels(whole.transpose(2, 1, 0), share, index)
        write_labels(labels / f"s{index:03d}.nii.gz", warped)
    images = [(f"s{index:03d}", made / f"s{index:03d}.npy") for index in patients]
    names = [f"s{index:03d}.npy" for index in patients]
    return Released(
        images=image_set_from_files(images),
        null=image_set_from_files([(f"p{n:03d}", made / f"p{n:03d}.npy") for n in null]),
        labels=labels,
        source_of={name: f"p{source:03d}" for name, source in zip(names, sources, strict=True)},
    )


def translate(folder: Path, index: int, share: float) -> NDArray[np.float32]:
    """Give a noncontrast slice in another contrast, warped."""
    truth = np.load(folder / "truth" / f"p{index:03d}.npy")[np.newaxis].astype(np.float32)
    return warp_smoothly(change_contrast(Pixels(truth, None), [1, index]).values, share, [2, index])


def warp_labels(labels: NDArray[np.uint8], share: float, index: int) -> NDArray[np.uint8]:
    """Warp a label map by the field that warps the image, to the nearest label."""
    rows, columns = np.mgrid[0 : labels.shape[1], 0 : labels.shape[2]].astype(np.float32)
    there = [warp_smoothly(axis[np.newaxis], share, [2, index])[0] for axis in (rows, columns)]
    parts = [ndimage.map_coordinates(part, there, order=0) for part in labels]
    return np.stack(parts).astype(np.uint8)


def prepare_attacks(real: ImageSet, labels: Path) -> dict[str, Attack]:
    """Give each attacker as a function of a release, prepared and with its controls."""
    known, others = real.images[-PAIRS:], real.images[-PAIRS:]
    comparer = Comparer(workers=1)
    references = comparer.prepare(real.images)
    rigid_controls = measure_rigid_controls(comparer, [references], known, others, seed=0)
    bending = prepare_deformable(real.images)
    bending_controls = measure_deformable_controls(bending, known, others, seed=0)
    shape = prepare_shapes(real.images, labels)
    if shape is None:
        raise AssertionError("the made-up patients have label maps")
    shape_controls = measure_shape_controls(shape, known, others, seed=0)

    def rigid(release: Released) -> CheckResult:
        compared = comparer.compare(release.images.images, references)
        return check_linkage(
            compared, release.source_of, PASSED, mode="unlinked", seed=0, controls=rigid_controls
        )[0]

    def deformable(release: Released) -> CheckResult:
        images, source_of = release.images.images, release.source_of
        return check_linkage_deformable(
            bending, images, source_of, bending_controls, mode="unlinked", seed=0
        )[0]

    def by_shape(release: Released) -> CheckResult:
        found = find_released_labels(release.images.images, release.labels)
        return check_linkage_shape(
            shape, found, release.source_of, shape_controls, mode="unlinked", seed=0
        )[0]

    def learned(release: Released) -> CheckResult:
        inputs = LearnedInputs(real.images, release.null.images)
        images = release.images.images
        return check_linkage_learned(inputs, images, release.source_of, mode="unlinked", seed=0)[0]

    return {"rigid": rigid, "deformable": deformable, "shape": by_shape, "learned": learned}


def print_by_warp(
    attacks: Mapping[str, Attack], real: ImageSet, folder: Path, *, with_network: bool
) -> None:
    """Print rank-1 and area for each warp, and CPU seconds an image."""
    print(f"\n{LINKED} released slices, gallery {GALLERY}, {PAIRS} pairs to learn from")
    print("warp   attacker     rank-1  rank-5    area  verdict       CPU s/image  rank-1/rigid")
    for share in WARPS:
        release = write_release(folder, range(LINKED), range(LINKED), share)
        peer = 0.0
        for name, attack in attacks.items():
            started = time.process_time()
            check = attack(release)
            seconds = (time.process_time() - started) / LINKED
            rank_one = check.statistic or 0.0
            peer = rank_one if name == "rigid" else peer
            print(
                f"{share:4.0%}   {name:11s} {rank_one:7.3f} {number(check, 'rank_5'):7.3f} "
                f"{number(check, 'area_under_curve'):7.3f}  {check.verdict:12s} {seconds:12.3f}"
                f"  {rank_one / max(peer, 1 / LINKED):12.2f}"
            )
        print(f"{share:4.0%}   no learning {cosine_rank_one(real, release):7.3f}")
        if with_network:
            print(f"{share:4.0%}   network     {network_rank_one(real, release):7.3f}")


def print_verdicts(attacks: Mapping[str, Attack], folder: Path) -> None:
    """Print each attacker's verdict on translations and on images without a source."""
    sources = np.random.default_rng(0).permutation(GALLERY - PAIRS)[:UNRELATED]
    undeformed = (range(PAIRS, PAIRS + LINKED), range(PAIRS, PAIRS + LINKED))
    unrelated = (range(GALLERY, GALLERY + UNRELATED), sources.tolist())
    print(f"\nchance 1/{GALLERY} = {1 / GALLERY:.4f}, bound {3 / GALLERY:.4f}")
    print("release      attacker     n  rank-1  interval          area  interval         verdict")
    for kind, (patients, named) in (("translated", undeformed), ("unrelated", unrelated)):
        release = write_release(folder, patients, named, 0.0)
        for name, attack in attacks.items():
            check = attack(release)
            low, high = check.ci or (0.0, 1.0)
            area = check.details["area_under_curve_ci"]
            bounds = area if isinstance(area, list) else [0.0, 1.0]
            print(
                f"{kind:12s} {name:11s} {check.n:3d} {check.statistic or 0.0:7.3f}  "
                f"[{low:.4f}, {high:.4f}]  {number(check, 'area_under_curve'):.3f}  "
                f"[{bounds[0]:.3f}, {bounds[1]:.3f}]  {check.verdict}"
            )
            print(f"             {check.smallest_leak}")


def number(check: CheckResult, key: str) -> float:
    """Give a detail as a number."""
    value = check.details[key]
    return float(value) if isinstance(value, int | float) else float("nan")


def cosine_rank_one(real: ImageSet, release: Released) -> float:
    """Give rank-1 of the cosine of the learned attacker's numbers, without learning."""
    gallery, probes = describe(real.images), describe(release.images.images)
    gallery, probes = gallery - gallery.mean(axis=0), probes - probes.mean(axis=0)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    best = (probes @ gallery.T).argmax(axis=1)
    return rank_one_of(best, real, release)


def network_rank_one(real: ImageSet, release: Released) -> float:
    """Give rank-1 of a network trained on the null's pairs."""
    pairs = [image.patient for image in release.null.images]
    by_patient = {image.patient: image for image in real.images}
    similarity = link_by_network(
        edges(release.null.images),
        edges([by_patient[patient] for patient in pairs]),
        edges(release.images.images),
        edges(real.images),
    )
    return rank_one_of(similarity.argmax(axis=1), real, release)


def rank_one_of(best: NDArray[np.int64], real: ImageSet, release: Released) -> float:
    """Give the share of released images whose best gallery image is of their source."""
    hits = [
        real.images[index].patient == release.source_of[image.name]
        for index, image in zip(best, release.images.images, strict=True)
    ]
    return float(np.mean(hits))


def describe(images: Sequence[AuditImage]) -> NDArray[np.float64]:
    """Give the numbers that the learned attacker begins with."""
    return np.array(
        [
            describe_grid(fit_body_grid(read_pixels(image.name, image.paths), ""), 1)
            for image in images
        ]
    )


def edges(images: Sequence[AuditImage]) -> NDArray[np.float32]:
    """Give edge maps as two channels: (images, 2, 48, 48)."""
    maps = [
        complex_edges(fit_body_grid(read_pixels(image.name, image.paths), ""))[0]
        for image in images
    ]
    return np.stack([np.stack([one.real, one.imag]) for one in maps]).astype(np.float32)


if __name__ == "__main__":
    main()
