"""A share of what `tests.benchmarks.bench_untrusted` reads by the ten thousand."""

from pathlib import Path

import pytest

from medsynth.imaging.dicom_series import SeriesReason
from medsynth.imaging.file_reason import FileReason
from tests.benchmarks.bench_untrusted import Mutant, read_dicom, read_mutant
from tests.medsynth.imaging import hostile_files

_VERDICTS = {reason.value for reason in FileReason} | {
    f"series {reason}" for reason in SeriesReason
}


@pytest.mark.parametrize("kind", range(4), ids=hostile_files.SOUND_NAMES)
def test_every_mutant_ends_with_a_verdict_of_the_closed_lists(tmp_path: Path, kind: int) -> None:
    for number, content in enumerate(hostile_files.sound_contents()):
        (tmp_path / str(number)).write_bytes(content)
    verdicts = {read_mutant(Mutant(kind, seed, tmp_path)).verdict for seed in range(60)}
    assert verdicts <= _VERDICTS
    assert len(verdicts) > 1


def test_codestream_larger_than_its_header_says_is_not_decoded(tmp_path: Path) -> None:
    (tmp_path / "bomb.dcm").write_bytes(hostile_files.jpeg_2000_bomb())
    assert read_dicom(tmp_path / "bomb.dcm").verdict == "series unreadable_pixels"
