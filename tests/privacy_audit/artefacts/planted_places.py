"""Every place in which a patient's particulars are planted, and the kind of finding expected."""

import base64
import gzip
import hashlib
import io
import pickle
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from tests.privacy_audit.artefacts import planted as p


def _zip_comment(folder: Path) -> None:
    with zipfile.ZipFile(folder / "labels.zip", "a") as archive:
        archive.comment = p.NAME.encode()


def _member(name: str, content: bytes) -> p.Plant:
    def plant(folder: Path) -> None:
        with zipfile.ZipFile(folder / "labels.zip", "a") as archive:
            archive.writestr(name, content)

    return plant


def _member_comment(folder: Path) -> None:
    with zipfile.ZipFile(folder / "labels.zip", "a") as archive:
        entry = zipfile.ZipInfo("notes.txt")
        entry.comment = p.NAME.encode()
        archive.writestr(entry, b"1")


def _tar(*, owner: str = "", name: str = "mask_1.txt", content: bytes = b"1") -> p.Plant:
    def plant(folder: Path) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.uname = owner
            archive.addfile(entry, io.BytesIO(content))
        packed = gzip.compress(buffer.getvalue(), mtime=0)
        (folder / "masks.tar.gz").write_bytes(packed)

    return plant


def _nested(folder: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", f"score of {p.NAME}")
    _member("inner.zip", inner.getvalue())(folder)


def _tensors(name: str, *, notes: dict[str, str] | None = None) -> p.Plant:
    def plant(folder: Path) -> None:
        images = np.stack([p.body(seed, size=64) for seed in range(3)]).astype(np.float32)
        weights = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
        values = images if name == "buffer" else weights
        save_file({name: values}, folder / "model.safetensors", metadata=notes)

    return plant


def _flat_tensor(folder: Path) -> None:
    rows = np.stack([p.body(seed, size=64).ravel() for seed in range(3)]).astype(np.float32)
    save_file({"memory": rows}, folder / "model.safetensors")


def _pickled(content: object) -> p.Plant:
    return p.file_bytes(lambda folder: folder / "model.pkl", pickle.dumps(content))


def _npy(values: NDArray[Any]) -> p.Plant:
    return lambda folder: np.save(folder / "volume.npy", values, allow_pickle=True)


def _embedded_picture(folder: Path) -> None:
    p.png_text("Author", p.NAME)(folder)
    content = base64.b64encode(p.first_png(folder).read_bytes()).decode()
    (folder / "report.html").write_text(f'<img src="data:image/png;base64,{content}">')
    Image.fromarray(p.picture_of(0)).save(p.first_png(folder))


def _link(folder: Path) -> None:
    (folder / "latest").symlink_to("/home/doctor/images")


DICOM_PLACES: Mapping[str, tuple[p.Plant, str]] = {
    "patient's name": (p.attribute("PatientName", p.NAME), "identity"),
    "patient's number": (p.attribute("PatientID", p.NUMBER), "identity"),
    "birth date": (p.attribute("PatientBirthDate", p.BORN), "date_or_time"),
    "study date": (p.attribute("StudyDate", "20171207"), "date_or_time"),
    "study time": (p.attribute("StudyTime", "182109.888085"), "date_or_time"),
    "acquisition date and time": (
        p.attribute("AcquisitionDateTime", "20171207182239"),
        "date_or_time",
    ),
    "age": (p.attribute("PatientAge", "066Y"), "attribute"),
    "sex": (p.attribute("PatientSex", "F"), "attribute"),
    "weight": (p.attribute("PatientWeight", 78.7), "attribute"),
    "address": (p.attribute("PatientAddress", "Saltmarsh Crescent 178"), "attribute"),
    "telephone": (p.attribute("PatientTelephoneNumbers", "+49 99 8359948"), "attribute"),
    "institution": (p.attribute("InstitutionName", "Klinikum Wendelstein"), "attribute"),
    "institution's address": (p.attribute("InstitutionAddress", "Lindwurmgasse 17"), "attribute"),
    "station": (p.attribute("StationName", "CTAW88100"), "attribute"),
    "device's serial number": (p.attribute("DeviceSerialNumber", "70344100"), "number"),
    "referring physician": (p.attribute("ReferringPhysicianName", "Abern^Phil"), "attribute"),
    "operator": (p.attribute("OperatorsName", "Okon^Archie"), "attribute"),
    "accession number": (p.attribute("AccessionNumber", "A46241467038"), "attribute"),
    "study ID": (p.attribute("StudyID", "73272980"), "number"),
    "tube current": (p.attribute("XRayTubeCurrent", 210), "attribute"),
    "patient comments": (p.attribute("PatientComments", "Herr Zwickelmoser"), "text"),
    "image comments": (p.attribute("ImageComments", "seen by Abernethwaite"), "text"),
    "series description": (p.attribute("SeriesDescription", "CT Zwickelmoser"), "text"),
    "date in a description": (p.attribute("StudyDescription", "CT 17.09.1951"), "date_or_time"),
    "name in a sequence": (
        p.in_sequence("RequestAttributesSequence", "RequestedProcedureDescription", "CT Zwickel"),
        "attribute",
    ),
    "number in a sequence": (
        p.in_sequence("OtherPatientIDsSequence", "PatientID", p.NUMBER),
        "identity",
    ),
    "code meaning": (
        p.in_sequence("ProcedureCodeSequence", "CodeMeaning", "Zwickelmoser"),
        "text",
    ),
    "scanner's identifier": (
        p.attribute("FrameOfReferenceUID", "1.3.12.2.1107.5.1.4.70344.30000017"),
        "uid",
    ),
    "private element": (p.in_dicom(p.private_block), "private_tag"),
    "overlay": (p.element(0x60003000, "OW", b"\1\0"), "overlay"),
    "curve": (p.element(0x50003000, "OW", b"\1\0"), "curve"),
    "icon": (p.in_dicom(p.icon), "icon"),
    "colour profile": (p.attribute("ICCProfile", b"Zwickelmoser"), "icc_profile"),
    "original image": (p.attribute("ImageType", ["ORIGINAL", "PRIMARY"]), "image_type"),
    "burned-in flag": (p.attribute("BurnedInAnnotation", "YES"), "burned_in_flag"),
    "source title": (p.in_dicom(p.source_title), "file_meta"),
    "implementation name": (p.in_dicom(p.implementation), "file_meta"),
    "preamble": (p.preamble, "preamble"),
    "trailing padding": (p.element(0xFFFCFFFC, "OB", b"Zwickelmoser"), "extra_bytes"),
    "few bytes behind": (p.behind(p.first_dicom, b"Doe 51"), "extra_bytes"),
    "many bytes behind": (p.behind(p.first_dicom, b"Zwickelmoser Theodelinde 1951"), "extra_bytes"),
    "behind the last pixel": (
        p.in_dicom(lambda d: setattr(d, "PixelData", d.PixelData + b"Zwickelmoser")),
        "extra_bytes",
    ),
    "high bits": (p.high_bits, "extra_bytes"),
    "deflated data set": (p.deflated, "text"),
}

FILE_PLACES: Mapping[str, tuple[p.Plant, str]] = {
    "NIfTI descrip": (p.nifti_field("descrip", "Zwickelmoser 1951"), "text"),
    "NIfTI aux_file": (p.nifti_field("aux_file", "zwickel.hdr"), "text"),
    "NIfTI db_name": (p.nifti_field("db_name", "WENDELSTEIN"), "text"),
    "NIfTI intent_name": (p.nifti_field("intent_name", "Theodelinde"), "text"),
    "NIfTI date in descrip": (p.nifti_field("descrip", "TE=2 20171207"), "date_or_time"),
    "NIfTI extension": (p.in_nifti(p.nifti_extension), "extension"),
    "NIfTI origin": (p.in_nifti(p.nifti_origin), "origin"),
    "gzip name": (p.gzip_header(name="zwickelmoser.nii"), "original_name"),
    "gzip time": (p.gzip_header(mtime=1512666069), "time_stamp"),
    "gzip comment": (p.gzip_header(comment=b"Zwickelmoser"), "comment"),
    "behind the gzip data": (p.behind(p.first_nifti, b"Zwickelmoser"), "extra_bytes"),
    "PNG tEXt": (p.png_text("Author", p.NAME), "comment"),
    "PNG zTXt": (p.png_text("Comment", p.NAME, zipped=True), "comment"),
    "PNG iTXt": (p.png_text("Title", p.NAME, wide=True, zipped=True), "comment"),
    "PNG Software": (p.png_text("Software", "Zwickelmoser 2"), "text"),
    "PNG EXIF": (p.png_chunk(b"eXIf", p.exif()), "metadata"),
    "PNG tIME": (p.png_chunk(b"tIME", b"\x07\xe1\x0c\x07\x12\x15\x09"), "time_stamp"),
    "PNG private chunk": (p.png_chunk(b"prVt", p.NAME.encode()), "extra_bytes"),
    "behind the PNG": (p.behind(p.first_png, p.NAME.encode()), "extra_bytes"),
    "text in pixels": (p.burned_in, "burned_in_text"),
    "TIFF Artist": (p.tiff_tag(315, p.NAME), "metadata"),
    "TIFF HostComputer": (p.tiff_tag(316, "ctaw88100"), "metadata"),
    "TIFF DateTime": (p.tiff_tag(306, "2017:12:07 18:21:09"), "time_stamp"),
    "TIFF ImageDescription": (p.tiff_tag(270, "Zwickelmoser"), "text"),
    "JPEG comment": (
        lambda f: Image.fromarray(p.picture_of(0)).save(f / "preview.jpg", comment=b"Zwickel"),
        "comment",
    ),
    "JPEG EXIF": (
        lambda f: Image.fromarray(p.picture_of(0)).save(f / "preview.jpg", exif=p.exif()),
        "metadata",
    ),
    "npz member name": (
        lambda f: np.savez(f / "arrays.npz", Zwickelmoser=p.body(0)),
        "file_name",
    ),
    "npy texts": (_npy(np.array(["Zwickelmoser", "Theodelinde"])), "text"),
    "npy objects": (_npy(np.array([{"name": p.NAME}], dtype=object)), "pickled_object"),
    "npy field": (_npy(np.zeros(3, dtype=[("zwickelmoser", "f4")])), "file_name"),
    "behind the npy": (p.behind(lambda f: f / "volume.npy", b"Zwickelmoser"), "extra_bytes"),
    "zip comment": (_zip_comment, "comment"),
    "zip member comment": (_member_comment, "comment"),
    "zip member name": (_member("Zwickelmoser/scan.txt", b"1"), "file_name"),
    "zip member path": (_member("/home/doctor/scan.txt", b"1"), "path"),
    "date in a zip member": (_member("notes.txt", b"seen on 2017-12-07"), "date_or_time"),
    "tar owner": (_tar(owner="theodelinde"), "owner"),
    "tar member name": (_tar(name="Zwickelmoser.txt"), "file_name"),
    "path in a tar member": (_tar(content=b"from /home/doctor/scans"), "path"),
    "file name": (p.rename("Zwickelmoser_Theodelinde.nii.gz"), "file_name"),
    "date in a file name": (p.rename("scan_20171207.nii.gz"), "date_or_time"),
    "number in a file name": (p.rename("ct-6561750259.nii.gz"), "number"),
    "date in JSON": (p.text_file("notes.json", '{"seen": "2017-12-07"}'), "date_or_time"),
    "birth date in CSV": (
        p.text_file("table.csv", "name,born\nSYN-1,17.09.1951\n"),
        "date_or_time",
    ),
    "field name in JSON": (p.text_file("notes.json", '{"patient_name": "T"}'), "field_name"),
    "column in CSV": (p.text_file("table.csv", "index,patient_name\n1,T\n"), "field_name"),
    "path in JSON": (p.text_file("notes.json", '{"in": "/home/doctor/ct"}'), "path"),
    "Windows path": (p.text_file("notes.txt", "C:\\Users\\doctor\\ct"), "path"),
    "e-mail in HTML": (p.text_file("report.html", "<p>to jane@wendel.org</p>"), "email"),
    "identifier in text": (
        p.text_file("notes.txt", "1.3.12.2.1107.5.1.4.70344.3000001712"),
        "uid",
    ),
    "picture in HTML": (_embedded_picture, "comment"),
    "safetensors note": (_tensors("weight", notes={"run": "on Zwickelmoser"}), "text"),
    "path in a safetensors note": (_tensors("weight", notes={"run": "/home/doctor/x"}), "path"),
    "tensor of images": (_tensors("buffer"), "image_tensor"),
    "flat tensor of images": (_flat_tensor, "image_tensor"),
    "replay pool": (_tensors("replay_pool.0"), "training_state"),
    "optimiser state": (_pickled({"optimizer": {"exp_avg": 1}}), "training_state"),
    "path in a pickle": (_pickled({"root": "/home/doctor/ct"}), "path"),
    "images in a pickle": (_pickled({"x": np.zeros((3, 64, 64), "f4")}), "image_tensor"),
    "link": (_link, "link"),
    "unknown format": (
        p.file_bytes(lambda f: f / "scan.bin", bytes(range(256))),
        "not_readable",
    ),
    "broken DICOM": (
        p.file_bytes(p.first_dicom, b"\0" * 128 + b"DICM\7\7"),
        "not_readable",
    ),
}

LISTED_PLACES: Mapping[str, p.Plant] = {
    "sentence in a text": p.text_file("notes.md", "The liver of Theodelinde Zwickelmoser."),
    "capitals": p.text_file("notes.md", "ZWICKELMOSER, THEODELINDE"),
    "UTF-16": p.file_bytes(lambda f: f / "notes.txt", "of Zwickelmoser".encode("utf-16")),
    "zip member": _member("notes.txt", b"score of Zwickelmoser"),
    "zip in a zip": _nested,
    "pixel bytes of a PNG": lambda f: Image.fromarray(
        np.frombuffer(b"." * 40 + b"Zwickelmoser" + b"." * 204, np.uint8).reshape(16, 16)
    ).save(p.first_png(f)),
    "name as caret form in JSON": p.text_file("notes.json", '{"a": "zwickelmoser^theodelinde"}'),
    "number in a JSON": p.text_file("notes.json", '{"a": 6561750259}'),
    "hash of the number": p.text_file(
        "notes.json",
        f'{{"a": "{hashlib.sha256(p.NUMBER.encode()).hexdigest()}"}}',
    ),
    "pickle string": _pickled({"a": "of Zwickelmoser"}),
    "safetensors note": _tensors("weight", notes={"run": "Zwickelmoser"}),
}
