"""What the user decides about de-identification."""

from typing import Literal, Self

from pydantic import model_validator

from medsynth.records.configuration import Settings


class DeidentifySettings(Settings):
    """How DICOM headers are de-identified; without options the strictest way."""

    mode: Literal["basic", "release"] = "basic"
    """basic: the profile of DICOM PS3.15. release: of that, only what a reader of CT needs."""
    dates: Literal["removed", "shifted", "kept"] = "removed"
    """shifted: moved by one secret number of days a patient; intervals and times of day stay."""
    retain_patient_characteristics: bool = False
    """Keep sex, age (from 90 on as 090Y), size, weight, ethnic group, smoking and pregnancy."""
    retain_device_identity: bool = False
    """Keep serial numbers and names of the scanner. Not in release mode."""
    retain_institution_identity: bool = False
    """Keep name and address of the institution. Not in release mode."""
    retain_uids: bool = False
    """Keep the UIDs: whoever has the originals can link them. Many makers write day and time of
    the scan into UIDs; one that holds a number or the birth date of the patient is replaced."""
    retain_safe_private: bool = False
    """Keep private attributes of a short list of scan parameters. Not in release mode."""
    clean_descriptors: bool = False
    """Keep, of descriptions, the words of a closed list."""
    clean_structured_content: bool = False
    """Keep coded and numeric items of structured content. Not in release mode."""

    @model_validator(mode="after")
    def _release_adds_nothing(self) -> Self:
        beyond = (
            "retain_device_identity",
            "retain_institution_identity",
            "retain_safe_private",
            "clean_structured_content",
        )
        chosen = [name for name in beyond if self.model_dump()[name]]
        if self.mode == "release" and chosen:
            raise ValueError(
                f"mode=release writes a closed list of attributes, and {', '.join(chosen)} would "
                "add to it. Expected those options with mode=basic alone"
            )
        return self

    def options_in_force(self) -> tuple[str, ...]:
        """Give the options chosen, by the names of the table's columns, in its order."""
        flags = {
            "retain_safe_private": self.retain_safe_private,
            "retain_uids": self.retain_uids,
            "retain_device_identity": self.retain_device_identity,
            "retain_institution_identity": self.retain_institution_identity,
            "retain_patient_characteristics": self.retain_patient_characteristics,
            "dates_kept": self.dates == "kept",
            "dates_shifted": self.dates == "shifted",
            "clean_descriptors": self.clean_descriptors,
            "clean_structured_content": self.clean_structured_content,
        }
        return tuple(name for name, is_chosen in flags.items() if is_chosen)
