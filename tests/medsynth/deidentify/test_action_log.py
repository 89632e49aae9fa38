from pydicom.tag import Tag

from medsynth.deidentify.action_log import Action, ActionLog


def test_actions_are_counted_by_name_and_by_attribute() -> None:
    log = ActionLog()
    log.add(Tag(0x00100010), Action.EMPTIED)
    log.add(Tag(0x00100010), Action.EMPTIED)
    log.add(Tag(0x00080080), Action.REMOVED)
    counts = log.counts()
    assert counts.by_action == {"emptied": 2, "removed": 1}
    assert counts.by_attribute == {"InstitutionName": {"removed": 1}, "PatientName": {"emptied": 2}}


def test_private_and_unknown_tags_are_not_told_apart() -> None:
    log = ActionLog()
    for number in (0x00191001, 0x47111962, 0x00181FFE):
        log.add(Tag(number), Action.REMOVED)
    assert log.counts().by_attribute == {"private": {"removed": 2}, "unknown": {"removed": 1}}


def test_logs_add_up_in_any_order() -> None:
    one, other, both, reversed_both = ActionLog(), ActionLog(), ActionLog(), ActionLog()
    one.add(Tag(0x00100010), Action.EMPTIED)
    other.add(Tag(0x00080080), Action.REMOVED)
    for log in (one, other):
        both.add_counts(log.counts())
    for log in (other, one):
        reversed_both.add_counts(log.counts())
    assert both.counts() == reversed_both.counts()
    assert repr(both.counts()) == repr(reversed_both.counts())
