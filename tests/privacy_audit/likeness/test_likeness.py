from pathlib import Path

import numpy as np
import pytest

from privacy_audit.images.image_sets import AuditImage
from privacy_audit.likeness.comparison import Nearest
from privacy_audit.likeness.likeness import measure_likeness


def _nearest(rows: list[list[float]], patients: tuple[str, ...]) -> Nearest:
    """Give probes a0, a1 of patient a, b0 of patient b."""
    names = ("a0", "a1", "b0")[: len(rows)]
    similarity = np.array(rows)
    columns = np.argsort(-similarity, axis=1)
    return Nearest(
        probes=tuple(AuditImage(name, name[0], (Path(name),)) for name in names),
        fingerprints=names,
        patients=patients,
        columns=columns,
        similarity=np.take_along_axis(similarity, columns, axis=1),
    )


def test_lead_compares_the_distances_of_the_nearest_two() -> None:
    (unit,) = measure_likeness(_nearest([[0.2, 0.8, 0.6]], ("p", "q", "r")), None, by_source=True)
    # Distances 0.2 and 0.4: twice as far.
    assert unit.lead.tolist() == pytest.approx([np.log(2.0)])
    assert (unit.similarity.tolist(), unit.nearest.tolist()) == ([0.8], [1])


def test_left_out_patient_is_neither_nearest_nor_second() -> None:
    nearest = _nearest([[0.9, 0.8, 0.6]], ("p", "q", "r"))
    (unit,) = measure_likeness(nearest, {"a0": "p"}, by_source=True)
    assert unit.name == "p"
    assert (unit.similarity.tolist(), unit.nearest.tolist()) == ([0.8], [1])
    assert unit.lead.tolist() == pytest.approx([np.log(2.0)])


def test_copy_of_a_patient_under_two_names_has_no_lead() -> None:
    (unit,) = measure_likeness(_nearest([[1.0, 1.0]], ("p", "q")), None, by_source=True)
    assert unit.similarity.tolist() == [1.0]
    assert unit.lead.tolist() == [0.0]


def test_single_reference_patient_gives_no_lead_and_none_but_the_source_no_likeness() -> None:
    nearest = _nearest([[0.7]], ("p",))
    assert measure_likeness(nearest, None, by_source=True)[0].lead.tolist() == [0.0]
    alone = measure_likeness(nearest, {"a0": "p"}, by_source=True)[0]
    assert (alone.similarity.tolist(), alone.lead.tolist()) == ([-1.0], [0.0])


def test_images_are_gathered_by_their_patient() -> None:
    nearest = _nearest([[0.2, 0.1], [0.5, 0.1], [0.3, 0.1]], ("p", "q"))
    first, second = measure_likeness(nearest, None, by_source=False)
    assert (first.name, first.images.tolist(), first.similarity.tolist()) == (
        "a",
        [0, 1],
        [0.2, 0.5],
    )
    assert (second.name, second.images.tolist()) == ("b", [2])


def test_highest_of_fewer_images_looks_at_fewer() -> None:
    nearest = _nearest([[0.2, 0.1], [0.5, 0.1]], ("p", "q"))
    unit = measure_likeness(nearest, None, by_source=False)[0]
    assert unit.highest(1)[0] == 0.2
    assert unit.highest(2)[0] == 0.5
    assert unit.highest(9)[0] == 0.5
