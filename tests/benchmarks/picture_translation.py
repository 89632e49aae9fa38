"""Draw the README's picture from a finished demo workspace.

python tests/benchmarks/picture_translation.py demo docs/translation.png
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.records.json_lines import read_json
from medsynth.synthesis.index import read_synthetic

PATIENTS = 2
TITLES = ("contrast scan", "synthetic", "truth", "what was changed")


def main(workspace: Path, picture: Path) -> None:
    """Write the picture: two source patients at the slice with most kidney."""
    names = read_json(workspace / "ingest" / "labels.json")
    kidney = [int(value) for value, name in names.items() if name == "kidney"]
    records = [r for r in read_synthetic(workspace / "synthesize") if r.role == "source"]
    figure, axes = plt.subplots(PATIENTS, 4, figsize=(10, 4.4), layout="constrained")
    for row, record in zip(axes, records[:PATIENTS], strict=True):
        name = f"{record.series}.nii.gz"
        source = read_volume(workspace / "ingest" / "volumes" / name).voxels_hu.astype(float)
        truth = read_volume(workspace / "ingest" / "truth" / name).voxels_hu.astype(float)
        made_path = workspace / "synthesize" / "nifti" / f"{record.synthetic}.nii.gz"
        made = read_volume(made_path).voxels_hu.astype(float)
        labels, _ = read_labels(workspace / "ingest" / "labels" / name)
        shown = int(np.isin(labels, kidney).sum(axis=(1, 2)).argmax())
        for axis, volume in zip(row[:3], (source, made, truth), strict=True):
            axis.imshow(volume[shown], cmap="gray", vmin=-160, vmax=240)
        row[3].imshow(made[shown] - source[shown], cmap="RdBu_r", vmin=-150, vmax=150)
    for axis, title in zip(axes[0], TITLES, strict=True):
        axis.set_title(title, fontsize=10)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
