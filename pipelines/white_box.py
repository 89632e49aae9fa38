"""Lets the audit ask our own translators how well they know an image.

Registered for `privacy-audit --model` under the entry point group `privacy_audit.models`.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medsynth.errors import AuditError
from medsynth.imaging.geometry import to_training_grid
from medsynth.records.json_lines import read_json
from medsynth.training.checkpoints import load_checkpoint, load_weights
from medsynth.training.cycle_networks import (
    CycleNetworks,
    DiscriminatorDesign,
    GeneratorDesign,
    build_discriminator,
    build_generator,
)
from medsynth.training.loop import CHECKPOINT_NAME
from medsynth.training.public_start import (
    START_DISCRIMINATOR,
    START_GENERATOR,
    started_networks,
)
from pipelines.project_config import ProjectConfig, load_config
from pipelines.train import generator_design
from pipelines.workspace import PROJECT_NAME, remembered_settings
from privacy_audit.images.image_reading import Pixels
from privacy_audit.white_box import WhiteBox

_GENERATORS = ("to_noncontrast", "to_contrast")
_DISCRIMINATORS = ("noncontrast_discriminator", "contrast_discriminator")
_MOST_SLICES = 8
# Enough to tell a volume's phase.
_PHASE_SLICES = 3
_AIR_BELOW_HU = -200.0
# Another number of threads gives other last digits, which must change no rank.
_DIGITS = 4


@dataclasses.dataclass(frozen=True)
class TrainingGrid:
    """What a training slice shows.

    Attributes:
        matrix: rows and columns.
        spacing_mm: of both, mm.
    """

    matrix: int
    spacing_mm: float


@dataclasses.dataclass(frozen=True)
class _Design:
    """How a folder's networks are built and what they were trained on.

    Attributes:
        generator: design of the generators.
        discriminator: design of the discriminators.
        grid: of a training slice.
    """

    generator: GeneratorDesign
    discriminator: DiscriminatorDesign
    grid: TrainingGrid


class TranslatorScores:
    """Scores images by a cycle translator's losses, in HU.

    "cycle" is minus the mean absolute difference between an image and its way there and back,
    "identity" minus that between an image and what the generator into its own phase makes of
    it, and "discriminator", where there are discriminators, their belief that it is real.
    The phase of an image is told by the public start, the same for every model.
    """

    def __init__(
        self, networks: CycleNetworks, public: CycleNetworks, grid: TrainingGrid, *, judges: bool
    ) -> None:
        """Take the networks.

        Args:
            networks: of the model; its discriminators are not used without `judges`.
            public: the public start's.
            grid: of a training slice.
            judges: whether the discriminators are the model's own.
        """
        self._networks = networks
        self._public = public
        self._grid = grid
        self._judges = judges
        for one in (networks, public):
            for _, network in one.named():
                network.eval()

    @torch.no_grad()
    def score(self, pixels: Pixels) -> Mapping[str, float]:
        """Give the scores of one image, means over at most eight slices at equal distances.

        Args:
            pixels: HU.

        Raises:
            AuditError: the values are no Hounsfield units.
        """
        slices = _training_slices(pixels, self._grid)
        if _is_contrast(slices, self._public):
            forward, backward = self._networks.to_noncontrast, self._networks.to_contrast
            judge = self._networks.contrast_discriminator
        else:
            forward, backward = self._networks.to_contrast, self._networks.to_noncontrast
            judge = self._networks.noncontrast_discriminator
        scores = {
            "cycle": -_difference(backward(forward(slices)), slices),
            "identity": -_difference(backward(slices), slices),
        }
        if self._judges:
            scores["discriminator"] = round(float(judge(slices).float().mean()), _DIGITS)
        return scores


def read_white_box(folder: Path) -> WhiteBox | None:
    """Read a translator and the public start, which never saw its patients, as its reference.

    The folder is a bundle of weights (`config.json` says the design), a workspace's `train`
    folder (the workspace's settings say it), or one with weights of the default design. A
    generator that is not there, as in a bundle, is the public start's. Discriminators are
    taken where there are files of their weights or a checkpoint.

    Args:
        folder: any folder.

    Returns:
        The model; None where the folder holds no translator of ours.

    Raises:
        MedsynthError: the weights or the description of their design cannot be read.
    """
    state = _checkpoint_state(folder)
    if not _has_weights(folder, state, "to_noncontrast"):
        return None
    design = _read_design(folder)
    public = started_networks(START_GENERATOR, START_DISCRIMINATOR, seed=0, start="public")
    found = {
        name: _read_network(folder, state, name, design)
        for name in (*_GENERATORS, *_DISCRIMINATORS)
        if _has_weights(folder, state, name)
    }
    judges = all(name in found for name in _DISCRIMINATORS)
    networks = CycleNetworks(
        to_noncontrast=found["to_noncontrast"],
        to_contrast=found.get("to_contrast", public.to_contrast),
        noncontrast_discriminator=found.get(
            "noncontrast_discriminator", public.noncontrast_discriminator
        ),
        contrast_discriminator=found.get("contrast_discriminator", public.contrast_discriminator),
    )
    return WhiteBox(
        target=TranslatorScores(networks, public, design.grid, judges=judges),
        references=(TranslatorScores(public, public, design.grid, judges=judges),),
    )


def _checkpoint_state(folder: Path) -> dict[str, Any]:
    """Give the networks' states of an unfinished training; empty where there is none."""
    path = folder / CHECKPOINT_NAME
    if not path.is_file():
        return {}
    engine = load_checkpoint(path).get("engine", {})
    # What is released is the running average; discriminators have none.
    states: dict[str, Any] = {**engine.get("networks", {}), **engine.get("averaged", {})}
    return states


def _has_weights(folder: Path, state: Mapping[str, Any], name: str) -> bool:
    return name in state or _weights_path(folder, name).is_file()


def _weights_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def _read_network(folder: Path, state: Mapping[str, Any], name: str, design: _Design) -> nn.Module:
    network = (
        build_discriminator(design.discriminator)
        if name in _DISCRIMINATORS
        else build_generator(design.generator)
    )
    if _weights_path(folder, name).is_file():
        load_weights(_weights_path(folder, name), network)
        return network
    try:
        network.load_state_dict(state[name])
    except (RuntimeError, TypeError, AttributeError):
        raise AuditError(
            f"The checkpoint's {name} does not fit the design that the settings describe. "
            "Expected the networks of this workspace. Check --model."
        ) from None
    return network


def _read_design(folder: Path) -> _Design:
    if (folder / "config.json").is_file():
        return _design_of_bundle(folder / "config.json")
    remembered = folder.parent / PROJECT_NAME
    layers = [remembered_settings(folder.parent)] if remembered.is_file() else []
    config = load_config(layers, ())
    return _Design(
        generator=dataclasses.replace(
            generator_design(config), calibrated=_is_calibrated(folder / "privacy.json")
        ),
        discriminator=_discriminator_design(config),
        grid=TrainingGrid(config.prepare.matrix, config.prepare.spacing_mm),
    )


def _design_of_bundle(path: Path) -> _Design:
    description = read_json(path)
    try:
        generator, grid = description["generator"], description["grid"]
        return _Design(
            generator=GeneratorDesign(
                generator["kind"],
                int(generator["channels"]),
                int(generator["blocks"]),
                calibrated=bool(generator.get("calibrated", False)),
            ),
            discriminator=START_DISCRIMINATOR,
            grid=TrainingGrid(int(grid["matrix"]), float(grid["spacing_mm"])),
        )
    except (KeyError, TypeError, ValueError):
        raise AuditError(
            "The bundle's config.json cannot be read. Expected the generator's design and the "
            "training grid. Check --model."
        ) from None


def _discriminator_design(config: ProjectConfig) -> DiscriminatorDesign:
    return DiscriminatorDesign(config.train.discriminator, config.train.discriminator_channels)


def _is_calibrated(record: Path) -> bool:
    return record.is_file() and read_json(record).get("trained") == "calibration"


def _training_slices(pixels: Pixels, grid: TrainingGrid) -> Tensor:
    """Give slices as a training sees them: (slices, 1, matrix, matrix), HU.

    Where the image does not say its spacing, it is taken to show as much as a training slice.
    """
    if pixels.values.min() > _AIR_BELOW_HU:
        raise AuditError(
            f"An image's lowest value is {pixels.values.min():g}, so its values are no Hounsfield "
            "units. Expected CT with air. Give real scans as DICOM or NIfTI, or leave out --model."
        )
    count, rows, columns = pixels.values.shape
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_SLICES)).round().astype(int))
    unknown_mm = grid.matrix * grid.spacing_mm / max(rows, columns)
    on_grid: NDArray[np.float32] = to_training_grid(
        pixels.values[chosen],
        pixels.row_column_mm or (unknown_mm, unknown_mm),
        matrix=grid.matrix,
        spacing_mm=grid.spacing_mm,
    )
    return torch.from_numpy(np.ascontiguousarray(on_grid)).unsqueeze(1)


def _is_contrast(slices: Tensor, public: CycleNetworks) -> bool:
    """Tell the phase: the generator into an image's own phase changes it less."""
    shown = slices[:: max(1, len(slices) // _PHASE_SLICES)]
    removed = _difference(public.to_noncontrast(shown), shown)
    return removed >= _difference(public.to_contrast(shown), shown)


def _difference(made: Tensor, wanted: Tensor) -> float:
    return round(float((made.float() - wanted).abs().mean()), _DIGITS)
