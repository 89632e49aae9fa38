"""What the rough likeness before the audit's pose search costs in recall.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_audit_filter

400 made-up slices are the gallery and copies of 100 of them the probes. For each kind of
copy: the share whose original is among the candidates that are searched exactly, and its
worst rank by the rough likeness. Then what patients who are not in the gallery, the null,
lose of their highest likeness by the filter, against a search of all 400 in every pose.
"""

import time

import numpy as np

from privacy_audit.images.body_grid import fit_body_grid
from privacy_audit.images.image_reading import Pixels
from privacy_audit.likeness.prefilter import CANDIDATES
from privacy_audit.likeness.similarity import EdgeMap, Gallery, PoseSearch, map_edges
from tests.benchmarks.audit_copy_kinds import SLICE_KINDS, Image
from tests.benchmarks.bench_audit_copies import SLICES, made_up_cohort

GALLERY = 400
UNRELATED = 60
COPIES = 20


def describe(image: Image) -> EdgeMap:
    """Give an image's edges."""
    return map_edges(fit_body_grid(Pixels(image.astype(np.float32), None), "a made-up slice"))


def main() -> None:
    """Print one line a kind, and what the null loses."""
    cohort = made_up_cohort(SLICES, GALLERY, UNRELATED, 0)
    search = PoseSearch()
    gallery = search.build_gallery([describe(one.contrast) for one in cohort.train])
    everything = Gallery(gallery.entries, gallery.owners, None)
    random = np.random.default_rng(0)
    print(f"{'kind':30s} kept  worst rank, of {GALLERY}; {CANDIDATES} are candidates")
    for kind, change in SLICE_KINDS.items():
        drawn = random.choice(100, COPIES, replace=False)
        ranks = []
        for index in drawn:
            likeness = search.rough_likeness(describe(change(cohort.train[index], random)), gallery)
            ranks.append(1 + int((likeness > likeness[index]).sum()))
        print(f"{kind:30s} {np.mean(np.array(ranks) <= CANDIDATES):.3f} {max(ranks):5d}")
    lost, seconds = [], [0.0, 0.0]
    for patient in cohort.holdout:
        probe = describe(patient.translated)
        highest = []
        for place, one in enumerate((gallery, everything)):
            started = time.process_time()
            highest.append(float(search.search(probe, one).similarity.max()))
            seconds[place] += time.process_time() - started
        lost.append(highest[1] - highest[0])
    print(
        f"null: highest likeness lost {np.mean(lost):.4f} on average, {max(lost):.4f} at most;"
        f" {np.mean(np.array(lost) < 1e-6):.2f} lose nothing;"
        f" {seconds[0] / UNRELATED * 1e3:.0f} ms a probe, of all {seconds[1] / UNRELATED * 1e3:.0f}"
    )


if __name__ == "__main__":
    main()
