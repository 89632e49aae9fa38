"""Hospitals: how each one scans, reconstructs and fills in its headers."""

import dataclasses
import enum


class Language(enum.Enum):
    """The language of a site's free-text descriptions."""

    GERMAN = "de"
    ENGLISH = "en"


class Table(enum.Enum):
    """The cross-section of a site's patient table."""

    CURVED = "curved"
    FLAT = "flat"


@dataclasses.dataclass(frozen=True)
class Site:
    """The habits of one hospital.

    Attributes:
        name: how the program speaks of it; it is in no header.
        blur_mm: standard deviation of the kernel's Gaussian blur.
        sharpening: weight of the unsharp mask that follows, 0 for none.
        noise_cutoff_per_mm: spatial frequency at which the kernel ends the noise.
        noise_hu: standard deviation at the centre of a body of 290 mm.
        thickness_ratio: slice thickness relative to the distance of slices.
        table: the table's shape.
        table_hu: HU of the table's shell.
        hu_offset: calibration error of soft tissue, HU.
        language: language of descriptions.
        manufacturer: Manufacturer (0008,0070).
        model: Manufacturer's Model Name (0008,1090).
        kernel: Convolution Kernel (0018,1210).
        kilovoltage: KVP (0018,0060).
        is_signed: whether stored pixels are signed 16-bit; else unsigned 12-bit.
        intercept_hu: Rescale Intercept (0028,1052).
        is_padded: whether pixels outside the reconstructed circle hold -2000.
        is_scrambled: whether file names hide the order of the slices.
        fills_comments: whether comments and further free text are filled in.
    """

    name: str
    blur_mm: float
    sharpening: float
    noise_cutoff_per_mm: float
    noise_hu: float
    thickness_ratio: float
    table: Table
    table_hu: float
    hu_offset: float
    language: Language
    manufacturer: str
    model: str
    kernel: str
    kilovoltage: int
    is_signed: bool
    intercept_hu: int
    is_padded: bool
    is_scrambled: bool
    fills_comments: bool


SITES: tuple[Site, ...] = (
    Site(
        name="university hospital",
        blur_mm=1.3,
        sharpening=0.0,
        noise_cutoff_per_mm=0.10,
        noise_hu=10.5,
        thickness_ratio=1.0,
        table=Table.CURVED,
        table_hu=-20.0,
        hu_offset=0.0,
        language=Language.GERMAN,
        manufacturer="SIEMENS",
        model="SOMATOM Phantom Edge",
        kernel="B30f",
        kilovoltage=120,
        is_signed=False,
        intercept_hu=-1024,
        is_padded=False,
        is_scrambled=False,
        fills_comments=True,
    ),
    Site(
        name="community hospital",
        blur_mm=0.8,
        sharpening=0.7,
        noise_cutoff_per_mm=0.155,
        noise_hu=14.5,
        thickness_ratio=0.6,
        table=Table.FLAT,
        table_hu=110.0,
        hu_offset=3.0,
        language=Language.ENGLISH,
        manufacturer="GE MEDICAL SYSTEMS",
        model="LightSpeed Phantom 16",
        kernel="STANDARD",
        kilovoltage=120,
        is_signed=True,
        intercept_hu=-1024,
        is_padded=True,
        is_scrambled=True,
        fills_comments=False,
    ),
    Site(
        name="private practice",
        blur_mm=1.7,
        sharpening=0.0,
        noise_cutoff_per_mm=0.075,
        noise_hu=8.5,
        thickness_ratio=1.4,
        table=Table.CURVED,
        table_hu=-60.0,
        hu_offset=-3.0,
        language=Language.GERMAN,
        manufacturer="Philips",
        model="Brilliance Phantom 64",
        kernel="B",
        kilovoltage=120,
        is_signed=False,
        intercept_hu=-1024,
        is_padded=False,
        is_scrambled=False,
        fills_comments=True,
    ),
    Site(
        name="outpatient centre",
        blur_mm=1.0,
        sharpening=0.35,
        noise_cutoff_per_mm=0.13,
        noise_hu=12.0,
        thickness_ratio=0.8,
        table=Table.FLAT,
        table_hu=-100.0,
        hu_offset=1.5,
        language=Language.ENGLISH,
        manufacturer="TOSHIBA",
        model="Aquilion Phantom",
        kernel="FC08",
        kilovoltage=120,
        is_signed=True,
        intercept_hu=0,
        is_padded=False,
        is_scrambled=True,
        fills_comments=True,
    ),
)
