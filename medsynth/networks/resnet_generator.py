"""The original CycleGAN generator, kept as the reference."""

from torch import Tensor, nn

from medsynth.networks.intensity import WIDE_HU


class ResnetGenerator(nn.Module):
    """Two strided convolutions down, residual blocks, two transposed ones up.

    It makes the whole image anew, between -1000 and 1000 HU.

    Source: Zhu et al. 2017, doi 10.1109/ICCV.2017.244; Johnson et al. 2016, arXiv 1603.08155.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        """Build the layers.

        Args:
            channels: width of the first layer; 64 in the original.
            blocks: number of residual blocks; 9 in the original for large images.
        """
        super().__init__()
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(1, channels, 7),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
        ]
        for width in (channels, 2 * channels):
            layers += [
                nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
                nn.InstanceNorm2d(2 * width),
                nn.ReLU(),
            ]
        layers += [_ReflectedBlock(4 * channels) for _ in range(blocks)]
        for width in (4 * channels, 2 * channels):
            layers += [
                nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1),
                nn.InstanceNorm2d(width // 2),
                nn.ReLU(),
            ]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(channels, 1, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, hu: Tensor) -> Tensor:
        """Translate slices.

        Args:
            hu: (batch, 1, rows, columns), HU; rows and columns multiples of 4.

        Returns:
            (batch, 1, rows, columns), HU, between -1000 and 1000.
        """
        made: Tensor = self.layers((hu / WIDE_HU).clamp(-1.0, 1.0))
        return WIDE_HU * made


class _ReflectedBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.layers(features)
        return features + change
