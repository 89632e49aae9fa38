import os
from pathlib import Path

import pytest

from medsynth.imaging.dicom_header import read_header
from medsynth.imaging.dicom_series import SeriesLimits, assemble_series, group_series
from medsynth.synthesis.intensity_gate import GateVerdict, judge
from medsynth.synthesis.organ_finder import find_organs, measure_organs
from medsynth.synthesis.organ_weights import read_organ_segmenter

pytestmark = [
    pytest.mark.real_ct,
    pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here"),
]
LIMITS = SeriesLimits(min_slices=3, max_gap_spread_mm=0.05)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("C3L-00189", GateVerdict.OUTSIDE),
        ("CMB-CRC-MSB-01068", GateVerdict.OUTSIDE),
        ("ACRIN-FLT-Breast_001", GateVerdict.INSIDE),
        ("LIDC-IDRI-0314", GateVerdict.INSIDE),
    ],
)
def test_real_scans_are_inside_just_where_no_contrast_was_given(
    name: str, verdict: GateVerdict
) -> None:
    folder = Path(os.environ["MEDSYNTH_REAL_CT"]) / "volumes" / name
    headers = [read_header(path) for path in sorted(folder.iterdir())]
    groups = group_series(header for header in headers if header is not None)
    (volume,) = [
        series.volume
        for series in (assemble_series(group, LIMITS) for group in groups)
        if series.volume is not None
    ]
    result = judge(measure_organs(volume, find_organs(volume, read_organ_segmenter())))
    assert result.verdict is verdict
    assert len(result.judged) >= 2
