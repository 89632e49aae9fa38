import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from privacy_audit.images.body_grid import GRID
from privacy_audit.likeness.patch_overlap import measure_overlap, sharpen_overlap
from privacy_audit.likeness.patch_poses import (
    CELLS,
    UPRIGHT,
    PatchPose,
    average_over_cells,
    pose_cells,
)


def _edges(seed: int) -> NDArray[np.float32]:
    """Give smooth random edges everywhere, ready to be posed."""
    noise = np.random.default_rng(seed).normal(size=(2, GRID, GRID))
    smooth = ndimage.gaussian_filter(noise, (0, 4, 4))
    return average_over_cells((smooth / smooth.std()).astype(np.float32))


def test_image_overlaps_itself_whole() -> None:
    edges = _edges(0)
    overlap = measure_overlap(edges, pose_cells(edges, UPRIGHT), UPRIGHT, (0, 0))
    assert overlap.correlation == pytest.approx(0.999, abs=1e-3)
    assert overlap.cells == CELLS**2
    # artanh(0.999) * sqrt(32 * 32 / (12 * 12)) = 3.800 * 2.667
    assert overlap.evidence == pytest.approx(10.13, rel=0.01)


def test_shared_quarter_is_found_and_nothing_else_counts() -> None:
    mixed = pose_cells(_edges(1), UPRIGHT)
    mixed[:, : CELLS // 2, : CELLS // 2] = pose_cells(_edges(0), UPRIGHT)[:, :16, :16]
    overlap = measure_overlap(_edges(0), mixed, UPRIGHT, (0, 0))
    assert overlap.cells == 16 * 16
    assert overlap.correlation > 0.95


def test_unrelated_edges_give_little_evidence() -> None:
    overlap = measure_overlap(_edges(0), pose_cells(_edges(1), UPRIGHT), UPRIGHT, (0, 0))
    assert overlap.evidence < 1.0


def test_less_than_half_a_patch_in_common_is_no_evidence() -> None:
    edges = _edges(0)
    # 12 rows and 3 columns remain, one more of each by the search: 52 cells of the 79 needed.
    overlap = measure_overlap(edges, pose_cells(edges, UPRIGHT), UPRIGHT, (20, 29))
    assert overlap.evidence == 0.0


def test_sharpening_finds_the_pose_between_cells_and_degrees() -> None:
    edges = _edges(0)
    truth = PatchPose(3.0, 1.03, rows_flipped=False, columns_flipped=True)
    reference = pose_cells(edges, truth, (0.6, -0.4))
    start = dataclasses.replace(truth, angle_degrees=0.0, scale=1.0)
    rough = measure_overlap(edges, reference, start, (0, 0))
    sharp = sharpen_overlap(edges, reference, rough)
    assert sharp.evidence > 1.2 * rough.evidence
    assert sharp.pose.angle_degrees == pytest.approx(3.0, abs=0.7)
    assert sharp.shift == pytest.approx((0.6, -0.4), abs=0.15)
