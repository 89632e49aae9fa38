"""What was done to headers, in numbers: never a value."""

import collections
import dataclasses
import enum
from collections.abc import Mapping

from pydicom.datadict import keyword_for_tag
from pydicom.tag import BaseTag


class Action(enum.StrEnum):
    """What was done with one element; a closed set."""

    KEPT = "kept"
    REMOVED = "removed"
    REMOVED_PRIVATE = "removed_private"
    REMOVED_UNKNOWN = "removed_unknown"
    REMOVED_UNSOUND = "removed_unsound"
    REMOVED_ECHO = "removed_echo"
    REMOVED_DATE = "removed_date_in_value"
    REMOVED_NOT_ON_LIST = "removed_not_on_list"
    EMPTIED = "emptied"
    DUMMY = "replaced_by_dummy"
    UID_REPLACED = "uid_replaced"
    DATE_SHIFTED = "date_shifted"
    CLEANED = "cleaned"
    AGE_CAPPED = "age_capped"
    PSEUDONYM = "replaced_by_pseudonym"


@dataclasses.dataclass(frozen=True)
class ActionCounts:
    """How often each action was taken.

    Attributes:
        by_action: action -> number of elements.
        by_attribute: keyword of the standard's dictionary, or "private" or
            "unknown" -> action -> number of elements.
    """

    by_action: Mapping[str, int]
    by_attribute: Mapping[str, Mapping[str, int]]


class ActionLog:
    """Counts actions."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def add(self, tag: BaseTag, action: Action) -> None:
        """Count one action on one element."""
        # A private or unknown number could be chosen to say something.
        name = "private" if tag.is_private else keyword_for_tag(tag) or "unknown"
        self._counts[name, action.value] += 1

    def add_counts(self, counts: ActionCounts) -> None:
        """Count all that another log has counted."""
        for name, actions in counts.by_attribute.items():
            for action, number in actions.items():
                self._counts[name, action] += number

    def counts(self) -> ActionCounts:
        """Give the numbers so far, sorted by name."""
        by_action: dict[str, int] = {}
        by_attribute: dict[str, dict[str, int]] = {}
        for (name, action), number in sorted(self._counts.items()):
            by_action[action] = by_action.get(action, 0) + number
            by_attribute.setdefault(name, {})[action] = number
        return ActionCounts(dict(sorted(by_action.items())), by_attribute)
