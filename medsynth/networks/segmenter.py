"""The U-Net that measures what scans are worth for segmentation."""

import torch
from monai.networks.nets import UNet
from torch import Tensor, nn

LOWEST_SHOWN_HU = -160.0
HIGHEST_SHOWN_HU = 240.0
_LEVELS = 4
_REDUCTION = 2 ** (_LEVELS - 1)


class Segmenter(nn.Module):
    """A two-dimensional U-Net with instance norm, from a slice to class scores.

    It sees HU through one fixed soft-tissue window; nothing is fitted on the
    scans' intensities. Class 0 is background.
    """

    def __init__(self, *, channels: int, classes: int) -> None:
        """Build the network with random weights.

        Args:
            channels: width of the first level; each of the three below doubles it.
            classes: number of classes with background.
        """
        super().__init__()
        self.network: nn.Module = UNet(
            spatial_dims=2,
            in_channels=1,
            out_channels=classes,
            channels=[channels * 2**level for level in range(_LEVELS)],
            strides=[2] * (_LEVELS - 1),
            num_res_units=0,
            norm="INSTANCE",
            act="RELU",
        )

    def forward(self, slices_hu: Tensor) -> Tensor:
        """Score the classes of every pixel.

        Args:
            slices_hu: (batch, 1, rows, columns), float, HU; any size.

        Returns:
            (batch, classes, rows, columns), logits.
        """
        rows, columns = slices_hu.shape[-2:]
        shown = (slices_hu - LOWEST_SHOWN_HU) / (HIGHEST_SHOWN_HU - LOWEST_SHOWN_HU)
        padding = (0, -columns % _REDUCTION, 0, -rows % _REDUCTION)
        # Zero after the window is fat and air: what lies beside a body.
        padded = nn.functional.pad(shown.clamp(0.0, 1.0), padding)
        # (batch, classes, padded rows, padded columns)
        scores: Tensor = self.network(padded)
        return scores[..., :rows, :columns]


def most_likely_class(scores: Tensor) -> Tensor:
    """Give the class with the highest score of every pixel.

    Args:
        scores: (batch, classes, rows, columns).

    Returns:
        (batch, rows, columns), uint8, a new tensor.
    """
    return torch.argmax(scores, dim=1).to(torch.uint8)
