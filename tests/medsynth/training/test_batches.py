import numpy as np
import torch

from medsynth.training.batches import Draw, PatientSlices, draw_patches


def _patients() -> list[PatientSlices]:
    few = np.zeros((1, 4, 4), dtype=np.int16)
    many = np.full((99, 4, 4), 7, dtype=np.int16)
    return [PatientSlices("few", (few,)), PatientSlices("many", (many,))]


def test_patients_are_drawn_with_equal_chance_whatever_their_slices() -> None:
    drawn = draw_patches(_patients(), Draw(batch=400, patch=4, seed=1), step=0, stream=0)
    share_few = float((drawn[:, 0, 0, 0] == 0).float().mean())
    # Binomial(400, 0.5): standard deviation 0.025.
    assert 0.4 < share_few < 0.6


def test_draw_is_a_function_of_seed_step_and_stream() -> None:
    volume = np.arange(64, dtype=np.int16).reshape(64, 1, 1)
    patients = [PatientSlices("p", (volume,))]

    def draw(seed: int, step: int, stream: int) -> torch.Tensor:
        return draw_patches(patients, Draw(batch=8, patch=1, seed=seed), step=step, stream=stream)

    assert torch.equal(draw(1, 2, 0), draw(1, 2, 0))
    for other in (draw(2, 2, 0), draw(1, 3, 0), draw(1, 2, 1)):
        assert not torch.equal(draw(1, 2, 0), other)


def test_patches_lie_around_the_body() -> None:
    slice_hu = np.full((1, 64, 64), -1000, dtype=np.int16)
    slice_hu[0, 40:56, 8:24] = 50
    patients = [PatientSlices("p", (slice_hu,))]
    drawn = draw_patches(patients, Draw(batch=50, patch=32, seed=0), step=0, stream=0)
    # The middle of a patch is a body pixel give or take 8, so every patch holds body.
    assert bool((drawn == 50).flatten(1).any(dim=1).all())


def test_empty_slice_gives_a_patch_of_air() -> None:
    patients = [PatientSlices("p", (np.full((1, 64, 64), -1000, dtype=np.int16),))]
    drawn = draw_patches(patients, Draw(batch=2, patch=32, seed=0), step=0, stream=0)
    assert drawn.shape == (2, 1, 32, 32)


def test_shared_batch_is_the_whole_batch_in_parts() -> None:
    volume = np.arange(64, dtype=np.int16).reshape(64, 1, 1)
    patients = [PatientSlices("p", (volume,))]
    draw = Draw(batch=6, patch=1, seed=3)
    whole = draw_patches(patients, draw, step=4, stream=1)
    parts = [
        draw_patches(patients, draw, step=4, stream=1, places=places)
        for places in (range(2), range(2, 6))
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert len(set(whole.flatten().tolist())) > 1
