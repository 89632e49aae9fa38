import numpy as np
from numpy.typing import NDArray

from medsynth.phantom.canvas import Canvas, Label, blank_canvas
from medsynth.phantom.enhancement import Bolus, EnhancementPhase
from medsynth.phantom.lesions import Lesion, paint_lesion
from medsynth.phantom.options import PhantomOptions
from medsynth.phantom.patient import draw_patient
from medsynth.phantom.space import ScanPosition, Space, build_space
from medsynth.phantom.tissue import Tissue, draw_tissues

BOLUS = Bolus(EnhancementPhase.PORTAL, seconds=70.0, strength=1.0)


def _liver_everywhere() -> tuple[Canvas, Space]:
    options = PhantomOptions(matrix=32, slices=16, slice_mm=3.0)
    position = ScanPosition(left_mm=0, back_mm=0, head_mm=0, breath_mm=0)
    space = build_space(1, 0, options, position=position, thickness_ratio=1.0)
    canvas = blank_canvas(space.shape, draw_tissues(1, draw_patient(1, 0), BOLUS))
    filled = np.ones(space.shape, dtype=np.float32)
    canvas.paint(space.whole(), filled, Tissue.LIVER, Label.LIVER)
    return canvas, space


def _paint(tissue: Tissue, host: Label) -> tuple[Canvas, NDArray[np.bool_]]:
    canvas, space = _liver_everywhere()
    lesion = Lesion(tissue, (0.0, 0.0, 0.0), (15.0, 15.0, 15.0), host, overhang=False)
    paint_lesion(canvas, space, lesion)
    return canvas, canvas.labels == int(Label.LESION)


def test_the_middle_of_a_cyst_does_not_enhance() -> None:
    canvas, inside = _paint(Tissue.CYST, Label.LIVER)
    assert inside.any()
    assert canvas.gain_hu[inside].min() == 0.0
    assert canvas.plain_hu[inside].min() < 20


def test_a_metastasis_enhances_less_than_the_liver() -> None:
    canvas, inside = _paint(Tissue.METASTASIS, Label.LIVER)
    liver = canvas.tissues.appearance(Tissue.LIVER).gain_hu
    assert 0.2 * liver < canvas.gain_hu[inside].min() < 0.8 * liver


def test_a_lesion_outside_its_organ_is_not_painted() -> None:
    _, inside = _paint(Tissue.CYST, Label.SPLEEN)
    assert not inside.any()
