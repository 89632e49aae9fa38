import torch

from medsynth.training.image_pool import ImagePool


def test_pool_of_size_zero_shows_what_it_is_given() -> None:
    shown = torch.ones(2, 1, 4, 4)
    assert ImagePool(0).exchange(shown, seed=0, step=0) is shown


def test_full_pool_shows_past_slices_about_half_of_the_time() -> None:
    pool = ImagePool(4)
    pool.exchange(torch.zeros(4, 1, 1, 1), seed=0, step=0)
    past = 0
    for step in range(1, 201):
        shown = pool.exchange(torch.full((1, 1, 1, 1), float(step)), seed=0, step=step)
        past += int(float(shown) != step)
    # Binomial(200, 0.5): 100 with a standard deviation of 7.
    assert 70 < past < 130
    assert len(pool.slices) == 4
