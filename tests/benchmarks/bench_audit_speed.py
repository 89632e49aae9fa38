"""Time and memory of the audit's whole-image search by size, from files to nearest patients.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_audit_speed [SIZE ...]

Each size N is a process of its own: N real and N synthetic slices of 128 x 128, each of a
patient of its own, are read, placed on the common grid and searched in every pose (flips,
rotations, shifts; scale and small deformations for the nearest). Seconds are the
processor's, of one core. Beyond 3,000, only 300 of the synthetic slices are searched, and
their seconds are carried on to N; the memory is that of N real ones. The peer is the same
search without the rough likeness before it, on 300 real slices; its cost grows with N times
N and is carried on from there.
"""

import argparse
import dataclasses
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.image_sets import ImageSet, image_set_from_files
from privacy_audit.likeness.comparison import Comparer
from privacy_audit.likeness.similarity import Gallery

SIZES = (100, 300, 1000, 3000, 10_000)
LARGEST_SEARCHED_WHOLLY = 3000
PROBES_BEYOND = 300
ROWS = 128
PEER_REFERENCES = 300
PEER_PROBES = 20
ASKED_SECONDS = 240


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one size: seconds of the processor, and the highest memory of its process."""

    size: int
    probes: int
    prepare_seconds: float
    search_seconds: float
    right: int
    megabytes: float
    megabytes_before: float


def make_body(seed: int) -> NDArray[np.int16]:
    """Make smooth random organs in an ellipse, in HU."""
    generator = np.random.default_rng(seed)
    organs = ndimage.gaussian_filter(generator.normal(size=(ROWS, ROWS)), 5)
    organs *= 60.0 / organs.std()
    row, column = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : ROWS * 1j]
    inside = (row / 0.62) ** 2 + (column / 0.8) ** 2 < 1
    return np.rint(np.where(inside, 40 + organs, -1000.0)).astype(np.int16)


def write_bodies(folder: Path, size: int, first: int) -> ImageSet:
    """Write bodies; a tenth of the second set are flipped bodies of the first."""
    folder.mkdir()
    pairs = []
    for index in range(size):
        is_copy = first > 0 and index % 10 == 0
        body = make_body(index)[:, ::-1] if is_copy else make_body(first + index)
        path = folder / f"p{index:06d}.npy"
        np.save(path, body)
        pairs.append((f"p{index:06d}", path))
    return image_set_from_files(pairs)


def measure(size: int) -> Cost:
    """Search as many synthetic as real slices."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        real = write_bodies(folder / "real", size, 0)
        probes = size if size <= LARGEST_SEARCHED_WHOLLY else PROBES_BEYOND
        synthetic = write_bodies(folder / "synthetic", probes, 1_000_000)
        before = peak_megabytes()
        started = time.process_time()
        comparer = Comparer(1)
        references = comparer.prepare(real.images)
        prepared = time.process_time()
        nearest = comparer.find_nearest(synthetic.images, references)
        searched = time.process_time()
    right = int((nearest.columns[::10, 0] == np.arange(0, probes, 10)).sum())
    return Cost(
        size=size,
        probes=probes,
        prepare_seconds=prepared - started,
        search_seconds=(searched - prepared) * size / probes,
        right=right,
        megabytes=peak_megabytes(),
        megabytes_before=before,
    )


def measure_peer() -> float:
    """Give seconds a pair without the rough likeness."""
    with tempfile.TemporaryDirectory() as name:
        real = write_bodies(Path(name) / "real", PEER_REFERENCES, 0)
        comparer = Comparer(1)
        references = comparer.prepare(real.images)
        gallery = references.gallery
        whole = dataclasses.replace(
            references, gallery=Gallery(gallery.entries, gallery.owners, None)
        )
        started = time.process_time()
        comparer.find_nearest(real.images[:PEER_PROBES], whole)
        return (time.process_time() - started) / (PEER_PROBES * PEER_REFERENCES)


def peak_megabytes() -> float:
    """Give the highest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    sizes = parser.parse_args().sizes
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        pair_seconds = pool.apply(measure_peer)
        print(f"without the rough likeness: {pair_seconds * 1e6:.0f} us a pair")
        print("      N  prepare s  search s   all s  ms a probe  peer / all  found  peak MB  (+MB)")
        for size in sizes:
            cost = pool.apply(measure, (size,))
            total = cost.prepare_seconds + cost.search_seconds
            print(
                f"{size:7d} {cost.prepare_seconds:10.1f} {cost.search_seconds:9.1f} {total:7.1f}"
                f" {cost.search_seconds / size * 1e3:11.1f}"
                f" {pair_seconds * size**2 / total:11.1f}"
                f" {cost.right:4d}/{-(-cost.probes // 10)} {cost.megabytes:8.0f}"
                f" {cost.megabytes - cost.megabytes_before:6.0f}",
                flush=True,
            )
            if size == 1000:
                print(f"        1,000 x 1,000 of at most {ASKED_SECONDS} s: {total:.0f} s")


if __name__ == "__main__":
    main()
