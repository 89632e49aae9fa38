"""How far a training is, and the learning rate that belongs to it."""

import dataclasses

from medsynth.errors import TrainingError

_WARM_UP = 0.02
_DECAY_FROM = 0.4


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long a training may take: a number of steps, or of seconds.

    Attributes:
        steps: number of steps, or None.
        seconds: seconds of training over all sittings, or None.
    """

    steps: int | None
    seconds: float | None

    def __post_init__(self) -> None:
        """Check that one of the two is given."""
        if (self.steps is None) == (self.seconds is None):
            raise TrainingError(
                "The training's budget names both steps and minutes, or neither. Expected one of "
                "train.steps and train.minutes. Set one."
            )

    def progress(self, *, step: int, seconds: float) -> float:
        """Give the share of the budget that is used up, from 0 to 1.

        Args:
            step: steps done.
            seconds: seconds trained so far.
        """
        if self.steps is not None:
            return min(1.0, step / self.steps)
        if self.seconds is None:
            raise AssertionError("a budget has steps or seconds")
        return min(1.0, seconds / self.seconds)


def learning_rate_factor(progress: float) -> float:
    """Give the factor on the highest learning rate: warm-up, plateau, linear decay to zero.

    Args:
        progress: share of the budget used up, from 0 to 1.

    Source: Zhu et al. 2017 keep the rate for half of the training and let it fall
    to zero in the other half; the short warm-up and the earlier fall are measured.

    Example:
        >>> learning_rate_factor(0.2), learning_rate_factor(0.7), learning_rate_factor(1.0)
        (1.0, 0.5, 0.0)
    """
    if progress < _WARM_UP:
        return 0.1 + 0.9 * progress / _WARM_UP
    if progress <= _DECAY_FROM:
        return 1.0
    return round((1.0 - progress) / (1.0 - _DECAY_FROM), 12)
