from pathlib import Path

import pytest

from medsynth.errors import AuditError
from privacy_audit.images.attributes_table import attribute_names, group_values, read_attributes


def _write(folder: Path, text: str) -> Path:
    path = folder / "attributes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_and_numbers_are_told_apart(tmp_path: Path) -> None:
    path = _write(tmp_path, "patient,sex,age,site\np1,F,61,1\np2,M,5.5e1,B\n")
    assert read_attributes(path) == {
        "p1": {"sex": "F", "age": 61.0, "site": "1"},
        "p2": {"sex": "M", "age": 55.0, "site": "B"},
    }


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "NaN", "null", "Unknown"])
def test_missing_values_are_left_out(tmp_path: Path, cell: str) -> None:
    path = _write(tmp_path, f"patient,age\np1,{cell}\np2,70\n")
    assert read_attributes(path) == {"p1": {}, "p2": {"age": 70.0}}


def test_byte_order_mark_blanks_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    path = _write(tmp_path, "\ufeffsex , patient\n F, p1\n\n,\n M,p2 \n")
    assert read_attributes(path) == {"p1": {"sex": "F"}, "p2": {"sex": "M"}}


def test_infinite_number_makes_a_column_of_words(tmp_path: Path) -> None:
    path = _write(tmp_path, "patient,dose\np1,inf\np2,2\n")
    assert read_attributes(path) == {"p1": {"dose": "inf"}, "p2": {"dose": "2"}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name,sex\np1,F\n", 'no column "patient"'),
        ("patient\np1\n", "no other column"),
        ("patient,sex,sex\np1,F,M\n", "a repeated name"),
        ("patient,,sex\np1,1,M\n", "a column without a name"),
        ("patient,sex\np1,F\np2,M,secret\n", "line 3"),
        ("patient,sex\np1,F\np1,M\n", "a repeated patient in line 3"),
        ("patient,sex\np1,F\n,M\n", "no patient"),
        ("patient,sex\n", "holds no patients"),
        ("", "holds no patients"),
        ('patient,sex\np1,"F\n', "cannot be read"),
    ],
)
def test_malformed_table_is_refused(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(AuditError, match=found) as caught:
        read_attributes(_write(tmp_path, text))
    assert "secret" not in str(caught.value)
    assert "p1" not in str(caught.value)


def test_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="FileNotFoundError"):
        read_attributes(tmp_path / "none.csv")
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(AuditError, match="UnicodeDecodeError"):
        read_attributes(tmp_path / "picture.csv")


def test_names_are_those_of_any_patient() -> None:
    assert attribute_names({"p1": {"sex": "F"}, "p2": {"age": 3.0}, "p3": {}}) == ("age", "sex")


def test_numbers_are_cut_into_thirds() -> None:
    # 1 ... 9: a third of the way from 1 to 9 are 3.67 and 6.33, below them 3 and 6.
    grouping = group_values("age", [float(number) for number in range(1, 10)], 3)
    assert grouping is not None
    assert grouping.cuts == (3.0, 6.0)
    assert grouping.names == (
        "lowest third of age",
        "middle third of age",
        "highest third of age",
    )
    assert [grouping.index_of(value) for value in (0.0, 3.0, 3.1, 6.0, 99.0)] == [0, 0, 1, 1, 2]
    assert grouping.index_of("old") is None


def test_numbers_that_are_mostly_equal_are_cut_into_halves() -> None:
    # Half of the values are 0: no third can be cut off below, but half can.
    grouping = group_values("dose", [0.0] * 6 + [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3)
    assert grouping is not None
    assert (grouping.cuts, grouping.names) == (
        (0.0,),
        ("lower half of dose", "upper half of dose"),
    )


def test_few_different_numbers_are_words() -> None:
    grouping = group_values("stage", [1.0, 1.0, 2.0, 2.0], 2)
    assert grouping is not None
    assert grouping.names == ("stage 1", "stage 2")
    assert (grouping.index_of(2.0), grouping.index_of(3.0)) == (1, None)


def test_rare_words_are_one_group_together() -> None:
    grouping = group_values("site", ["a"] * 5 + ["b"] * 3 + ["c", "d", "e"], 3)
    assert grouping is not None
    assert grouping.names == ("site a", "site b", "any other site")
    assert [grouping.index_of(value) for value in ("b", "c", "unseen")] == [1, 2, 2]


def test_too_few_rare_words_are_in_no_group() -> None:
    grouping = group_values("site", ["a"] * 5 + ["b"] * 3 + ["c"], 3)
    assert grouping is not None
    assert (grouping.names, grouping.index_of("c")) == (("site a", "site b"), None)


@pytest.mark.parametrize("values", [[], ["F"] * 9, ["F"] * 9 + ["M"], [1.0] * 9])
def test_one_group_is_none(values: list[str | float]) -> None:
    assert group_values("sex", values, 2) is None
