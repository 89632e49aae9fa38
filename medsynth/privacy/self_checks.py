"""All checks of a private training before its weights are released."""

from medsynth.privacy.checks.canaries import check_canaries
from medsynth.privacy.checks.counting import check_counting
from medsynth.privacy.checks.drawn_updates import check_draws, check_memory
from medsynth.privacy.checks.free_updates import check_free_updates
from medsynth.privacy.checks.influence import check_influence
from medsynth.privacy.checks.noise import check_noise, check_noise_source
from medsynth.privacy.checks.result import CheckResult, Claim, MakeTrainer
from medsynth.privacy.checks.sampling import check_sampling
from medsynth.privacy.checks.sensitivity import check_sensitivity

__all__ = ["CheckResult", "Claim", "MakeTrainer", "verify_privacy"]


def verify_privacy(make_trainer: MakeTrainer, claim: Claim) -> list[CheckResult]:
    """Try to refute a claim of privacy in ten ways.

    Only made-up patients are used, so nothing is spent of anybody's budget. A claim that no
    check refutes is "not refuted": it is not thereby true.

    Args:
        make_trainer: builds the trainer of the training, with its settings and networks.
        claim: what is said of the training.

    Returns:
        One result a check. A training that is as claimed is refuted by each of those that
        rest on chance at most once in a million times, and by the others never.
    """
    return [
        check_noise(make_trainer, claim),
        check_noise_source(make_trainer),
        check_sensitivity(make_trainer),
        check_sampling(make_trainer, claim),
        check_draws(make_trainer),
        check_memory(make_trainer),
        check_influence(make_trainer),
        check_free_updates(make_trainer),
        check_counting(make_trainer, claim),
        check_canaries(make_trainer, claim),
    ]
