import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from medsynth.errors import AuditError, MedsynthError
from medsynth.records.json_lines import write_json
from medsynth.training.checkpoints import save_checkpoint, save_weights
from medsynth.training.cycle_networks import (
    CycleNetworks,
    DiscriminatorDesign,
    GeneratorDesign,
    build_cycle_networks,
    build_discriminator,
)
from medsynth.training.cycle_trainer import CycleTrainer
from medsynth.training.device import Compute
from medsynth.training.loop import CHECKPOINT_NAME
from medsynth.training.losses import LossWeights
from medsynth.training.public_start import (
    START_DISCRIMINATOR,
    START_GENERATOR,
    started_networks,
)
from medsynth.training.trainer_state import StepSettings
from pipelines.white_box import TrainingGrid, TranslatorScores, read_white_box
from privacy_audit.attacks.membership_model import check_membership_model
from privacy_audit.images.image_reading import Pixels
from privacy_audit.images.image_sets import ImageSet, read_image_set
from privacy_audit.white_box import WhiteBox

SIZE = 32
MEMBERS = 8
OTHERS = 24
TINY = GeneratorDesign("unshuffle", channels=4, blocks=1)
WriteCohort = Callable[[str, NDArray[np.float32]], ImageSet]


def _inside_body() -> NDArray[np.bool_]:
    row, column = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    return np.asarray((row / 0.62) ** 2 + (column / 0.8) ** 2 < 1)


class DenseGenerator(nn.Module):
    """A translator that makes a whole slice from a few numbers, so it learns slices by heart."""

    def __init__(self) -> None:
        super().__init__()
        flat = torch.from_numpy(np.where(_inside_body(), 80.0, -1000.0).astype(np.float32))
        self.flat = flat.view(1, 1, SIZE, SIZE)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(SIZE * SIZE, 64),
            nn.ReLU(),
            nn.Linear(64, SIZE * SIZE),
            nn.Unflatten(1, (1, SIZE, SIZE)),
        )

    def forward(self, hu: Tensor) -> Tensor:
        made: Tensor = self.flat + 100.0 * self.layers((hu - self.flat) / 100.0)
        return made


def slices_of(first: int, patients: int, *, is_contrast: bool) -> NDArray[np.float32]:
    """Made-up slices in HU, (patients, 32, 32); bright and varied where there is agent."""
    made = []
    for seed in range(first, first + patients):
        generator = np.random.default_rng(seed)
        organs = ndimage.gaussian_filter(generator.normal(size=(SIZE, SIZE)), 1.5)
        organs /= organs.std()
        inside = _inside_body()
        body = 120.0 + 60.0 * organs if is_contrast else 40.0 + 20.0 * organs
        made.append(np.where(inside, body, -1000.0) + generator.normal(0.0, 8.0, inside.shape))
    return np.array(made, dtype=np.float32)


@pytest.fixture(scope="module")
def public() -> CycleNetworks:
    return started_networks(START_GENERATOR, START_DISCRIMINATOR, seed=0, start="public")


