"""What the reports call checks, modes and verdicts, and what they say of themselves.

These sentences are fixed: nothing of an audit's input enters them, so that a
public report may hold them.
"""

import dataclasses
from collections.abc import Mapping

ROLES: Mapping[str, str] = {
    "train": "real patients that were trained on",
    "synthetic": "patients of the synthetic set",
    "source": "real patients whose scans were translated",
    "holdout": "real patients never trained on",
    "null": "patients of synthetic images made of never-trained patients",
}
VERDICTS: Mapping[str, str] = {
    "pass": (
        "No check that decides found a leak; beside each stands the smallest it could have seen."
    ),
    "fail": "At least one check that decides found a leak.",
    "inconclusive": (
        "No check that decides found a leak, but at least one had too little to rule one out. "
        "This is no pass."
    ),
    "invalid": ("A control of the audit failed. Its findings on these images cannot be relied on."),
    "not_applicable": "There was nothing of the kind to check.",
}
MODES: Mapping[str, str] = {
    "weights": "The trained network is shared, or images made with it.",
    "translated": (
        "Translated scans are shared. Each keeps the anatomy of its source patient, and whoever "
        "holds the source scan can match it. This mode is for controlled sharing only."
    ),
    "unlinked": "Scans are shared that were translated after their anatomy was changed.",
    "source_free": "Images are shared that were made without any patient's scan as input.",
}
RISKS: Mapping[str, tuple[str, str]] = {
    "singling_out": (
        "Singling out",
        "Does a released file show one real patient, whole, in part or by name?",
    ),
    "linkability": (
        "Linkability",
        "Can somebody who holds a patient's scan find the released image made from it?",
    ),
    "inference": (
        "Inference",
        "Can somebody learn that a patient was trained on, or what the patient is like?",
    ),
    "representation": (
        "Representation",
        "Who is in the synthetic set, who is left out, and what is repeated?",
    ),
    "other": ("Further checks", "Checks that belong under none of these headings."),
}
LIMITS = (
    "This audit says which attacks were tried, with how many patients, and what they found. It "
    "does not say that other attacks fail.",
    "Likeness is a filter for copies and no proof of privacy.",
    "A check that is inconclusive had too little to see a small leak. That is no pass.",
    "A claim of differential privacy can be refuted here and never confirmed.",
    "The audit takes each folder for what it is said to be. It cannot know of patients who are "
    "missing from the training folder, or who are known under two names.",
    "If images are left out because of these results, what remains depends on the patients "
    "again: audit it anew.",
    "Each published result of an audit tells a little about the patients. Publish the public "
    "version, and publish it once.",
)


@dataclasses.dataclass(frozen=True)
class CheckWords:
    """How a check is presented.

    Attributes:
        title: a few words.
        attack: what is tried, and how.
        measure: what the number says.
        unit: what is counted in n.
    """

    title: str
    attack: str
    measure: str
    unit: str = "patients"


_RANK = "share of the released patients that are matched at the first guess"
_AREA = "area under the curve of hits over false alarms; 0.5 is guessing, 1 is certainty"
_CHECKS: Mapping[str, CheckWords] = {
    "near_copy_exact": CheckWords(
        "Equal pixels",
        "The pixels of each released image are compared with those of each real image, whatever "
        "their unit and bit depth.",
        "share of the released images that have the pixels of a real one",
        "images",
    ),
    "source_returned": CheckWords(
        "Sources handed back",
        "Each released image is compared pixel by pixel with the scan it was made from: where "
        "nothing but noise differs, the scan itself would be released.",
        "share of the released images on their source's grid that are the source's scan",
        "images",
    ),
    "near_copy": CheckWords(
        "Near copies",
        "Each released image is laid on each training patient in many poses and compared by the "
        "directions of its edges, which a change of contrast leaves as they are. Its own source "
        "is left out.",
        "share of the synthetic patients that are too alike to a training patient",
    ),
    "partial_copy": CheckWords(
        "Partial copies",
        "Parts of each released image are looked for in each training patient: crops, halves, "
        "pasted pieces and blends. Its own source is left out.",
        "share of the synthetic patients that hold a part of a training patient",
    ),
    "metadata": CheckWords(
        "Names and traces in files",
        "Headers, private and text fields, file names, geometry, archives, weights and letters "
        "in the picture are searched for what points at a patient or a source file.",
        "share of the released files with a finding",
        "files",
    ),
    "linkage_to_source": CheckWords(
        "Matching without bending",
        "Somebody who holds the source scans picks the most alike for each released image, by "
        "the directions of edges in many poses.",
        _RANK,
    ),
    "linkage_deformable": CheckWords(
        "Matching with bending",
        "Somebody who holds the source scans bends each onto the released image and picks the "
        "one that fits best with the least bending.",
        _RANK,
    ),
    "linkage_shape": CheckWords(
        "Matching by organs",
        "Somebody who holds labels of the source scans compares volumes, places and shapes of "
        "organs.",
        _RANK,
    ),
    "linkage_learned": CheckWords(
        "Matching by training",
        "Somebody trains a program to match the method's own output to its sources, on patients "
        "that are left out of the test.",
        _RANK,
    ),
    "membership_released": CheckWords(
        "Membership, by the images",
        "Somebody who holds a scan tells from how near the released images come to it whether "
        "its patient was trained on.",
        _AREA,
    ),
    "membership_model": CheckWords(
        "Membership, by the network",
        "Somebody who holds a scan and the network tells from how well the network treats it "
        "whether its patient was trained on.",
        _AREA,
    ),
    "attributes": CheckWords(
        "Traits of the source patient",
        "Somebody infers sex, age, size or site of the source patient from a released image; "
        "what can be guessed without it is taken off.",
        "risk beyond the control, from 0 to 1, of the trait that is inferred best",
    ),
    "privacy_claim": CheckWords(
        "The privacy claim, on the training itself",
        "Planted records and counts try to refute the epsilon that the training claims.",
        "largest epsilon that the planted records show",
    ),
    "claimed_epsilon": CheckWords(
        "The privacy claim, by attacks",
        "The epsilon that is claimed is held against lower bounds that attacks and recorded "
        "planted records give.",
        "lower bound of epsilon",
    ),
    "duplicates_within": CheckWords(
        "Repeats within the set",
        "Synthetic patients are compared with each other.",
        "share of the synthetic patients that have a twin in the set",
    ),
    "coverage": CheckWords(
        "Who is covered",
        "For each real patient it is asked whether a synthetic one lies as near as other real "
        "patients do, also by subgroup.",
        "coverage by the synthetic set as a share of that by real patients",
    ),
}


def words_for(check: str) -> CheckWords:
    """Give how a check is presented; one that is not known goes by its name."""
    known = _CHECKS.get(check)
    if known is not None:
        return known
    return CheckWords(
        as_words(check), "The check's own explanation says what is tried.", "number that was tested"
    )


def as_words(name: str) -> str:
    """Give the name of a field as words."""
    return name.replace("_", " ")
