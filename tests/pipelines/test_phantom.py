from pathlib import Path

import pydicom
import pytest

from medsynth.phantom.options import BodyRegion
from pipelines.phantom import write_phantom
from pipelines.project_config import PhantomSettings
from tests.pipelines.stage_running import RecordingReporter


@pytest.mark.parametrize("region", list(BodyRegion))
def test_the_region_decides_what_the_headers_say_and_how_far_a_scan_reaches(
    tmp_path: Path, region: BodyRegion
) -> None:
    settings = PhantomSettings(patients=1, seed=0, matrix=16, slices=8)
    write_phantom(tmp_path / "made", settings, RecordingReporter(), region=region)
    images = [
        pydicom.dcmread(path, stop_before_pixels=True)
        for path in (tmp_path / "made" / "dicom").rglob("*.dcm")
    ]
    assert {image.BodyPartExamined for image in images} == {region.value.upper()}
    # 160 mm of abdomen and 280 mm of chest in eight slices.
    gap_mm = 20.0 if region is BodyRegion.ABDOMEN else 35.0
    gaps = {image.SpacingBetweenSlices for image in images if "SpacingBetweenSlices" in image}
    assert gaps == {gap_mm}
