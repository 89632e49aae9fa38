"""The picture in the making: plain HU, gain, texture and labels, painted layer by layer."""

import dataclasses
import enum

import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.options import BodyRegion
from medsynth.phantom.space import Field, Region
from medsynth.phantom.tissue import Tissue, TissueSheet


class Label(enum.IntEnum):
    """The values of the label maps; names in lower case are the organs' names."""

    NOTHING = 0
    LIVER = 1
    SPLEEN = 2
    KIDNEY = 3
    AORTA = 4
    VENA_CAVA = 5
    PORTAL_VEIN = 6
    PANCREAS = 7
    STOMACH = 8
    BOWEL = 9
    GALLBLADDER = 10
    ADRENAL = 11
    LUNG = 12
    HEART = 13
    BONE = 14
    MUSCLE = 15
    LESION = 16
    PULMONARY_ARTERY = 17
    OESOPHAGUS = 18
    TRACHEA = 19


_CHEST_ONLY = frozenset({Label.PULMONARY_ARTERY, Label.OESOPHAGUS, Label.TRACHEA})


def label_names(region: BodyRegion = BodyRegion.ABDOMEN) -> dict[str, str]:
    """Give label value as text -> organ name, background left out.

    Args:
        region: organs that are painted in the chest alone are named for it alone.
    """
    left_out = {Label.NOTHING} | (_CHEST_ONLY if region is BodyRegion.ABDOMEN else set())
    return {str(int(label)): label.name.lower() for label in Label if label not in left_out}


@dataclasses.dataclass(frozen=True)
class Canvas:
    """Arrays of one scan that the layers are painted into, in place.

    Attributes:
        plain_hu: (slices, rows, columns), HU without contrast.
        gain_hu: what the contrast agent adds.
        texture_hu: standard deviation of the texture.
        labels: the organ that fills most of each voxel.
        tissues: how each tissue looks in this scan.
    """

    plain_hu: Field
    gain_hu: Field
    texture_hu: Field
    labels: NDArray[np.uint8]
    tissues: TissueSheet

    def paint(self, region: Region, share: Field, tissue: Tissue, label: Label) -> None:
        """Lay a tissue over what is there.

        Args:
            region: where.
            share: part of each voxel that the tissue takes, 0 to 1, of the
                region's shape.
            tissue: what it is made of.
            label: what the label map says where the share is a half or more.
        """
        look = self.tissues.appearance(tissue)
        _blend(self.plain_hu, region, share, look.plain_hu)
        _blend(self.gain_hu, region, share, look.gain_hu)
        _blend(self.texture_hu, region, share, look.texture_hu)
        self.labels[region][share >= 0.5] = int(label)


def blank_canvas(shape: tuple[int, int, int], tissues: TissueSheet) -> Canvas:
    """Give a canvas of air.

    Args:
        shape: (slices, rows, columns).
        tissues: how each tissue looks in this scan.
    """
    air = tissues.appearance(Tissue.AIR)
    return Canvas(
        plain_hu=np.full(shape, air.plain_hu, dtype=np.float32),
        gain_hu=np.zeros(shape, dtype=np.float32),
        texture_hu=np.zeros(shape, dtype=np.float32),
        labels=np.zeros(shape, dtype=np.uint8),
        tissues=tissues,
    )


def _blend(target: Field, region: Region, share: Field, value: float) -> None:
    part = target[region]
    part += share * (np.float32(value) - part)
