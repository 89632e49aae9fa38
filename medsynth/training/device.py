"""Where networks run, and in which precision; chosen once."""

import contextlib
import dataclasses

import torch

from medsynth.errors import ConfigurationError


@dataclasses.dataclass(frozen=True)
class Compute:
    """Where networks run.

    Attributes:
        device: the processor or the graphics card.
        mixed: whether convolutions run in bfloat16; sums and weights stay float32.
    """

    device: torch.device
    mixed: bool

    def precision(self) -> contextlib.AbstractContextManager[object]:
        """Give the context in which a forward pass runs."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.mixed)


def choose_compute(name: str) -> Compute:
    """Choose the device, and bfloat16 where the hardware computes in it.

    Args:
        name: "auto" takes CUDA when there is one; "cpu"; "cuda".

    Raises:
        ConfigurationError: CUDA is asked for and there is none.
    """
    device = choose_device(name)
    if device.type == "cuda":
        return Compute(device, mixed=torch.cuda.is_bf16_supported())
    return Compute(device, mixed=bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))


def choose_device(name: str) -> torch.device:
    """Choose the device alone.

    Args:
        name: "auto" takes CUDA when there is one; "cpu"; "cuda".

    Raises:
        ConfigurationError: CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigurationError(
            "Device cuda is asked for and PyTorch sees none. Expected a CUDA device and a build "
            'of PyTorch for it. Install one or set device to "cpu".'
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")
