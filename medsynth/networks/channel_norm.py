"""A norm that looks at one position alone."""

from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """Normalises the channels of each position, with a learnt scale and shift for each channel.

    What happens elsewhere in the slice does not reach a position through it:
    a discriminator with it judges a kidney by the kidney, where a norm over the
    slice would let the liver answer for everything.

    Source: Ba et al. 2016, arXiv 1607.06450, at each position as in Liu et al. 2022,
    doi 10.1109/CVPR52688.2022.01167.
    """

    def __init__(self, channels: int) -> None:
        """Build the layer.

        Args:
            channels: number of channels.
        """
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise: (batch, channels, rows, columns) to the same."""
        normalised: Tensor = self.norm(features.permute(0, 2, 3, 1))
        return normalised.permute(0, 3, 1, 2)
