"""Discriminators: which patches of a slice look like a real scan of their phase."""

from torch import Tensor, nn

from medsynth.networks.channel_norm import ChannelNorm
from medsynth.networks.intensity import FOLDED_CHANNELS, folded_view, smoothed, windowed


class UnshuffleDiscriminator(nn.Module):
    """Judges on a folded grid, where few layers see an organ with its surroundings.

    It sees slices smoothed: noise is the scanner's and not the contrast agent's,
    and a discriminator that may judge by it asks the generator to change it.

    Source: own design; the patch-wise verdict after Isola et al. 2017, doi 10.1109/CVPR.2017.632.
    """

    def __init__(self, channels: int) -> None:
        """Build the layers.

        Args:
            channels: width of the first layer; the later ones are twice as wide.
        """
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(FOLDED_CHANNELS, channels, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            ChannelNorm(2 * channels),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=2, dilation=2),
            ChannelNorm(2 * channels),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 1, 1),
        )

    def forward(self, hu: Tensor) -> Tensor:
        """Judge slices.

        Args:
            hu: (batch, 1, rows, columns), HU; rows and columns multiples of 4.

        Returns:
            (batch, 1, rows / 4, columns / 4); trained to 1 for real, 0 for synthetic.
        """
        verdict: Tensor = self.layers(folded_view(smoothed(hu)))
        return verdict


class Patch70Discriminator(nn.Module):
    """The original 70x70 PatchGAN, on one channel.

    Source: Isola et al. 2017, doi 10.1109/CVPR.2017.632, with instance norm as in
    Zhu et al. 2017, doi 10.1109/ICCV.2017.244.
    """

    def __init__(self, channels: int) -> None:
        """Build the layers.

        Args:
            channels: width of the first layer; 64 in the original.
        """
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, channels, 4, stride=2, padding=1)]
        layers.append(nn.LeakyReLU(0.2))
        width = channels
        for stride in (2, 2, 1):
            following = min(2 * width, 8 * channels)
            layers += [
                nn.Conv2d(width, following, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(following),
                nn.LeakyReLU(0.2),
            ]
            width = following
        layers.append(nn.Conv2d(width, 1, 4, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, hu: Tensor) -> Tensor:
        """Judge slices.

        Args:
            hu: (batch, 1, rows, columns), HU.

        Returns:
            (batch, 1, about rows / 8, about columns / 8); one verdict for each 70x70 patch.
        """
        verdict: Tensor = self.layers(windowed(hu)[:, :1])
        return verdict
