"""The organ finder's weights in one safetensors file."""

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from medsynth.errors import RecordError
from medsynth.networks.organ_segmenter import OrganSegmenter
from medsynth.records.atomic import write_bytes_atomically

SHIPPED_WEIGHTS = Path(__file__).with_name("organ_weights.safetensors")
_METADATA = "organ_segmenter"


def write_organ_segmenter(
    path: Path, network: OrganSegmenter, settings: Mapping[str, float]
) -> None:
    """Write the weights in half precision.

    Args:
        path: the file.
        network: what to write.
        settings: of the training, kept in the file's metadata.
    """
    tensors = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        for name, tensor in network.state_dict().items()
    }
    # One entry: safetensors writes several in any order, and equal work must give equal bytes.
    metadata = {_METADATA: json.dumps(dict(settings), sort_keys=True)}
    write_bytes_atomically(path, safetensors.torch.save(tensors, metadata=metadata))


def read_organ_segmenter(path: Path = SHIPPED_WEIGHTS) -> OrganSegmenter:
    """Read the weights.

    Args:
        path: the file; that of the package if none is named.

    Returns:
        The network on the processor, in single precision, ready to use.

    Raises:
        RecordError: the file is missing or is not the organ finder's.
    """
    network = OrganSegmenter()
    try:
        tensors = safetensors.torch.load_file(path)
        network.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RecordError(
            f"{path.name} does not hold the organ finder ({type(error).__name__}). Expected the "
            "weights of this version. Install the package again, or rebuild them with "
            "python -m pipelines.train_organ_finder."
        ) from error
    return network.to(torch.float32).eval()
