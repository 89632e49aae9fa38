"""Tables of what must survive a translation, and of how the two domains differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report.results import JsonObject
from pipelines.report.tables import ABSENT, Table


def kept_table(fidelity: JsonObject | None) -> Table | None:
    """Tabulate how much bone, fat, lung and gas were changed.

    Args:
        fidelity: content of `fidelity.json`, or None.
    """
    tissues = (fidelity or {}).get("kept", {}).get("tissues", {})
    if not tissues:
        return None
    header = (
        "tissue",
        "patients",
        "mean absolute change, HU",
        "interval",
        "mean change, HU",
        "mean change of the truth, HU",
        "patients beyond the limit",
    )
    rows = tuple(
        (
            name,
            str(found["n"]),
            _number(found.get("change_hu"), 1),
            _interval(found.get("change_ci"), 1),
            _number(found.get("bias_hu"), 1),
            _number(found.get("truth_bias_hu"), 1),
            str(found["patients_beyond_limit"]),
        )
        for name, found in tissues.items()
    )
    return Table(header, rows)


def lesion_table(fidelity: JsonObject | None) -> Table | None:
    """Tabulate how many lesions were kept and how many blobs were invented.

    Args:
        fidelity: content of `fidelity.json`, or None.
    """
    lesions = (fidelity or {}).get("lesions")
    if lesions is None:
        return None
    lines = (
        ("scans that were searched", lesions["scans"], 0),
        ("labelled lesions", lesions["labelled"], 0),
        ("of these too small to measure", lesions["too_small"], 0),
        ("of these in no labelled organ", lesions["no_host"], 0),
        ("of these not visible in the truth itself", lesions["undetectable"], 0),
        ("of these without a truth", lesions["no_truth"], 0),
        ("lesions that could be judged", lesions["truth"], 0),
        ("of these kept", lesions["kept"], 0),
        ("share kept", lesions["kept_share"], 2),
        ("volume, over the truth's", lesions["volume_ratio"], 2),
        ("contrast, over the truth's", lesions["contrast_ratio"], 2),
        ("visible before, without a truth", lesions.get("visible_before"), 0),
        ("of these visible after", lesions.get("visible_after"), 0),
        ("blobs that only the translation shows", lesions["invented"], 0),
        ("scans with such a blob", lesions["scans_with_invented"], 0),
    )
    rows = [(text, _number(value, digits)) for text, value, digits in lines if value is not None]
    interval = lesions.get("ci")
    if interval is not None:
        place = next(index for index, row in enumerate(rows) if row[0] == "share kept")
        rows.insert(place + 1, ("interval of the share", _interval(interval, 2)))
    return Table(("lesions", ""), tuple(rows))


def correlation_table(fidelity: JsonObject | None) -> Table | None:
    """Tabulate the correlation of organs' medians with the truth's, before and after.

    Args:
        fidelity: content of `fidelity.json`, or None.
    """
    found = (fidelity or {}).get("organ_intensity_correlation")
    if found is None:
        return None
    header = ("correlation of organ medians with the truth", "before", "after", "interval", "pairs")
    organs = ", ".join(found["organs"])
    row = (
        organs,
        _number(found.get("before"), 2),
        _number(found["value"], 2),
        _interval(found.get("ci"), 2),
        str(found["pairs"]),
    )
    return Table(header, (row,))


def evenness_table(fidelity: Mapping[str, Any] | None) -> Table | None:
    """Tabulate the jumps from slice to slice, and what the translations hide of their sources.

    Args:
        fidelity: content of `fidelity.json`, or None.
    """
    results = fidelity or {}
    rows = [
        (f"jumps between slices in {organ}, over the truth's", _number(values["flicker_ratio"], 2))
        for organ, values in results.get("organs", {}).items()
        if values.get("flicker_ratio") is not None
    ]
    hidden = results.get("hidden_signal")
    if hidden is not None:
        value = f"{_number(hidden['hidden_signal_hu'], 2)} {_interval(hidden.get('ci'), 2)}"
        rows.append(("hidden signal, HU", value.strip()))
    return Table(("what the eye does not see", ""), tuple(rows)) if rows else None


def domain_table(differences: Sequence[JsonObject]) -> Table | None:
    """Tabulate how contrast and noncontrast training scans differ.

    Args:
        differences: content of `domain_differences.json`; empty where there is none.
    """
    header = ("compared", "contrast", "noncontrast", "size", "interval", "p", "patients", "finding")
    rows = tuple(
        (
            str(one["name"]).replace("_", " "),
            f"{one['contrast']:.3g}",
            f"{one['noncontrast']:.3g}",
            f"{str(one['measure']).replace('_', ' ')} {one['size']:.2f}",
            _interval(one["interval"], 2),
            f"{one['p_value']:.2g}",
            " + ".join(map(str, one["patients"])),
            str(one["finding"]).replace("_", " "),
        )
        for one in differences
    )
    return Table(header, rows) if rows else None


def content_warnings(
    fidelity: Mapping[str, Any] | None, differences: Sequence[JsonObject]
) -> tuple[str, ...]:
    """List what of domains, kept content and lesions a reader must know first.

    Args:
        fidelity: content of `fidelity.json`, or None.
        differences: content of `domain_differences.json`; empty where there is none.
    """
    texts = [str(one["text"]) for one in differences if one["finding"] == "differs"]
    texts += (fidelity or {}).get("kept", {}).get("warnings", [])
    lesions = (fidelity or {}).get("lesions", {})
    lost = (lesions.get("truth") or 0) - (lesions.get("kept") or 0)
    if lost:
        texts.append(f"{lost} of {lesions['truth']} lesions did not survive the translation.")
    if lesions.get("invented"):
        texts.append(
            f"{lesions['scans_with_invented']} of {lesions['scans']} translated scans show blobs "
            f"in liver, spleen or kidneys that their source does not ({lesions['invented']} in "
            "all)."
        )
    return tuple(texts)


def _number(value: float | None, digits: int) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def _interval(interval: Sequence[float] | None, digits: int) -> str:
    if interval is None:
        return ABSENT
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"
