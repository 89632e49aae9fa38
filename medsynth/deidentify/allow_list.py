"""The only header fields that are written, each from a closed set or a bounded number.

A field's text is never passed on: it selects one of our own words, or it is
dropped. What is not named here does not leave the header.
"""

import dataclasses
import re

from medsynth.imaging.dicom_header import TechnicalText

_MAKERS = {
    "ge": ("ge medical", "ge healthcare", "general electric"),
    "siemens": ("siemens",),
    "philips": ("philips", "marconi", "picker"),
    "canon": ("canon", "toshiba"),
    "fujifilm": ("fujifilm", "hitachi"),
    "neusoft": ("neusoft",),
    "united_imaging": ("united imaging", "uih"),
    "samsung": ("samsung", "neurologica"),
}
_MAKERS_AS_WRITTEN = {
    "ge": "GE MEDICAL SYSTEMS",
    "siemens": "SIEMENS",
    "philips": "Philips",
    "canon": "CANON",
    "fujifilm": "FUJIFILM",
    "neusoft": "Neusoft",
    "united_imaging": "UIH",
    "samsung": "Samsung",
}
_KERNELS = {
    "soft": {"SOFT", "A", "FC01", "FC02", "FC03", "FC08", "FC17", "FC18"},
    "medium": {"STANDARD", "STD", "STD+", "B", "C", "FC12", "FC13", "FC14", "BODY", "CHEST"},
    "sharp": {"LUNG", "BONE", "BONEPLUS", "DETAIL", "EDGE", "D", "E", "YA", "YB", "YC", "L"}
    | {"FC30", "FC50", "FC51", "FC52", "FC53", "FC55", "FC56", "FC81", "FC86"},
}
# Siemens: letters for the region, then a number that grows with sharpness.
_NUMBERED_KERNEL = re.compile(r"^(?:B|BR|BL|BV|BF|I|QR|HR|H|J|D|U)(\d\d)[A-Z]?$")
_LARGEST_SOFT_NUMBER = 29
_LARGEST_MEDIUM_NUMBER = 45


@dataclasses.dataclass(frozen=True)
class TechnicalFields:
    """How a scan was made, in our own words.

    Attributes:
        manufacturer: one of our names of makers, "other", or "unknown".
        kernel: "soft", "medium", "sharp" or "unknown".
        kvp: tube voltage, a whole number from 40 to 200, or None.
        slice_thickness_mm: from 0.05 to 50, rounded to 0.01, or None.
    """

    manufacturer: str
    kernel: str
    kvp: int | None
    slice_thickness_mm: float | None


def allowed_fields(technical: TechnicalText) -> TechnicalFields:
    """Give what may be written of how a scan was made.

    Args:
        technical: the header's fields as they stand.
    """
    kvp, thickness_mm = technical.kvp, technical.slice_thickness_mm
    return TechnicalFields(
        manufacturer=_maker(technical.manufacturer),
        kernel=_kernel_class(technical.kernel),
        kvp=round(kvp) if kvp is not None and 40 <= kvp <= 200 else None,
        slice_thickness_mm=round(thickness_mm, 2)
        if thickness_mm is not None and 0.05 <= thickness_mm <= 50
        else None,
    )


def allowed_manufacturer(text: str) -> str:
    """Give a maker's name as DICOM files spell it; empty where the maker is not a known one.

    Args:
        text: Manufacturer (0008,0070).
    """
    return _MAKERS_AS_WRITTEN.get(_maker(text), "")


def allowed_kernel(text: str) -> str:
    """Give the name of a known reconstruction kernel; empty where it is not a known one.

    Args:
        text: Convolution Kernel (0018,1210); only its first word can stay.
    """
    return "" if _kernel_class(text) == "unknown" else text.split(" ", maxsplit=1)[0]


def _maker(text: str) -> str:
    lowered = text.casefold()
    if not lowered:
        return "unknown"
    for maker, beginnings in _MAKERS.items():
        if lowered.startswith(beginnings):
            return maker
    return "other"


def _kernel_class(text: str) -> str:
    # Siemens writes the kernel and its strength as two values.
    name = text.upper().split(" ")[0]
    for kernel_class, names in _KERNELS.items():
        if name in names:
            return kernel_class
    numbered = _NUMBERED_KERNEL.match(name)
    if numbered is None:
        return "unknown"
    number = int(numbered.group(1))
    if number <= _LARGEST_SOFT_NUMBER:
        return "soft"
    return "medium" if number <= _LARGEST_MEDIUM_NUMBER else "sharp"
