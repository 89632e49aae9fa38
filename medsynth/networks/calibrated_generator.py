"""A generator that is told by how many HU a scanner is off."""

import torch
from torch import Tensor, nn

# The unit of what is learnt: a step of Adam moves the offset by a few HU.
OFFSET_UNIT_HU = 20.0
# Air is -1000 HU on every scanner; from fat upwards the whole offset counts.
_AIR_HU, _FAT_HU = -1000.0, -300.0


class ScannerOffset(nn.Module):
    """By how much a scanner shows soft tissue too bright: one number, shared by generators.

    Attributes:
        units: (1,) parameter, in units of 20 HU; 0 at first.
    """

    def __init__(self) -> None:
        """Build the parameter."""
        super().__init__()
        self.units = nn.Parameter(torch.zeros(1))

    def forward(self, hu: Tensor) -> Tensor:
        """Give slices as a calibrated scanner would show them.

        Args:
            hu: any shape, HU.

        Returns:
            The same shape, float32, HU; air is left as it is.
        """
        share = ((hu.float() - _AIR_HU) / (_FAT_HU - _AIR_HU)).clamp(0.0, 1.0)
        return hu.float() - OFFSET_UNIT_HU * self.units * share


class CalibratedGenerator(nn.Module):
    """Shows slices to a generator as a calibrated scanner would, and adds its change to them.

    The change is that of the calibrated slices; the slices themselves keep the scanner's HU,
    which its own non-contrast scans have as well.
    """

    def __init__(self, base: nn.Module, offset: ScannerOffset) -> None:
        """Put an offset before a generator.

        Args:
            base: (batch, 1, rows, columns), HU, to the same.
            offset: the scanner's, shared with the generator of the other direction.
        """
        super().__init__()
        self.base = base
        self.offset = offset

    def forward(self, hu: Tensor) -> Tensor:
        """Translate slices: (batch, 1, rows, columns), HU, to the same."""
        calibrated = self.offset(hu)
        change: Tensor = self.base(calibrated).float() - calibrated
        return hu + change
