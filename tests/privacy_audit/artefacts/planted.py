"""A clean made-up release, and a patient's particulars planted in one place of it at a time."""

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from safetensors.numpy import save_file

NAME = "Zwickelmoser^Theodelinde"
NUMBER = "6561750259"
BORN = "19510917"
PATIENTS = 6
CODES = ("84fea3fa6d", "473b759e38", "1201c2ec73", "b6c20360ab", "33f255e0e6", "0ac9347cf1")

Plant = Callable[[Path], None]


def body(seed: int, *, size: int = 48) -> NDArray[np.int16]:
    """Make one slice in HU: a soft ellipse in air, smooth inside."""
    generator = np.random.default_rng(seed)
    row, column = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    waves = sum(
        generator.normal(0, 20) * np.cos(3 * (row * a + column * b))
        for a, b in generator.normal(size=(4, 2))
    )
    inside = (row / 0.7) ** 2 + (column / 0.85) ** 2 < 1
    return np.where(inside, 40 + waves, -1000).astype(np.int16)


def write_clean_set(folder: Path, *, patients: int = PATIENTS) -> Path:
    """Write a release in all formats, with nothing of anybody in it."""
    for number in range(patients):
        code = f"SYN-{CODES[number]}"
        for slice_number in range(2):
            write_dicom(folder / "dicom" / code / f"{slice_number + 1:04d}.dcm", number)
        write_nifti(folder / "nifti" / f"{code}_ct.nii.gz", number)
        picture = picture_of(number)
        (folder / "png").mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / "png" / f"{code}.png")
    Image.fromarray(picture_of(0)).save(folder / "montage.tif", compression="tiff_lzw")
    Image.fromarray(picture_of(0)).save(folder / "preview.jpg")
    np.save(folder / "volume.npy", np.stack([body(1), body(2)]))
    np.savez_compressed(folder / "arrays.npz", image=body(3), label=body(3) > 0)
    write_texts(folder)
    write_archives(folder)
    write_weights(folder)
    return folder


def picture_of(seed: int, *, size: int = 48) -> NDArray[np.uint8]:
    """Make one slice as a grey picture."""
    return np.clip((body(seed, size=size).astype(float) + 1000) / 6, 0, 255).astype(np.uint8)


def write_texts(folder: Path) -> None:
    (folder / "README.md").write_text(
        "# Synthetic CT\n\nVersion 1.2.0, made by a network. Mean error 6.5 HU (5.1 to 7.2).\n"
        "See https://example.org/data/model for the licence, MIT 2019.\n"
    )
    (folder / "fidelity.json").write_text(
        json.dumps({"body_mae_hu": 6.549545891, "n": 19, "finished": "2026-11-22T05:37:33+00:00"})
    )
    rows = [f"SYN-{code},{number * 1.25}" for number, code in enumerate(CODES)]
    (folder / "overview.csv").write_text("\n".join(["name,score", *rows]) + "\n")
    (folder / "report.html").write_text("<html><body><p>6 of 6 volumes</p></body></html>")


def write_archives(folder: Path) -> None:
    with zipfile.ZipFile(folder / "labels.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.json", json.dumps({"1": "liver"}))
    with tarfile.open(folder / "masks.tar.gz", "w:gz", compresslevel=1) as archive:
        entry = tarfile.TarInfo("masks/mask_1.txt")
        content = b"1 2 3\n"
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    without_gzip_time(folder / "masks.tar.gz")


def write_weights(folder: Path) -> None:
    generator = np.random.default_rng(5)
    weights = {
        "encoder.0.weight": generator.normal(size=(8, 4, 3, 3)).astype(np.float32),
        "head.weight": generator.normal(size=(64, 64)).astype(np.float32),
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.pkl").write_bytes(pickle.dumps({"encoder.0.weight": weights["head.weight"]}))


def without_gzip_time(path: Path) -> None:
    """Write a gzip file anew, with nothing in its header."""
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), mtime=0))


