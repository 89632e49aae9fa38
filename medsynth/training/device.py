"""Where networks run, and in which precision; chosen once."""

import contextlib
import dataclasses
import resource
import sys

import torch
from torch import Tensor

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

    def moved(self, batch: Tensor) -> Tensor:
        """Give a batch on the device, without waiting for the copy to a CUDA device.

        Args:
            batch: any shape, on the processor.
        """
        if self.device.type != "cuda":
            return batch.to(self.device)
        # Only from pinned memory does a copy run beside the step before.
        return batch.pin_memory().to(self.device, non_blocking=True)


def choose_compute(name: str, *, local_rank: int = 0) -> Compute:
    """Choose the device, and bfloat16 where the hardware computes in it.

    Args:
        name: "auto" takes CUDA when there is one; "cpu"; "cuda".
        local_rank: number of the CUDA device, where several processes train together.

    Raises:
        ConfigurationError: CUDA is asked for and there is none.
    """
    device = choose_device(name)
    if device.type == "cuda":
        place = torch.device("cuda", local_rank)
        return Compute(place, mixed=torch.cuda.is_bf16_supported())
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


def use_tensor_cores(compute: Compute) -> None:
    """Let a CUDA device compute what stays float32 in TF32; elsewhere change nothing.

    The setting holds for the whole process. Convolutions of PyTorch do so already;
    TF32 keeps float32's range and 10 bits of its fraction, more than bfloat16's 7.
    """
    if compute.device.type == "cuda":
        torch.set_float32_matmul_precision("high")


def peak_memory_gb(compute: Compute) -> dict[str, float]:
    """Give the most memory used so far, in GB of 10^9 bytes.

    Returns:
        "process": resident memory of this process at its highest; on a CUDA device
        also "device": what tensors took there at their highest.
    """
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in units of 1024 bytes, macOS in bytes.
    peaks = {"process": highest * (1 if sys.platform == "darwin" else 1024) / 1e9}
    if compute.device.type == "cuda":
        peaks["device"] = torch.cuda.max_memory_allocated(compute.device) / 1e9
    return {name: round(peak, 3) for name, peak in peaks.items()}
