import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from pipelines.report.figures import (
    dice_chart,
    organ_bias_chart,
    organ_median_chart,
    training_curves,
)

METRICS = [{"step": step, "cycle": 1.0 / step, "identity": 0.5} for step in range(1, 30)]
ORGANS: dict[str, Any] = {
    "kidney": {"bias_hu": 12.0, "input_bias_hu": 150.0, "bias_ci": [5.0, 20.0]},
    "aorta": {"before_hu": 180.0, "after_hu": 45.0},
}
ARMS: dict[str, Any] = {
    "contrast_only": {"out_of_distribution": {"kidney": {"dice": 0.2, "ci": None}}},
    "cyclegan_mix": {"out_of_distribution": {"kidney": {"dice": 0.7, "ci": [0.6, 0.8]}}},
}


def is_drawn(chart: str | None) -> bool:
    assert chart is not None
    content = base64.b64decode(chart.partition(",")[2])
    return bool(np.ptp(np.asarray(Image.open(io.BytesIO(content)).convert("L"))) > 100)


def test_charts_are_drawn_where_there_is_something_to_draw() -> None:
    assert is_drawn(training_curves(METRICS))
    assert is_drawn(organ_bias_chart(ORGANS))
    assert is_drawn(organ_median_chart(ORGANS))
    assert is_drawn(dice_chart(ARMS))


def test_charts_are_absent_where_there_is_nothing_to_draw() -> None:
    assert training_curves(METRICS[:1]) is None
    assert organ_bias_chart({"aorta": ORGANS["aorta"]}) is None
    assert organ_median_chart({"kidney": ORGANS["kidney"]}) is None
    assert dice_chart({"contrast_only": {"out_of_distribution": {}}}) is None


def test_equal_figures_give_equal_charts() -> None:
    assert dice_chart(ARMS) == dice_chart(ARMS)
    assert training_curves(METRICS) == training_curves(METRICS)
