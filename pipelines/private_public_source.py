"""Public contrast scans of a private training: where the settings say they are."""

import dataclasses
from pathlib import Path

from medsynth.errors import ConfigurationError
from medsynth.privacy.private_trainer import NONCONTRAST_DISCRIMINATOR, PrivateStepSettings
from medsynth.privacy.public_scans import made_up_scans, stored_scans
from medsynth.privacy.public_source import SourceKind
from medsynth.records.manifest import MANIFEST_NAME, read_manifest
from medsynth.training.batches import PatientSlices
from medsynth.training.public_start import START_SPACING_MM
from pipelines.project_config import ProjectConfig

_PREPARED = "prepare"


@dataclasses.dataclass(frozen=True)
class PublicScans:
    """Contrast scans that need no protection.

    Attributes:
        kind: where they come from.
        patients: one entry a patient.
        content_hash: of the store they lie in; None for made-up patients, who are always the same.
    """

    kind: SourceKind
    patients: tuple[PatientSlices, ...]
    content_hash: str | None

    def told(self, step: PrivateStepSettings) -> dict[str, object]:
        """Say for the training's record what is public, and which network patients reach.

        Args:
            step: settings of the training's step.
        """
        networks = ["to_noncontrast", "to_contrast"]
        if step.trained != "calibration":
            networks.append("contrast_discriminator")
        return {
            "source": self.kind,
            "patients": len(self.patients),
            "content_sha256": self.content_hash,
            "free_steps": 0 if step.public is None else step.public.free_steps,
            "learnt_from_public_scans": networks,
            "reached_by_patients": [NONCONTRAST_DISCRIMINATOR],
        }


def public_scans(config: ProjectConfig) -> PublicScans | None:
    """Make or find the public contrast scans that the settings name; None without a source.

    Raises:
        ConfigurationError: the folder is no prepared workspace, its slices are smaller than a
            patch, or made-up slices do not fit the grid of the training's.
        RecordError: the store in the folder lacks something.
    """
    source = config.privacy.public_source
    if source is None:
        return None
    patch = min(config.train.patch, config.prepare.matrix)
    if isinstance(source, Path):
        found = _of_workspace(source)
    else:
        _check_grid(config)
        found = PublicScans("made_up", made_up_scans(), None)
    shapes = [volume.shape[1:] for one in found.patients for volume in one.volumes_hu]
    smallest = min((min(shape) for shape in shapes), default=patch)
    if smallest < patch:
        raise ConfigurationError(
            f"Public slices have {smallest} rows or columns and a patch has {patch}. Expected "
            "slices that hold a patch. Lower train.patch, or prepare the public scans larger."
        )
    return found


def public_store_hash(config: ProjectConfig) -> str | None:
    """Give the hash of the public store that the settings name; None where there is none yet."""
    source = config.privacy.public_source
    if not isinstance(source, Path) or not (source / _PREPARED / MANIFEST_NAME).is_file():
        return None
    return read_manifest(source / _PREPARED).content_hash()


def _of_workspace(workspace: Path) -> PublicScans:
    store = workspace / _PREPARED
    if not (store / MANIFEST_NAME).is_file():
        raise ConfigurationError(
            f"privacy.public_source names {workspace}, which holds no prepared scans. Expected "
            '"made_up", or a workspace of public scans on which `medsynth prepare` was run. Check '
            "the path."
        )
    return PublicScans("workspace", stored_scans(store), read_manifest(store).content_hash())


def _check_grid(config: ProjectConfig) -> None:
    if config.prepare.spacing_mm != START_SPACING_MM:
        raise ConfigurationError(
            f"prepare.spacing_mm is {config.prepare.spacing_mm:g} and made-up contrast scans have "
            f"{START_SPACING_MM:g} mm. Expected one grid for both. Set prepare.spacing_mm to "
            f"{START_SPACING_MM:g}, or name a public workspace in privacy.public_source."
        )
