"""The project's configuration: one section a stage, filled from one TOML file."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from medsynth.records.configuration import (
    Settings,
    apply_override,
    fill_settings,
    merge_values,
)

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]


class InputSettings(Settings):
    """What the pipeline is fed."""

    dicom: tuple[Path, ...] = ()
    """Folders with the CT scans, as DICOM files in any arrangement."""
    labels: Path | None = None
    """Folder with organ labels: <SeriesInstanceUID>.nii.gz and labels.json. Optional."""
    truth: Path | None = None
    """Folder with paired non-contrast truth: <SeriesInstanceUID>.nii.gz. Optional."""


class PhantomSettings(Settings):
    """Made-up patients, for the demo."""

    patients: Count = 40
    """Number of made-up patients."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Fixes the made-up patients."""
    matrix: Annotated[int, Field(ge=16)] = 128
    """Rows and columns of a made-up slice."""
    slices: Count = 32
    """Slices of a made-up scan."""


class IngestSettings(Settings):
    """From DICOM to de-identified volumes in HU."""

    key_file: Path | None = None
    """Secret from which pseudonyms are made. Without it, one is derived from the scans' bytes."""
    min_slices: Annotated[int, Field(ge=2)] = 5
    """A series with fewer slices is rejected."""
    max_gap_spread_mm: Positive = 0.05
    """Largest difference between the gaps of a series, in mm."""
    missing_slices: Literal["refuse", "interpolate"] = "refuse"
    """A series in which slices are missing. What is interpolated is marked in its record."""
    max_missing_slices: Annotated[int, Field(ge=1, le=2)] = 2
    """Most slices of a series that may be interpolated."""
    gantry_tilt: Literal["refuse", "deshear"] = "refuse"
    """A series taken with a tilted gantry. What is desheared is marked in its record."""
    series_seconds: Positive = 600.0
    """Longest time for one series; a series that takes longer is rejected."""
    series_memory_gb: Annotated[float, Field(ge=0.25)] = 4.0
    """Most memory for one series, in each process; a series that needs more is rejected."""
    processes: Annotated[int, Field(ge=0)] = 0
    """Worker processes; 0 takes one for each processor. Foreign files are never read elsewhere."""


class SortSettings(Settings):
    """Which series are contrast-enhanced."""

    use_pixels: bool = True
    """Check the header's word against the pixels; a disagreement is "unknown"."""


class SplitSettings(Settings):
    """Who trains, who is translated, who is held out, who tests."""

    contrast_train: Share = 0.40
    """Share of the contrast patients that train the translator."""
    contrast_source: Share = 0.30
    """Share of the contrast patients whose scans are translated."""
    contrast_holdout: Share = 0.15
    """Share of the contrast patients kept from everything, as the audit's null. Rest: test."""
    noncontrast_train: Share = 0.60
    """Share of the non-contrast patients that train the translator. Rest: test."""

    @model_validator(mode="after")
    def _shares_are_parts_of_one(self) -> Self:
        total = self.contrast_train + self.contrast_source + self.contrast_holdout
        if total > 1 + 1e-9:
            raise ValueError(
                "split.contrast_train, contrast_source and contrast_holdout add up to "
                f"{total:g}; they must add up to at most 1"
            )
        return self


class PrepareSettings(Settings):
    """The slice store that networks are trained on."""

    matrix: Annotated[int, Field(ge=32, multiple_of=8)] = 128
    """Rows and columns of a training slice."""
    spacing_mm: Positive = 2.8
    """In-plane spacing of a training slice, in mm."""


