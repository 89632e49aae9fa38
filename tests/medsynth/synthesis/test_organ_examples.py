import numpy as np

from medsynth.networks.organ_segmenter import ORGANS
from medsynth.phantom.canvas import Label
from medsynth.phantom.wide_patient import MATRIX
from medsynth.synthesis.organ_examples import make_organ_examples, organ_classes


def test_every_organ_is_there_to_learn_from() -> None:
    examples = make_organ_examples(2, patients=1)
    assert examples.plain_hu.shape == (14, MATRIX, MATRIX)
    counts = np.bincount(examples.classes.ravel(), minlength=1 + len(ORGANS))
    assert all(counts[1:] > 30)


def test_equal_seeds_give_equal_slices_and_others_do_not() -> None:
    first, again = make_organ_examples(5, patients=1), make_organ_examples(5, patients=1)
    other = make_organ_examples(6, patients=1)
    assert np.array_equal(first.plain_hu, again.plain_hu)
    assert np.array_equal(first.classes, again.classes)
    assert not np.array_equal(first.classes, other.classes)


def test_only_the_organs_of_the_network_get_a_class() -> None:
    labels = np.array([Label.NOTHING, Label.LIVER, Label.VENA_CAVA, Label.BOWEL], dtype=np.uint8)
    assert organ_classes(labels).tolist() == [0, 1, 5, 0]
    assert ORGANS[0] == "liver"
    assert ORGANS[4] == "vena_cava"
