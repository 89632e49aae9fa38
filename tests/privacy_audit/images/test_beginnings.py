import gzip
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from privacy_audit.images.beginnings import begins_as_image
from tests.privacy_audit.dicom_files import write_dicom

_PICTURE = np.arange(16, dtype=np.uint8).reshape(4, 4)


@pytest.mark.parametrize(
    "suffix", [".npy", ".npz", ".png", ".tif", ".jpg", ".nii", ".nii.gz", ".dcm"]
)
def test_image_is_told_by_its_beginning_under_any_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, _PICTURE)
    elif suffix == ".npz":
        np.savez(path, _PICTURE)
    elif suffix.startswith(".nii"):
        nibabel.save(nibabel.Nifti1Image(_PICTURE[..., None], np.eye(4)), path)
    elif suffix == ".dcm":
        write_dicom(path, _PICTURE.astype(np.uint16))
    else:
        Image.fromarray(_PICTURE).save(path)
    assert begins_as_image(path.rename(tmp_path / "notes.txt"))


def test_second_version_of_nifti_is_told_by_its_beginning(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti2Image(_PICTURE[..., None], np.eye(4)), tmp_path / "a.nii")
    assert begins_as_image(tmp_path / "a.nii")


def test_packed_text_may_be_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(gzip.compress(b"{}"))
    assert begins_as_image(tmp_path / "a.json")


def test_tables_notes_folders_and_pipes_begin_as_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,patient\n" * 50)
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "c.txt").write_bytes(b"")
    os.mkfifo(tmp_path / "d")
    assert not any(begins_as_image(path) for path in [tmp_path, *tmp_path.iterdir()])