class TrainSettings(Settings):
    """The translator's training."""

    start: Literal["public", "scratch"] = "public"
    """"public": weights learnt from made-up patients, shipped with medsynth; "scratch": none."""
    engine: Literal["cycle", "contrastive"] = "cycle"
    """"cycle": there and back again; "contrastive": one way, each place compared to its source."""
    generator: Literal["unshuffle", "skip", "resnet"] = "unshuffle"
    """"unshuffle": change in HU on a folded grid; "skip": from all levels; "resnet": original."""
    discriminator: Literal["unshuffle", "patch70"] = "unshuffle"
    """"unshuffle": sees widely on a folded grid; "patch70": the original 70x70 PatchGAN."""
    channels: Count = 32
    """Width of the generators."""
    blocks: Count = 6
    """Residual blocks of the generators."""
    discriminator_channels: Count = 48
    """Width of the discriminators' first layer."""
    steps: Annotated[int, Field(ge=0)] | None = None
    """Budget as a number of steps, which repeats exactly. 0 keeps the public start as it is."""
    minutes: Positive | None = None
    """Budget as minutes of training; used when steps is not given."""
    batch: Count = 8
    """Patches of each phase in a step."""
    patch: Annotated[int, Field(ge=16, multiple_of=4)] = 64
    """Rows and columns of a patch; prepare.matrix where that is smaller."""
    learning_rate: Positive | None = None
    """Adam's learning rate at its highest, for the generators; else 1e-4, or 1e-3 from scratch."""
    discriminator_learning_rate: Positive = 5e-4
    """Adam's learning rate at its highest, for the discriminators."""
    cycle_weight: Positive = 0.5
    """Weight of the cycle loss, in units of 100 HU, against the adversarial loss."""
    identity_weight: Annotated[float, Field(ge=0.0)] = 1.0
    """Weight of the identity loss, in units of 100 HU, against the adversarial loss."""
    correspondence_weight: Annotated[float, Field(ge=0.0)] = 0.2
    """Weight of the correspondence of places, in the contrastive engine alone; 0 leaves it out."""
    change_weight: Annotated[float, Field(ge=0.0)] | None = None
    """Weight of the change from the start, in units of 100 HU; else 1, or 0.1 from scratch."""
    image_pool: Annotated[int, Field(ge=0)] = 0
    """Past translations shown to the discriminators; 0 shows only the present ones."""
    averaging: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    """Decay of the running average of the generators' weights; 0 turns it off."""
    early_stop: bool = False
    """Stop when slices of 6 + 6 held-back patients get no closer to real ones; keep the best."""
    checkpoint_seconds: Positive = 30.0
    """Time between checkpoints, in seconds."""
    sample_minutes: Positive = 3.0
    """Time between sample pictures, in minutes."""


class PrivacySettings(Settings):
    """Training with differential privacy for each patient."""

    enabled: bool = False
    """Clip what each training patient contributes and add noise, within a budget."""
    epsilon: Positive = 8.0
    """Budget of this training. Up to 1 is strong; above 10 it is hardly a promise."""
    delta: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Chance that the budget does not hold; else 1 / (10 x training patients)."""
    total_epsilon: Positive = 10.0
    """Most that all trainings on a patient may spend together; beyond it none begins."""
    ledger: Path | None = None
    """File that adds up the trainings on the same patients; from the workspace, or absolute."""
    expected_patients: Positive | None = None
    """Patients in an update on average; else a third of the training patients, at most 64."""
    trained: Literal["calibration", "norms_and_last", "all"] = "calibration"
    """What learns: the scanner's offset in HU; norms and last layers; all weights."""
    public_source: Path | Literal["made_up"] | None = None
    """Contrast scans from "made_up" patients or a public workspace; private ones go unread."""
    free_steps: Count = 2
    """Updates from public scans alone for each training step; they cost no budget."""
    slices: Count = 1
    """Patches of each phase that speak for a patient in an update."""
    clipping_norm: Positive | None = None
    """Most that a patient moves the generators' summed gradient by; else by what learns."""
    discriminator_clipping_norm: Positive = 1.0
    """Most that a patient moves the discriminators' summed gradient by."""
    discriminator_steps: Count = 1
    """Updates of the discriminators for each of the generators; a plain calibration has none."""
    learning_rate: Positive | None = None
    """Adam's learning rate at its highest, for the generators; else by what learns."""
    discriminator_learning_rate: Positive | None = None
    """Likewise for the discriminators; else train's, or with a public source by what learns."""
    averaging: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Decay of the running average of the generators' weights; 0 turns it off."""
    verify: bool = False
    """Try to refute the private step with made-up patients before it touches a real one."""
    seed: int | None = None
    """None but the operating system decides noise and draws; any number here is refused."""

    @model_validator(mode="after")
    def _noise_has_no_seed(self) -> Self:
        if self.seed is not None:
            raise ValueError(
                "privacy.seed is set, but noise that is drawn from a seed can be drawn again and "
                "taken off; noise and draws come from the operating system, so leave it out"
            )
        return self


