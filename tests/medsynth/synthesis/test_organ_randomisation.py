import torch

from medsynth.synthesis.organ_randomisation import scan_organ_slices

SIZE = 64


def _body() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A body of 40 HU with a liver of 60 HU, whose agent would add 400 HU."""
    plain_hu = torch.full((40, SIZE, SIZE), -1000.0)
    plain_hu[:, 8:56, 8:56] = 40.0
    classes = torch.zeros((40, SIZE, SIZE), dtype=torch.uint8)
    classes[:, 20:44, 20:44] = 1
    plain_hu[classes == 1] = 60.0
    return plain_hu, 400.0 * (classes == 1), classes


def _liver_means(seed: int) -> torch.Tensor:
    plain_hu, gain_hu, classes = _body()
    random = torch.Generator().manual_seed(seed)
    batch = scan_organ_slices(plain_hu, gain_hu, classes, random)
    pairs = zip(batch.slices_hu[:, 0], batch.classes, strict=True)
    return torch.stack([values[found == 1].mean() for values, found in pairs if (found == 1).any()])


def test_slices_come_with_all_part_and_none_of_the_agent() -> None:
    means = _liver_means(0)
    assert (means < 110).any()
    assert ((means > 150) & (means < 330)).any()
    assert (means > 380).any()


def test_what_is_out_of_view_has_no_class() -> None:
    plain_hu, gain_hu, classes = _body()
    batch = scan_organ_slices(plain_hu, gain_hu, classes, torch.Generator().manual_seed(1))
    assert (batch.classes[batch.slices_hu[:, 0] == -1000.0] == 0).all()
    assert (batch.slices_hu[:, 0] == -1000.0).any()


def test_equal_seeds_give_equal_slices() -> None:
    assert torch.equal(_liver_means(3), _liver_means(3))
    assert not torch.equal(_liver_means(3), _liver_means(4))
