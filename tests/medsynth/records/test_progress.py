from medsynth.records.progress import TimeEstimate


def test_no_estimate_before_anything_is_done() -> None:
    estimate = TimeEstimate(done=0.5)
    assert estimate.remaining_seconds(done=0.5, total=1.0) is None


def test_nothing_remains_at_the_end() -> None:
    estimate = TimeEstimate()
    assert estimate.remaining_seconds(done=1.0, total=1.0) == 0.0