class SynthesizeSettings(Settings):
    """Translating the source patients' scans."""

    dicom: bool = True
    """Write DICOM series beside the NIfTI volumes."""
    dither_hu: Annotated[float, Field(ge=0.0, le=20.0)] = 2.0
    """Largest noise that covers hidden signals, in HU; 0 adds none."""
    gate: bool = True
    """Judge each translation by its organs' HU; what lies outside is never released."""


class EvaluateSettings(Settings):
    """What the synthetic scans are worth."""

    steps: Count = 600
    """Training steps of each segmenter."""
    batch: Count = 8
    """Slices in a step."""
    channels: Count = 32
    """Width of the U-Net's first level."""
    learning_rate: Positive = 3e-3
    """AdamW's learning rate at its highest."""
    arms: tuple[Literal["contrast_only", "cyclegan_mix", "real_noncontrast"], ...] = (
        "contrast_only",
        "cyclegan_mix",
    )
    """What segmenters learn from; "real_noncontrast" is the ceiling, where its labels exist."""
    bootstrap: Count = 2000
    """Resamples of the patients for an interval."""


class AuditSettings(Settings):
    """What the synthetic scans leak."""

    processes: Annotated[int, Field(ge=0)] = 0
    """Worker processes; 0 takes one for each processor."""


class ReleaseSettings(Settings):
    """Whether and what is packed for others."""

    mode: Literal["weights", "translated", "unlinked", "source_free"] = "translated"
    """What is released; each mode has its own attacks and its own promise."""
    accept_inconclusive: bool = False
    """Release although a check had too few patients to tell. It is written into the bundle."""


class ProjectConfig(Settings):
    """All settings of a project."""

    seed: int = 0
    """Fixes the split, the trainings and the audit's draws."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks run."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Threads of a network on the processor; 0 takes one for each processor."""
    input: InputSettings = InputSettings()
    phantom: PhantomSettings = PhantomSettings()
    ingest: IngestSettings = IngestSettings()
    sort: SortSettings = SortSettings()
    split: SplitSettings = SplitSettings()
    prepare: PrepareSettings = PrepareSettings()
    train: TrainSettings = TrainSettings()
    privacy: PrivacySettings = PrivacySettings()
    synthesize: SynthesizeSettings = SynthesizeSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    audit: AuditSettings = AuditSettings()
    release: ReleaseSettings = ReleaseSettings()


def load_config(
    layers: Iterable[Mapping[str, Any]], overrides: Iterable[str] = ()
) -> ProjectConfig:
    """Fill the configuration: defaults < layers in order < overrides in order.

    Of `train.steps` and `train.minutes` the one named last counts.

    Args:
        layers: nested values: what a workspace remembers, a TOML file, options.
        overrides: assignments such as "train.steps=500".

    Raises:
        ConfigurationError: a key is unknown or a value is not allowed.
    """
    values: dict[str, Any] = {}
    for layer in (*layers, *(apply_override({}, assignment) for assignment in overrides)):
        values = merge_values(_without_replaced_budget(values, layer), layer)
    return fill_settings(ProjectConfig, [values])


def _without_replaced_budget(values: dict[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    named = layer.get("train")
    held = values.get("train")
    if not isinstance(named, Mapping) or not isinstance(held, Mapping):
        return values
    if not {"steps", "minutes"} & named.keys():
        return values
    kept = {key: value for key, value in held.items() if key not in ("steps", "minutes")}
    return {**values, "train": kept}