def write_dicom(path: Path, seed: int) -> None:
    """Write a slice as a synthetic CT image."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = f"2.25.{10**30 + seed * 10**6 + int(path.stem)}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    dataset.Modality = "CT"
    dataset.Manufacturer = "synthetic generator"
    dataset.StudyDate = ""
    dataset.PatientName = dataset.PatientID = f"SYN-{CODES[seed]}"
    dataset.SeriesInstanceUID = f"2.25.{10**29 + seed}"
    dataset.StudyInstanceUID = f"2.25.{10**28 + seed}"
    dataset.SeriesDescription = "SYNTHETIC NON-CONTRAST"
    dataset.BurnedInAnnotation = "NO"
    dataset.InstanceNumber = int(path.stem)
    dataset.ImagePositionPatient = [0.0, 0.0, 5.0 * int(path.stem) - 5.0]
    dataset.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    dataset.PixelSpacing = [2.8, 2.8]
    dataset.SliceThickness = 5.0
    _add_pixels(dataset, (body(seed) + 1024).astype(np.uint16))
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)


def _add_pixels(dataset: Dataset, stored: NDArray[np.uint16]) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
    dataset.PixelData = stored.tobytes()


def write_nifti(path: Path, seed: int) -> None:
    """Write two slices as a volume whose grid begins at zero."""
    values = np.stack([body(seed), body(seed)], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-2.8, -2.8, 5.0, 1.0])), path)
    without_gzip_time(path)


def first_dicom(folder: Path) -> Path:
    return folder / "dicom" / f"SYN-{CODES[0]}" / "0001.dcm"


def first_nifti(folder: Path) -> Path:
    return folder / "nifti" / f"SYN-{CODES[0]}_ct.nii.gz"


def first_png(folder: Path) -> Path:
    return folder / "png" / f"SYN-{CODES[0]}.png"


def in_dicom(change: Callable[[Dataset], None]) -> Plant:
    """Give a plant that changes one DICOM file's data set."""

    def plant(folder: Path) -> None:
        dataset = pydicom.dcmread(first_dicom(folder))
        change(dataset)
        dataset.save_as(first_dicom(folder))

    return plant


def attribute(keyword: str, value: object) -> Plant:
    return in_dicom(lambda dataset: setattr(dataset, keyword, value))


def element(tag: int, kind: str, value: object) -> Plant:
    return in_dicom(lambda dataset: dataset.add_new(tag, kind, value))


def in_sequence(keyword: str, inner: str, value: object) -> Plant:
    def change(dataset: Dataset) -> None:
        item = Dataset()
        setattr(item, inner, value)
        setattr(dataset, keyword, [item])

    return in_dicom(change)


def private_block(dataset: Dataset) -> None:
    dataset.private_block(0x0029, "VENDOR", create=True).add_new(0x08, "LO", NAME)


def icon(dataset: Dataset) -> None:
    item = Dataset()
    item.Rows = item.Columns = item.BitsAllocated = 8
    item.PixelData = b"\1" * 64
    dataset.IconImageSequence = [item]


def source_title(dataset: Dataset) -> None:
    dataset.file_meta.SourceApplicationEntityTitle = "RAD_WENDEL"


def implementation(dataset: Dataset) -> None:
    dataset.file_meta.ImplementationVersionName = "WENDEL_PACS"


def preamble(folder: Path) -> None:
    content = first_dicom(folder).read_bytes()
    text = NAME.encode().ljust(128, b"\0")
    first_dicom(folder).write_bytes(text + content[128:])


def high_bits(folder: Path) -> None:
    dataset = pydicom.dcmread(first_dicom(folder))
    stored = np.frombuffer(dataset.PixelData, dtype=np.uint16).copy()
    stored[100] |= 1 << 13
    dataset.PixelData = stored.tobytes()
    dataset.save_as(first_dicom(folder))


