"""What sites write into the descriptions of made-up scans."""

import dataclasses

from medsynth.phantom.options import BodyRegion
from medsynth.phantom.site import Language


@dataclasses.dataclass(frozen=True)
class Descriptions:
    """The descriptions that one site chooses from.

    Attributes:
        contrast: of series with contrast agent, saying so.
        noncontrast: of series without, saying so.
        silent: of series of either kind.
        studies: of whole examinations.
    """

    contrast: tuple[str, ...]
    noncontrast: tuple[str, ...]
    silent: tuple[str, ...]
    studies: tuple[str, ...]


_GERMAN_ABDOMEN = Descriptions(
    contrast=(
        "Abdomen portalvenös 5.0 B30f",
        "Oberbauch KM 70s",
        "Abdomen mit KM pv",
        "Abd. nach KM i.v.",
    ),
    noncontrast=(
        "Abdomen nativ 5.0 B30f",
        "Oberbauch nativ",
        "Abdomen ohne KM",
        "Nativ Abd. axial",
    ),
    silent=("Abdomen axial 5.0", "Oberbauch 5 mm", "Abd. Weichteil"),
    studies=("CT Abdomen", "CT Oberbauch", "CT Thorax/Abdomen"),
)
_ENGLISH_ABDOMEN = Descriptions(
    contrast=("ABD PORTAL VENOUS", "AXIAL C+ 5MM", "ABDOMEN W CONTRAST", "ABD POST CONTRAST"),
    noncontrast=("ABD NON-CONTRAST", "AXIAL C- 5MM", "ABDOMEN WO CONTRAST", "ABD UNENHANCED"),
    silent=("ABD AXIAL 5MM", "ROUTINE ABDOMEN", "Body 5.0"),
    studies=("CT ABDOMEN", "CT ABD/PELVIS", "CT BODY"),
)
_GERMAN_CHEST = Descriptions(
    contrast=("Thorax KM 5.0 B30f", "Thorax mit KM", "CTA Pulmonalis", "Thorax nach KM i.v."),
    noncontrast=("Thorax nativ 5.0 B30f", "Thorax ohne KM", "Low Dose nativ", "Nativ Thorax"),
    silent=("Thorax axial 5.0", "Thorax 5 mm", "Thorax Weichteil"),
    studies=("CT Thorax", "CT Thorax/Abdomen", "CT Lunge"),
)
_ENGLISH_CHEST = Descriptions(
    contrast=("CHEST W CONTRAST", "AXIAL C+ 5MM", "CTPA 2.5", "CHEST POST CONTRAST"),
    noncontrast=("CHEST NON-CONTRAST", "AXIAL C- 5MM", "CHEST WO CONTRAST", "CHEST UNENHANCED"),
    silent=("CHEST AXIAL 5MM", "ROUTINE CHEST", "Body 5.0"),
    studies=("CT CHEST", "CT CHEST/ABD", "CT BODY"),
)


def descriptions_of_region(region: BodyRegion, language: Language) -> Descriptions:
    """Give the descriptions of a region's scans.

    Args:
        region: what is scanned.
        language: of the site.
    """
    if region is BodyRegion.CHEST:
        return _GERMAN_CHEST if language is Language.GERMAN else _ENGLISH_CHEST
    return _GERMAN_ABDOMEN if language is Language.GERMAN else _ENGLISH_ABDOMEN
