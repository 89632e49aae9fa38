import os
import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from medsynth.deidentify.files import FileTask, deidentify_files, read_object
from medsynth.deidentify.options import DeidentifySettings
from medsynth.deidentify.policy import build_policy
from medsynth.phantom.cohort import PhantomOptions, write_cohort
from tests.medsynth.deidentify.canaries import file_bytes, plain_slice, raw_element

SECRET = "ab" * 32
BASIC = DeidentifySettings()
_ALL_OPTIONS = {
    "dates": "shifted",
    "retain_patient_characteristics": True,
    "retain_device_identity": True,
    "retain_institution_identity": True,
    "retain_safe_private": True,
    "clean_descriptors": True,
    "clean_structured_content": True,
}
_RELEASE_OPTIONS = {"mode": "release", "dates": "shifted", "clean_descriptors": True}
_SETTINGS = (
    BASIC,
    DeidentifySettings(mode="release"),
    DeidentifySettings.model_validate(_ALL_OPTIONS),
    DeidentifySettings.model_validate(_RELEASE_OPTIONS),
)


def _write(path: Path, content: bytes | None = None) -> Path:
    path.write_bytes(file_bytes(plain_slice()) if content is None else content)
    return path


def _treated(source: Path, target: Path, settings: DeidentifySettings = BASIC) -> Path:
    outcome = deidentify_files([FileTask(source, target)], build_policy(settings), SECRET)
    assert outcome.reasons == {"written": 1}
    return target


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        JPEGLSLossless,
    ],
)
def test_pixels_stay_byte_for_byte_in_their_encoding(tmp_path: Path, syntax: UID) -> None:
    dataset = plain_slice()
    dataset.PixelPaddingValue = 63536
    dataset["PixelPaddingValue"].VR = "US"
    if syntax.is_encapsulated:
        dataset.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    before = _write(tmp_path / "in", file_bytes(dataset))
    after = pydicom.dcmread(_treated(before, tmp_path / "out"))
    assert after.PixelData == pydicom.dcmread(before).PixelData
    assert after.file_meta.TransferSyntaxUID == syntax
    assert after.PixelPaddingValue == 63536


def test_preamble_is_zeroed_and_meta_information_made_new(tmp_path: Path) -> None:
    dataset = plain_slice()
    dataset.preamble = b"Odalys Quillfeather".ljust(128)
    dataset.file_meta.SourceApplicationEntityTitle = "ELSEWHERE"
    dataset.file_meta.ImplementationVersionName = "WARD3"
    target = _treated(_write(tmp_path / "in", file_bytes(dataset)), tmp_path / "out")
    after = pydicom.dcmread(target)
    assert target.read_bytes()[:132] == b"\0" * 128 + b"DICM"
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert "SourceApplicationEntityTitle" not in after.file_meta
    assert after.file_meta.ImplementationVersionName != "WARD3"


