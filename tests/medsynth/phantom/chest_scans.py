"""Made-up chest scans shared by tests; each is rendered once."""

import functools

from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.scan import PhantomScan, render_scan

CHEST = PhantomOptions(
    matrix=64, slices=12, spacing_mm=5.6, slice_mm=25.0, region=BodyRegion.CHEST, sites=4
)
# 5.6 x 5.6 x 25 mm.
VOXEL_ML = 0.784


@functools.cache
def chest_scan(index: int) -> PhantomScan:
    return render_scan(2, index, CHEST, "contrast")
