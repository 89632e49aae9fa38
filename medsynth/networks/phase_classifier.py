"""The network that looks for contrast agent in a slice, place by place."""

import torch
from torch import Tensor, nn

# Soft tissue finely, all that may hold contrast agent, that against bone, and lung.
WINDOWS_HU = ((-20.0, 120.0), (-150.0, 350.0), (50.0, 650.0), (-1000.0, 1000.0))
# Spacing of the slices that it is trained on and asked about.
GRID_MM = 3.0
CLASSES = 3
PLAIN, ENHANCED = 1, 2
REDUCTION = 8
# Area below which neither kind of evidence counts for much.
_AREA_FLOOR_CM2 = 0.5


class PhaseClassifier(nn.Module):
    """A small U-Net that finds plain and enhanced blood and organs.

    It gives a map of evidence rather than one number, so that one can see where
    a verdict comes from and so that slices of a series can be pooled. Batch norm,
    not instance norm: the absolute HU is what matters.
    """

    def __init__(self, *, channels: int = 16) -> None:
        """Build the network with random weights.

        Args:
            channels: width of the first level; the lower two are 2 and 3 times as wide.
        """
        super().__init__()
        middle, deep = 2 * channels, 3 * channels
        self.stem = _convolution(len(WINDOWS_HU), channels, kernel=5, stride=2)
        self.fine = _convolution(channels, channels)
        self.down = _convolution(channels, middle, stride=2)
        self.middle = _convolution(middle, middle)
        self.down_again = _convolution(middle, deep, stride=2)
        self.deep = _convolution(deep, deep)
        self.context = nn.Linear(2 * deep, deep)
        self.up = nn.Conv2d(deep, middle, kernel_size=1)
        self.join = _convolution(middle, middle)
        self.up_again = nn.Conv2d(middle, channels, kernel_size=1)
        self.join_again = _convolution(channels, channels)
        self.classes = nn.Conv2d(channels, CLASSES, kernel_size=1)
        self.plain_slope = nn.Parameter(torch.tensor(1.0))
        self.enhanced_slope = nn.Parameter(torch.tensor(1.0))
        self.shift = nn.Parameter(torch.tensor(0.0))

    def forward(self, slices_hu: Tensor) -> Tensor:
        """Score what each place shows.

        Args:
            slices_hu: (batch, 1, rows, columns), float, HU at `GRID_MM`; rows and
                columns are multiples of `REDUCTION`.

        Returns:
            (batch, 3, rows / 2, columns / 2), logits of neither, plain, enhanced.
        """
        shown = [((slices_hu - low) / (high - low)).clamp(0.0, 1.0) for low, high in WINDOWS_HU]
        # (batch, channels, half the rows, half the columns)
        fine = self.fine(self.stem(torch.cat(shown, dim=1)))
        # (batch, 2 channels, a quarter each)
        middle = self.middle(self.down(fine))
        # (batch, 3 channels, an eighth each)
        deep = self.deep(self.down_again(middle))
        # One bright vessel tells of all: the greatest counts as well as the mean.
        whole = torch.cat([deep.mean(dim=(2, 3)), deep.amax(dim=(2, 3))], dim=1)
        deep = deep + self.context(whole)[:, :, None, None]
        middle = self.join(middle + _twice(self.up(deep)))
        fine = self.join_again(fine + _twice(self.up_again(middle)))
        scores: Tensor = self.classes(fine)
        return scores

    def weigh(self, plain_cm2: Tensor, enhanced_cm2: Tensor) -> Tensor:
        """Weigh the two kinds of evidence.

        Args:
            plain_cm2: (batch,), area of plain blood and organs.
            enhanced_cm2: (batch,), area of enhanced ones.

        Returns:
            (batch,), log odds of contrast.
        """
        enhanced = self.enhanced_slope * torch.log(enhanced_cm2 + _AREA_FLOOR_CM2)
        return enhanced - self.plain_slope * torch.log(plain_cm2 + _AREA_FLOOR_CM2) + self.shift


def evidence_cm2(scores: Tensor, *, spacing_mm: float) -> tuple[Tensor, Tensor]:
    """Add up the areas of plain and of enhanced tissue.

    Probabilities are squared, so that much doubtful tissue does not outweigh a
    little that is clear.

    Args:
        scores: (batch, 3, rows, columns), what the network gave.
        spacing_mm: of the slices that it was given.

    Returns:
        Two (batch,) tensors, plain and enhanced.
    """
    cell_cm2 = (2 * spacing_mm / 10) ** 2
    areas = torch.softmax(scores, dim=1).square().sum(dim=(2, 3)) * cell_cm2
    return areas[:, PLAIN], areas[:, ENHANCED]


def _convolution(
    channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            channels_in, channels_out, kernel, stride=stride, padding=kernel // 2, bias=False
        ),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def _twice(features: Tensor) -> Tensor:
    return nn.functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
