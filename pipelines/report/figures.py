"""Charts: the training's losses, Hounsfield units before and after, Dice."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipelines.report.pictures import bytes_data_uri

_INK = "#333333"
_GRID = "#e4e4e0"
_COLOURS = ("#2a6fbb", "#d1603d", "#2f9e6e", "#8a5fbf", "#b58900", "#5f6b7a", "#c2458f")
_BEFORE = "#9a9a94"
_DOTS_PER_INCH = 130
_LOSS_GROUPS = (
    ("Adversarial losses", ("to_noncontrast_adversarial", "to_contrast_adversarial")),
    ("Content losses", ("cycle", "correspondence", "identity")),
    ("Discriminators' loss", ("discriminator",)),
)


def training_curves(metrics: Sequence[Mapping[str, Any]]) -> str | None:
    """Draw the losses over the training's steps, thin as they were and thick as a running mean.

    Args:
        metrics: rows of `metrics.jsonl`.

    Returns:
        The chart as `png_data_uri` gives one; None for fewer than two rows.
    """
    if len(metrics) < 2:
        return None
    figure = _new_figure(width=10.0, height=2.9)
    axes = figure.subplots(1, len(_LOSS_GROUPS))
    steps = np.array([row["step"] for row in metrics])
    for axis, (title, names) in zip(axes, _LOSS_GROUPS, strict=True):
        for name, colour in zip(names, _COLOURS, strict=False):
            if not any(name in row for row in metrics):
                continue
            values = np.array([row.get(name, np.nan) for row in metrics], dtype=np.float64)
            axis.plot(steps, values, color=colour, alpha=0.25, linewidth=0.8)
            axis.plot(steps, _running_mean(values), color=colour, linewidth=1.8, label=name)
        _finish(axis, title=title, x_label="step")
        axis.set_ylim(bottom=0)
        if axis.lines:
            axis.legend(fontsize=7, frameon=False, labelcolor=_INK)
    return _data_uri(figure)


def organ_bias_chart(organs: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Draw each organ's mean error in HU, before and after the translation.

    Args:
        organs: the "organs" of `fidelity.json`.

    Returns:
        The chart; None when no organ was compared with truth.
    """
    shown = {
        name: values
        for name, values in organs.items()
        if values.get("bias_hu") is not None and values.get("input_bias_hu") is not None
    }
    if not shown:
        return None
    figure = _new_figure(width=7.2, height=1.1 + 0.36 * len(shown))
    axis = figure.subplots()
    for row, values in enumerate(shown.values()):
        before, after = values["input_bias_hu"], values["bias_hu"]
        axis.plot([before, after], [row, row], color=_GRID, linewidth=3, zorder=1)
        _draw_interval(axis, values.get("bias_ci"), row, colour=_COLOURS[0])
        axis.scatter(before, row, color=_BEFORE, s=38, zorder=3, label="before")
        axis.scatter(after, row, color=_COLOURS[0], s=38, zorder=3, label="after")
    axis.axvline(0.0, color=_INK, linewidth=0.9, zorder=0)
    _label_rows(axis, list(shown))
    _finish(axis, title="Mean error by organ", x_label="HU above the truth")
    _legend_of_first(axis, entries=2)
    return _data_uri(figure)


def organ_median_chart(organs: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Draw each organ's median HU before and after, over its usual range without contrast.

    Args:
        organs: the "organs" of `fidelity.json`.

    Returns:
        The chart; None when no organ was measured.
    """
    shown = {
        name: values
        for name, values in organs.items()
        if values.get("before_hu") is not None and values.get("after_hu") is not None
    }
    if not shown:
        return None
    figure = _new_figure(width=7.2, height=1.1 + 0.36 * len(shown))
    axis = figure.subplots()
    for row, values in enumerate(shown.values()):
        typical = values.get("typical_hu")
        if typical:
            low, high = typical
            axis.barh(row, high - low, left=low, height=0.6, color="#d7e6d9", zorder=0)
        before, after = values["before_hu"], values["after_hu"]
        axis.plot([before, after], [row, row], color=_GRID, linewidth=3, zorder=1)
        axis.scatter(before, row, color=_BEFORE, s=38, zorder=3, label="before")
        axis.scatter(after, row, color=_COLOURS[0], s=38, zorder=3, label="after")
    _label_rows(axis, list(shown))
    _finish(axis, title="Median by organ", x_label="HU")
    _legend_of_first(axis, entries=2)
    return _data_uri(figure)


def dice_chart(arms: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Draw the Dice of each organ and arm on real non-contrast scans, with intervals.

    Args:
        arms: the "arms" of `utility.json`.

    Returns:
        The chart; None when there is nothing to draw.
    """
    organs = list(
        dict.fromkeys(
            organ for arm in arms.values() for organ in arm.get("out_of_distribution", {})
        )
    )
    if not organs:
        return None
    figure = _new_figure(width=7.2, height=1.1 + 0.24 * len(organs) * (len(arms) + 0.8))
    axis = figure.subplots()
    offsets = np.linspace(-0.18, 0.18, len(arms)) if len(arms) > 1 else np.zeros(1)
    for offset, colour, (name, arm) in zip(offsets, _COLOURS, arms.items(), strict=False):
        label: str | None = name
        for row, organ in enumerate(organs):
            result = arm.get("out_of_distribution", {}).get(organ, {})
            if result.get("dice") is None:
                continue
            _draw_interval(axis, result.get("ci"), row + offset, colour=colour)
            axis.scatter(result["dice"], row + offset, color=colour, s=34, zorder=3, label=label)
            label = None
    _label_rows(axis, organs)
    axis.set_xlim(-0.02, 1.02)
    _finish(axis, title="Dice on real non-contrast scans", x_label="Dice (1 is perfect)")
    axis.legend(fontsize=8, frameon=False, labelcolor=_INK, loc="upper left", bbox_to_anchor=(1, 1))
    return _data_uri(figure)


def _running_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    length = max(1, len(values) // 20)
    total = np.cumsum(np.concatenate([np.zeros(1), values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - length)
    return np.asarray((total[ends] - total[starts]) / (ends - starts))


def _new_figure(*, width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_interval(
    axis: Axes, interval: Sequence[float] | None, row: float, *, colour: str
) -> None:
    if interval is not None:
        axis.plot(interval, [row, row], color=colour, linewidth=1.6, alpha=0.6, zorder=2)


def _label_rows(axis: Axes, names: Sequence[str]) -> None:
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)


def _finish(axis: Axes, *, title: str, x_label: str) -> None:
    axis.set_title(title, fontsize=9.5, color=_INK, loc="left", fontweight="bold")
    axis.set_xlabel(x_label, fontsize=8, color=_INK)
    axis.tick_params(labelsize=8, colors=_INK, length=0)
    axis.grid(visible=True, axis="both", color=_GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color(_GRID)


def _legend_of_first(axis: Axes, *, entries: int) -> None:
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(
        handles[:entries],
        labels[:entries],
        fontsize=8,
        frameon=False,
        labelcolor=_INK,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )


def _data_uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    # Without this, the file would name the version of the program that drew it.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return bytes_data_uri(buffer.getvalue())
