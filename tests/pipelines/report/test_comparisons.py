import base64
import dataclasses
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsynth.synthesis.index import read_synthetic, write_synthetic
from medsynth.synthesis.intensity_gate import GateVerdict
from pipelines.report.comparisons import make_comparisons
from pipelines.report.results import read_results
from tests.pipelines.made_workspace import SOURCES, Parts, make_workspace


def pixels(data_uri: str) -> NDArray[np.uint8]:
    content = base64.b64decode(data_uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)))


def test_each_source_scan_is_shown_beside_translation_and_truth(tmp_path: Path) -> None:
    comparisons = make_comparisons(read_results(make_workspace(tmp_path / "w")))
    assert {x.title.split()[1].rstrip(",") for x in comparisons} == {x.patient for x in SOURCES}
    rows = comparisons[0].rows
    assert [len(row.panels) for row in rows] == [3, 3, 3, 3]
    assert [row.is_difference for row in rows] == [False, False, True, False]
    assert comparisons[0].plane.startswith("The slice with most kidney")


def test_without_labels_and_truth_the_middle_slice_is_compared_with_the_source(
    tmp_path: Path,
) -> None:
    workspace = make_workspace(tmp_path / "w", Parts(has_labels=False, has_truth=False))
    comparison = make_comparisons(read_results(workspace))[0]
    assert [len(row.panels) for row in comparison.rows] == [2, 2, 1, 2]
    assert comparison.plane == "The middle slice, 4 of 6."


def test_the_change_of_the_kidney_is_blue_and_what_is_left_is_red(tmp_path: Path) -> None:
    comparison = make_comparisons(read_results(make_workspace(tmp_path / "w")))[0]
    made, _, left = (pixels(panel.image) for panel in comparison.rows[2].panels)
    # The kidney fell from 190 to 52 HU and should have fallen to 32: 138 made, 20 left.
    darkest = made[..., 0] == made[..., 0].min()
    assert (made[darkest][:, 2] > made[darkest][:, 0]).all()
    assert (left[darkest][:, 0] > left[darkest][:, 2]).all()


def test_an_unfinished_workspace_gives_no_comparison(tmp_path: Path) -> None:
    assert make_comparisons(read_results(tmp_path)) == ()


def test_a_flagged_translation_is_shown_as_such(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    folder = workspace / "synthesize"
    flagged = SOURCES[1].synthetic
    records = [
        dataclasses.replace(one, gate=GateVerdict.OUTSIDE) if one.synthetic == flagged else one
        for one in read_synthetic(folder)
    ]
    write_synthetic(folder, records)
    comparisons = make_comparisons(read_results(workspace))
    named = [x.title.split()[1] for x in comparisons if x.title.endswith("not released")]
    assert named == [f"{SOURCES[1].patient},"]
