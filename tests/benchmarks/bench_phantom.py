"""Seconds of one made-up volume on one core, against smoothing random noise of its size.

The peer is what the simplest texture phantom needs: Gaussian noise, smoothed
once in three dimensions by SciPy.
"""

import statistics
import time

import numpy as np
from scipy import ndimage

from medsynth.phantom.cohort import PhantomOptions, render_scan

VOLUMES = 6


def main() -> None:
    """Print a table of seconds a volume and the ratio to the peer."""
    options = PhantomOptions()
    shape = (options.slices, options.matrix, options.matrix)
    made, smoothed = [], []
    for index in range(VOLUMES):
        started = time.process_time()
        render_scan(0, index, options, "contrast")
        made.append(time.process_time() - started)
        started = time.process_time()
        ndimage.gaussian_filter(np.random.default_rng(index).normal(size=shape), 2.0)
        smoothed.append(time.process_time() - started)
    print(f"{shape[2]} x {shape[1]} x {shape[0]} voxels, processor seconds, {VOLUMES} volumes")
    print("| what | median | slowest | ratio |")
    print("| --- | --- | --- | --- |")
    baseline = statistics.median(smoothed)
    for name, seconds in (("smoothed noise (SciPy)", smoothed), ("made-up patient", made)):
        median = statistics.median(seconds)
        print(f"| {name} | {median:.3f} | {max(seconds):.3f} | {median / baseline:.1f} |")


if __name__ == "__main__":
    main()
