from pathlib import Path

import pytest

from medsynth.errors import AuditError
from privacy_audit.images.image_sets import AuditImage, ImageSet
from privacy_audit.inputs import AuditInputs, Evidence, check_inputs


def _set_of(*names: str) -> ImageSet:
    return ImageSet(tuple(AuditImage(f"{name}.npy", name, (Path(name),)) for name in names))


@pytest.mark.parametrize("role", ["train", "source", "holdout"])
def test_source_patient_of_any_real_role_is_known(role: str) -> None:
    sets = {"train": _set_of("t"), "synthetic": _set_of("s"), role: _set_of("p")}
    inputs = AuditInputs(
        train=sets["train"],
        synthetic=sets["synthetic"],
        source=sets.get("source"),
        holdout=sets.get("holdout"),
        source_of={"s.npy": "p"},
    )
    check_inputs(inputs, "translated")


def test_source_patients_without_real_images_are_counted_and_not_named() -> None:
    source_of = {"a.npy": "t", "b.npy": "anna", "c.npy": "bert"}
    inputs = AuditInputs(_set_of("t"), _set_of("a", "b", "c"), source_of=source_of)
    with pytest.raises(AuditError, match=r"^2 of 3 rows .* first is row 2\.") as caught:
        check_inputs(inputs, "translated")
    assert "anna" not in str(caught.value)
    assert "bert" not in str(caught.value)


def test_mapped_image_that_is_not_there_is_told_by_its_row() -> None:
    inputs = AuditInputs(_set_of("t"), _set_of("a"), source_of={"a.npy": "t", "anna.npy": "t"})
    with pytest.raises(AuditError, match=r"names 1 .*that of its row 2\.") as caught:
        check_inputs(inputs, "translated")
    assert "anna" not in str(caught.value)


def test_attributes_of_nobody_who_is_there_are_refused_without_names() -> None:
    evidence = Evidence(attributes={"anna": {"sex": "F"}})
    inputs = AuditInputs(_set_of("t"), _set_of("s"), evidence=evidence)
    with pytest.raises(AuditError, match=r"^None of the 1 patients of the attributes") as caught:
        check_inputs(inputs, "translated")
    assert "anna" not in str(caught.value)
    evidence = Evidence(attributes={"anna": {"sex": "F"}, "t": {"sex": "M"}})
    check_inputs(AuditInputs(_set_of("t"), _set_of("s"), evidence=evidence), "translated")