def test_a_file_without_preamble_is_read(tmp_path: Path) -> None:
    content = file_bytes(plain_slice())
    assert read_object(_write(tmp_path / "in", content[132:]))[1] == "written"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"beside", "not_dicom"),
        (b"\0" * 128 + b"DICM", "not_ct_image"),
        (file_bytes(plain_slice())[:-30], "pixels_of_other_length"),
    ],
)
def test_a_file_that_cannot_be_read_is_counted_and_costs_no_other(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    bad, good = _write(tmp_path / "bad", content), _write(tmp_path / "good")
    tasks = [FileTask(bad, tmp_path / "0"), FileTask(good, tmp_path / "1")]
    outcome = deidentify_files(tasks, build_policy(BASIC), SECRET)
    assert outcome.reasons == {reason: 1, "written": 1}
    assert outcome.names[0] is None
    assert not (tmp_path / "0").exists()


def test_a_name_is_made_of_pseudonyms_alone(tmp_path: Path) -> None:
    task = FileTask(_write(tmp_path / "quillfeather.dcm"), tmp_path / "out")
    (name,) = deidentify_files([task], build_policy(BASIC), SECRET).names
    assert name is not None
    after = pydicom.dcmread(tmp_path / "out")
    uids = (after.StudyInstanceUID, after.SeriesInstanceUID, after.SOPInstanceUID)
    assert name == "/".join((str(after.PatientID), *uids)) + ".dcm"
    assert all(uid.startswith("2.25.") for uid in uids)


def test_a_name_does_not_show_uids_that_are_kept(tmp_path: Path) -> None:
    task = FileTask(_write(tmp_path / "in"), tmp_path / "out")
    policy = build_policy(DeidentifySettings(retain_uids=True))
    (name,) = deidentify_files([task], policy, SECRET).names
    after = pydicom.dcmread(tmp_path / "out")
    assert after.StudyInstanceUID == plain_slice().StudyInstanceUID
    assert name is not None
    assert str(after.StudyInstanceUID) not in name


def test_an_object_whose_identifiers_are_no_uids_is_not_written(tmp_path: Path) -> None:
    dataset = plain_slice()
    dataset["StudyInstanceUID"] = raw_element(0x0020000D, "LO", b"Quillfeather")
    task = FileTask(_write(tmp_path / "in", file_bytes(dataset)), tmp_path / "out")
    outcome = deidentify_files([task], build_policy(BASIC), SECRET)
    assert (outcome.reasons, outcome.names) == ({"not_writable": 1}, (None,))
    assert not task.target.exists()


def test_equal_files_give_equal_bytes(tmp_path: Path) -> None:
    source = _write(tmp_path / "in")
    first, second = _treated(source, tmp_path / "1"), _treated(source, tmp_path / "2")
    assert first.read_bytes() == second.read_bytes()


def test_tasks_show_no_path_when_printed(tmp_path: Path) -> None:
    assert "quill" not in repr(FileTask(tmp_path / "quill", tmp_path / "quill"))


def _errors(program: str, path: Path) -> set[str]:
    checked = subprocess.run(
        [program, str(path)], capture_output=True, text=True, errors="replace", check=False
    )
    lines = (checked.stdout + checked.stderr).splitlines()
    return {line for line in lines if line.startswith("Error")}


def _checker() -> str:
    beside_python = Path(sys.executable).with_name("dciodvfy")
    program = str(beside_python) if beside_python.exists() else shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy (package dicom3tools) is not installed")
    return program


def _new_errors(program: str, source: Path, folder: Path) -> set[str]:
    before, found = _errors(program, source), set()
    for number, settings in enumerate(_SETTINGS):
        target = _treated(source, folder / str(number), settings)
        found |= _errors(program, target) - before
        target.unlink()
    return found


def test_phantoms_stay_free_of_errors_of_the_standards_checker(tmp_path: Path) -> None:
    program = _checker()
    options = PhantomOptions(matrix=32, slices=4, spacing_mm=11.2, slice_mm=12.0, sites=4)
    write_cohort(tmp_path / "cohort", patients=4, seed=3, options=options)
    folders = sorted((tmp_path / "cohort" / "dicom").rglob("*"))
    first_files = [sorted(one.iterdir())[0] for one in folders if _holds_files(one)]
    assert len(first_files) >= 4
    for path in first_files:
        assert _errors(program, path) == set()
        assert _new_errors(program, path, tmp_path) == set()


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(one.is_file() for one in folder.iterdir())


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
def test_real_scans_get_no_error_that_they_did_not_have(tmp_path: Path) -> None:
    program, root = _checker(), Path(os.environ["MEDSYNTH_REAL_CT"])
    paths = sorted((root / "siim_slices").glob("*.dcm"))[::34]
    paths += [sorted(folder.iterdir())[0] for folder in sorted((root / "volumes").iterdir())]
    checked = [path for path in paths if read_object(path)[0] is not None]
    assert len(checked) >= 6
    for path in checked:
        assert _new_errors(program, path, tmp_path) == set()


@pytest.mark.real_ct
@pytest.mark.skipif("MEDSYNTH_REAL_CT" not in os.environ, reason="no real scans here")
def test_pixels_of_real_scans_stay_byte_for_byte(tmp_path: Path) -> None:
    root = Path(os.environ["MEDSYNTH_REAL_CT"])
    for number, folder in enumerate(sorted((root / "volumes").iterdir())):
        path = sorted(folder.iterdir())[0]
        after = pydicom.dcmread(_treated(path, tmp_path / str(number)))
        assert after.PixelData == pydicom.dcmread(path).PixelData
