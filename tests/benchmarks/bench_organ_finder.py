"""The organ finder on real CT: overlap and medians against masks, and the gate's verdicts.

The masks are another model's (TotalSegmentator's), not a radiologist's. The peer of
the verdict is the phase classifier, which looks at the same pixels without organs:
"outside" should go with "contrast". With a folder named, pictures are written there.

    MEDSYNTH_REAL_CT=DIR python -m tests.benchmarks.bench_organ_finder [PICTURES]
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from medsynth.cohort.phase_pixels import pixel_phase
from medsynth.cohort.phase_weights import read_phase_model
from medsynth.evaluation.organs import organ_table
from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_series import SeriesLimits, TiltPolicy, assemble_series, group_series
from medsynth.imaging.nifti import read_labels, read_volume
from medsynth.imaging.orientation import labels_to_axial, to_axial
from medsynth.imaging.volume import Volume
from medsynth.networks.organ_segmenter import ORGANS
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.scan import render_scan
from medsynth.synthesis.intensity_gate import OrganSample, judge
from medsynth.synthesis.organ_finder import (
    coarse_slabs,
    find_organs,
    measure_organs,
    place_labels,
    slab_ranges,
)
from medsynth.synthesis.organ_weights import read_organ_segmenter

# Of TotalSegmentator's 117 classes.
CLASS_VALUES = {5: "liver", 1: "spleen", 2: "kidney", 3: "kidney", 52: "aorta", 63: "vena_cava"}
MASK_NAMES = ("liver", "spleen", "kidney_left", "kidney_right", "aorta")
COLOURS = ((220, 120, 60), (160, 80, 220), (80, 200, 80), (230, 40, 40), (60, 120, 240))
MADE_UP_PATIENTS = 4

Case = tuple[str, Volume, NDArray[np.uint8] | None]


def main(arguments: list[str]) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    finder = read_organ_segmenter()
    phases = read_phase_model()
    root = Path(os.environ["MEDSYNTH_REAL_CT"])
    for name, volume, truth in (*real_cases(root), *made_up_cases()):
        started = time.process_time()
        found = find_organs(volume, finder)
        samples = measure_organs(volume, found)
        seconds = time.process_time() - started
        phase = pixel_phase(volume, phases)
        print(
            f"\n{name}: {volume.voxels_hu.shape}, {seconds:.1f} CPU s; gate: "
            f"{judge(samples).verdict}; phase classifier: {phase.phase} ({phase.confidence:.2f})"
        )
        known = {} if truth is None else by_organ(measure_organs(volume, truth))
        for number, organ in enumerate(ORGANS, start=1):
            print_organ(organ, by_organ(samples).get(organ), known.get(organ))
            if truth is not None and (truth == number).any():
                print(f"      Dice {dice(found == number, truth == number):.2f}")
        if arguments:
            draw(
                Path(arguments[0]) / f"{name.replace(' ', '_').replace('/', '_')}.png",
                volume,
                found,
            )


def real_cases(root: Path) -> Iterator[Case]:
    """Give the real volumes, with masks where there are any."""
    for folder in sorted((root / "volumes").iterdir()):
        for volume in read_dicom(folder):
            yield folder.name, volume, None
    folder = root / "totalsegmentator"
    volume = to_axial(read_volume(folder / "noncontrast_nifti" / "ct.nii.gz"))
    labels = np.zeros(volume.voxels_hu.shape, dtype=np.uint8)
    names: dict[int, str] = {}
    for value, name in enumerate(MASK_NAMES, start=1):
        mask = read_axial_labels(folder / "noncontrast_nifti" / f"{name}.nii.gz")
        labels[mask > 0] = value
        names[value] = name
    yield "totalsegmentator noncontrast", volume, place_labels(labels, volume, organ_table(names))
    for volume in read_dicom(folder / "contrast_dicom"):
        labels = read_axial_labels(folder / "contrast_seg.nii.gz")
        placed = place_labels(labels, volume, organ_table(CLASS_VALUES))
        yield "totalsegmentator contrast", volume, placed


def read_axial_labels(path: Path) -> NDArray[np.uint8]:
    """Give a label map in the orientation of volumes."""
    labels, _ = labels_to_axial(*read_labels(path))
    return labels


def made_up_cases() -> Iterator[Case]:
    """Give made-up patients of sites that the finder was not trained on."""
    for index in range(MADE_UP_PATIENTS):
        region = BodyRegion.CHEST if index % 3 == 2 else BodyRegion.ABDOMEN
        options = PhantomOptions(sites=3, region=region)
        scan = render_scan(424_242, index, options, "contrast")
        labels = {1: "liver", 2: "spleen", 3: "kidney", 4: "aorta", 5: "vena_cava"}
        truth = place_labels(scan.labels, scan.volume, organ_table(labels))
        yield f"made up {region} {index} contrast", scan.volume, truth
        if scan.truth is not None:
            yield f"made up {region} {index} truth", scan.truth, truth


def read_dicom(folder: Path) -> Iterator[Volume]:
    """Give the accepted volumes of a folder."""
    headers = [read_header(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    limits = SeriesLimits(min_slices=3, max_gap_spread_mm=0.05, gantry_tilt=TiltPolicy.DESHEAR)
    for group in group_series(header for header in headers if header is not None):
        assembled = assemble_series(group, limits)
        if assembled.volume is None:
            print(f"\n{folder.name}: {assembled.reason}")
        else:
            yield assembled.volume


def by_organ(samples: tuple[OrganSample, ...]) -> dict[str, OrganSample]:
    """Give samples by the name of the organ."""
    return {sample.organ: sample for sample in samples}


def print_organ(organ: str, found: OrganSample | None, known: OrganSample | None) -> None:
    """Print one organ's medians, found and by the masks."""
    if found is None and known is None:
        return
    line = f"   {organ:<10}"
    line += (
        "not found" if found is None else f"{found.median_hu:7.1f} HU {found.volume_cm3:7.0f} cm3"
    )
    if known is not None:
        line += f"   mask {known.median_hu:7.1f} HU {known.volume_cm3:7.0f} cm3"
    if found is not None and known is not None:
        line += f"   difference {found.median_hu - known.median_hu:+.1f} HU"
    print(line)


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Give the overlap of two masks, 0 to 1."""
    return 2 * np.count_nonzero(found & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))


def draw(path: Path, volume: Volume, found: NDArray[np.uint8]) -> None:
    """Draw ten slabs from head to feet with the organs' outlines."""
    chosen = np.linspace(len(found) - 1, 0, min(10, len(found))).astype(int)
    slabs = slab_ranges(volume)
    tiles = []
    for index in chosen:
        shown = coarse_slabs(volume, [slabs[index]])[0]
        grey = (np.clip((shown + 100) / 300, 0, 1) * 255).astype(np.uint8)
        tile = np.repeat(grey[:, :, None], 3, axis=2)
        for number, colour in enumerate(COLOURS, start=1):
            mask = found[index] == number
            inner = mask.copy()
            for axis in (0, 1):
                for step in (-1, 1):
                    inner &= np.roll(mask, step, axis=axis)
            tile[mask & ~inner] = colour
        tiles.append(np.kron(tile, np.ones((2, 2, 1), dtype=np.uint8)))
    rows = [np.concatenate(tiles[low : low + 5], axis=1) for low in range(0, len(tiles), 5)]
    widest = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0))) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(padded)).save(path)


if __name__ == "__main__":
    main(sys.argv[1:])
