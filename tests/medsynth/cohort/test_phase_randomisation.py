import torch
from torch import Tensor

from medsynth.cohort.phase_randomisation import (
    TRAINING_SPREAD,
    SliceBatch,
    scan_pairs,
    scan_slices,
)


def tissue_of_a_disc(slices: int) -> Tensor:
    """A disc of muscle with a bright disc of blood in it, of 90 voxels and of 30 voxels."""
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    distance = torch.sqrt((rows - 63.5) ** 2 + (columns - 63.5) ** 2)
    body, blood = (distance < 45).float(), (distance < 15).float()
    one = torch.stack([body * 1050 - 1000, blood * 150, blood, blood])
    return one[None].repeat(slices, 1, 1, 1)


def scanned(is_contrast: float, seed: int = 0, slices: int = 24) -> SliceBatch:
    random = torch.Generator().manual_seed(seed)
    contrast = torch.full((slices,), is_contrast)
    return scan_slices(tissue_of_a_disc(slices), contrast, TRAINING_SPREAD, random)


def test_equal_seeds_give_equal_scans() -> None:
    assert torch.equal(scanned(1.0).slices_hu, scanned(1.0).slices_hu)
    assert not torch.equal(scanned(1.0).slices_hu, scanned(1.0, seed=1).slices_hu)


def test_the_answer_is_plain_without_agent_and_enhanced_with_it() -> None:
    assert set(scanned(0.0).classes.flatten().tolist()) == {0, 1}
    assert set(scanned(1.0).classes.flatten().tolist()) == {0, 2}


def test_the_answer_lies_where_the_agent_is() -> None:
    batch = scanned(1.0)
    halved = torch.nn.functional.avg_pool2d(batch.slices_hu, 2)[:, 0]
    for index in range(len(halved)):
        is_blood = batch.classes[index] == 2
        # The field of view may cut the blood away; noise and shading stay below 150 HU on average.
        if (halved[index][is_blood] > -500).float().mean() > 0.99:
            assert 90 < halved[index][is_blood].mean() < 350


def test_scans_of_one_anatomy_differ_in_noise_and_place() -> None:
    batch = scanned(0.0)
    areas = (batch.classes == 1).sum(dim=(1, 2)).float()
    assert areas.max() > 1.4 * areas.min()
    centre = batch.slices_hu[:, 0, 56:72, 56:72].std(dim=(1, 2))
    assert centre.max() > 4 * centre.min()


def test_a_pair_differs_where_the_agent_is_and_nowhere_else() -> None:
    tissue = tissue_of_a_disc(8)[:, :2]
    random = torch.Generator().manual_seed(0)
    scanned_hu, plain_hu = scan_pairs(tissue, torch.ones(8), TRAINING_SPREAD, random)
    difference = scanned_hu - plain_hu
    assert difference.max() > 90
    # Lumps in fat may take up a little; the kernel overshoots at edges.
    assert (difference.abs() > 40).float().mean() < 0.2
    assert difference[plain_hu < -900].abs().median() == 0


def test_a_pair_without_agent_is_twice_the_same_scan() -> None:
    tissue = tissue_of_a_disc(4)[:, :2]
    random = torch.Generator().manual_seed(0)
    scanned_hu, plain_hu = scan_pairs(tissue, torch.zeros(4), TRAINING_SPREAD, random)
    assert torch.equal(scanned_hu, plain_hu)