def deflated(folder: Path) -> None:
    dataset = pydicom.dcmread(first_dicom(folder))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.SeriesDescription = "SYNTHETIC " + NAME.replace("^", " ")
    dataset.save_as(first_dicom(folder))


def behind(path_of: Callable[[Path], Path], content: bytes) -> Plant:
    """Give a plant that appends bytes to a file."""

    def plant(folder: Path) -> None:
        path = path_of(folder)
        path.write_bytes(path.read_bytes() + content)

    return plant


def in_nifti(change: Callable[[nibabel.Nifti1Image], None]) -> Plant:
    def plant(folder: Path) -> None:
        image = nibabel.load(first_nifti(folder))
        change(image)
        path = first_nifti(folder)
        nibabel.save(image, path)
        without_gzip_time(path)

    return plant


def nifti_field(field: str, text: str) -> Plant:
    def change(image: nibabel.Nifti1Image) -> None:
        image.header[field] = text

    return in_nifti(change)


def nifti_extension(image: nibabel.Nifti1Image) -> None:
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", NAME.encode()))


def nifti_origin(image: nibabel.Nifti1Image) -> None:
    affine = image.affine.copy()
    affine[:3, 3] = (171.3, 162.9, -703.6)
    image.set_sform(affine, code=2)


def gzip_header(*, name: str = "", mtime: int = 0, comment: bytes = b"") -> Plant:
    """Give a plant that writes a gzip header with a name, a time or a comment."""

    def plant(folder: Path) -> None:
        content = gzip.decompress(first_nifti(folder).read_bytes())
        flags = (8 if name else 0) | (16 if comment else 0)
        head = struct.pack("<HBBIBB", 0x8B1F, 8, flags, mtime, 0, 255)
        if name:
            head += name.encode() + b"\0"
        if comment:
            head += comment + b"\0"
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(content) + packer.flush()
        tail = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
        first_nifti(folder).write_bytes(head + packed + tail)

    return plant


def png_text(keyword: str, text: str, *, zipped: bool = False, wide: bool = False) -> Plant:
    def plant(folder: Path) -> None:
        notes = PngImagePlugin.PngInfo()
        if wide:
            notes.add_itxt(keyword, text, zip=zipped)
        else:
            notes.add_text(keyword, text, zip=zipped)
        Image.fromarray(picture_of(0)).save(first_png(folder), pnginfo=notes)

    return plant


def png_chunk(kind: bytes, data: bytes) -> Plant:
    """Give a plant that puts a chunk before the last of a PNG file."""

    def plant(folder: Path) -> None:
        content = first_png(folder).read_bytes()
        chunk = struct.pack(">I", len(data)) + kind + data
        chunk += struct.pack(">I", zlib.crc32(kind + data))
        first_png(folder).write_bytes(content[:-12] + chunk + content[-12:])

    return plant


def exif() -> bytes:
    notes = Image.Exif()
    notes[0x013B] = NAME
    return notes.tobytes()


def tiff_tag(tag: int, text: str) -> Plant:
    def plant(folder: Path) -> None:
        picture = Image.fromarray(picture_of(0))
        picture.save(folder / "montage.tif", tiffinfo={tag: text})

    return plant


def burned_in(folder: Path) -> None:
    picture = Image.fromarray(picture_of(0, size=256))
    ImageDraw.Draw(picture).text((8, 8), "ZWICKELMOSER 1951", 255, font=ImageFont.load_default(16))
    picture.save(first_png(folder))


def text_file(name: str, content: str) -> Plant:

    def plant(folder: Path) -> None:
        (folder / name).write_text(content)

    return plant


def rename(new_name: str) -> Plant:

    def plant(folder: Path) -> None:
        first_nifti(folder).rename(first_nifti(folder).with_name(new_name))

    return plant


def file_bytes(path_of: Callable[[Path], Path], content: bytes) -> Plant:
    """Give a plant that writes a file of these bytes."""

    def plant(folder: Path) -> None:
        path_of(folder).write_bytes(content)

    return plant