@pytest.fixture(scope="module")
def dense_networks() -> CycleNetworks:
    """A CycleGAN fitted to eight contrast patients until it knows them by heart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        judges = [build_discriminator(DiscriminatorDesign("patch70", 2)) for _ in range(2)]
        networks = CycleNetworks(DenseGenerator(), DenseGenerator(), *judges)
    settings = StepSettings(LossWeights(10.0, 5.0, 0.0), 1e-3, 2e-4, 0.0, 0, 0)
    trainer = CycleTrainer(networks, settings, Compute(torch.device("cpu"), mixed=False))
    contrast = torch.from_numpy(slices_of(0, MEMBERS, is_contrast=True)).unsqueeze(1)
    plain = torch.from_numpy(slices_of(500, MEMBERS, is_contrast=False)).unsqueeze(1)
    for _ in range(60):
        trainer.train_step(contrast, plain, learning_rate_factor=1.0)
    return networks


@pytest.fixture
def write_cohort(tmp_path: Path) -> WriteCohort:
    def write(name: str, slices: NDArray[np.float32]) -> ImageSet:
        folder = tmp_path / name
        folder.mkdir()
        for number, one in enumerate(slices):
            np.save(folder / f"{name}{number:03}.npy", one)
        return read_image_set(folder)

    return write


@pytest.fixture
def white_box(dense_networks: CycleNetworks, public: CycleNetworks) -> WhiteBox:
    return WhiteBox(
        target=TranslatorScores(dense_networks, public, TrainingGrid(SIZE, 2.8), judges=False),
        references=(TranslatorScores(public, public, TrainingGrid(SIZE, 2.8), judges=False),),
    )


def test_an_overfit_translator_of_eight_patients_fails(
    white_box: WhiteBox, write_cohort: WriteCohort
) -> None:
    members = write_cohort("members", slices_of(0, MEMBERS, is_contrast=True))
    others = write_cohort("others", slices_of(100, OTHERS, is_contrast=True))
    check = check_membership_model(members, others, white_box, seed=0)
    assert check.verdict == "fail"
    assert check.statistic is not None
    assert check.statistic > 0.95


def test_patients_the_translator_never_saw_do_not_fail(
    white_box: WhiteBox, write_cohort: WriteCohort
) -> None:
    members = write_cohort("members", slices_of(200, MEMBERS, is_contrast=True))
    others = write_cohort("others", slices_of(100, OTHERS, is_contrast=True))
    assert check_membership_model(members, others, white_box, seed=0).verdict == "inconclusive"


def test_others_of_another_site_are_invalid(white_box: WhiteBox, write_cohort: WriteCohort) -> None:
    members = write_cohort("members", slices_of(0, MEMBERS, is_contrast=True))
    elsewhere = slices_of(100, OTHERS, is_contrast=True)
    noise = np.random.default_rng(1).normal(0.0, 12.0, elsewhere.shape)
    others = write_cohort("others", (elsewhere + 10.0 + noise).astype(np.float32))
    assert check_membership_model(members, others, white_box, seed=0).verdict == "invalid"


def _write_train_folder(workspace: Path) -> tuple[Path, CycleNetworks]:
    judges = DiscriminatorDesign("patch70", 2)
    networks = build_cycle_networks(TINY, judges, seed=3)
    folder = workspace / "train"
    folder.mkdir(parents=True)
    write_json(
        workspace / "project.json",
        {
            "prepare": {"matrix": SIZE},
            "train": {
                "channels": 4,
                "blocks": 1,
                "discriminator": "patch70",
                "discriminator_channels": 2,
            },
        },
    )
    for name, network in list(networks.named())[:2]:
        save_weights(folder / f"{name}.safetensors", network)
    return folder, networks


def _pixels() -> Pixels:
    return Pixels(slices_of(7, 3, is_contrast=True), None)


def test_train_folder_is_read_by_its_workspaces_settings(tmp_path: Path) -> None:
    folder, _ = _write_train_folder(tmp_path)
    model = read_white_box(folder)
    assert model is not None
    scores = model.target.score(_pixels())
    # An untrained generator of ours returns its input, so it loses nothing on the way.
    assert scores == {"cycle": 0.0, "identity": 0.0}
    reference = model.references[0].score(_pixels())
    assert set(reference) == set(scores)
    assert reference["cycle"] < 0.0


def test_checkpoint_of_an_unfinished_training_gives_the_discriminators(tmp_path: Path) -> None:
    folder, networks = _write_train_folder(tmp_path)
    state = {"networks": {name: network.state_dict() for name, network in networks.named()}}
    save_checkpoint(folder / CHECKPOINT_NAME, {"engine": {**state, "averaged": {}}})
    model = read_white_box(folder)
    assert model is not None
    scores = model.target.score(_pixels())
    # slices_of(..., is_contrast=True) is taken for contrast, so that judge is asked.
    slices = torch.from_numpy(_pixels().values).unsqueeze(1)
    with torch.no_grad():
        belief = float(networks.contrast_discriminator(slices).mean())
    assert scores["discriminator"] == pytest.approx(belief, abs=1e-4)
    assert "discriminator" in model.references[0].score(_pixels())


def test_bundle_of_weights_is_read_by_its_own_description(tmp_path: Path) -> None:
    folder, _ = _write_train_folder(tmp_path / "workspace")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    shutil.copyfile(folder / "to_noncontrast.safetensors", bundle / "to_noncontrast.safetensors")
    grid = {"matrix": SIZE, "spacing_mm": 2.8}
    write_json(bundle / "config.json", {"generator": dataclasses.asdict(TINY), "grid": grid})
    model = read_white_box(bundle)
    assert model is not None
    # The way back is the public start's, which changes a contrast slice.
    assert model.target.score(_pixels())["cycle"] < 0.0


def test_folder_without_a_translator_is_not_ours(tmp_path: Path) -> None:
    assert read_white_box(tmp_path) is None


def test_weights_of_another_design_are_refused(tmp_path: Path) -> None:
    folder, _ = _write_train_folder(tmp_path)
    write_json(tmp_path / "project.json", {"train": {"channels": 8, "blocks": 1}})
    with pytest.raises(MedsynthError, match="do not fit the translator"):
        read_white_box(folder)


def test_description_that_lacks_the_grid_is_refused(tmp_path: Path) -> None:
    folder, _ = _write_train_folder(tmp_path)
    write_json(folder / "config.json", {"generator": dataclasses.asdict(TINY)})
    with pytest.raises(AuditError, match=r"config\.json cannot be read"):
        read_white_box(folder)


def test_values_that_are_no_hounsfield_units_are_refused(white_box: WhiteBox) -> None:
    picture = Pixels(np.linspace(0, 255, SIZE * SIZE, dtype=np.float32).reshape(1, SIZE, -1), None)
    with pytest.raises(AuditError, match="no Hounsfield units"):
        white_box.target.score(picture)


def test_larger_slices_are_brought_to_the_training_grid(white_box: WhiteBox) -> None:
    row, column = np.mgrid[0:SIZE, 0:SIZE]
    # Smooth, so that nothing is lost or gained by another grid.
    small = (-300.0 + 400.0 * np.sin(row / 9.0) * np.sin(column / 9.0)).astype(np.float32)
    large = ndimage.zoom(small, 2, order=3, grid_mode=True, mode="nearest").astype(np.float32)
    told = white_box.target.score(Pixels(small[np.newaxis], None))
    again = white_box.target.score(Pixels(large[np.newaxis], None))
    assert again["cycle"] == pytest.approx(told["cycle"], rel=0.02)
