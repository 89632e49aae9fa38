import numpy as np
import pytest

from medsynth.phantom.canvas import Label, blank_canvas
from medsynth.phantom.enhancement import NO_BOLUS
from medsynth.phantom.lungs import paint_lung_inside
from medsynth.phantom.options import BodyRegion, PhantomOptions
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.randomness import Stream, random_stream
from medsynth.phantom.space import ScanPosition, Space, build_space
from medsynth.phantom.thorax import Chest, draw_chest
from medsynth.phantom.tissue import draw_tissues
from medsynth.phantom.torso import draw_frame


@pytest.fixture(scope="module")
def space() -> Space:
    options = PhantomOptions(matrix=64, slices=8, slice_mm=25.0, region=BodyRegion.CHEST)
    position = ScanPosition(0.0, 0.0, 200.0, 0.0)
    return build_space(1, 0, options, position=position, thickness_ratio=1.0)


@pytest.fixture(scope="module")
def chest() -> Chest:
    patient = draw_patient(1, 0)
    frame = draw_frame(patient, random_stream(1, 0, Stream.ANATOMY))
    return draw_chest(patient, frame, random_stream(1, 0, Stream.CHEST))


def test_vessels_are_painted_into_lung_alone(space: Space, chest: Chest) -> None:
    canvas = blank_canvas(space.shape, draw_tissues(1, draw_patient(1, 0), NO_BOLUS))
    half = space.whole()[0], space.whole()[1], slice(0, 32)
    canvas.labels[half] = int(Label.LUNG)
    paint_lung_inside(canvas, space, chest, np.random.default_rng(3))
    # Nothing was lung in the left half, so it is air still.
    assert (canvas.plain_hu[:, :, 32:] == -1000).all()
    assert (canvas.plain_hu[half] > -900).any()


def test_some_lungs_are_diseased_and_most_are_not(space: Space, chest: Chest) -> None:
    diseased = 0
    for index in range(12):
        canvas = blank_canvas(space.shape, draw_tissues(1, draw_patient(1, 0), NO_BOLUS))
        canvas.labels[:] = int(Label.LUNG)
        paint_lung_inside(canvas, space, chest, np.random.default_rng(index))
        # Vessels stay labelled as lung; a nodule, consolidation or effusion does not.
        diseased += bool((canvas.labels != int(Label.LUNG)).any())
    assert 2 <= diseased <= 11
