"""The share of successes when all is well, learned from the run itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from recorder.ssx.alarms.wilson import wilson

ARMS_AT = 1000
"""Trials before a sum may tell a change from a baseline. With 200 the lower bound lies
so low that some halvings are never told, with 500 they take twice as long as with
2000; simulated."""
_GROWTH = 1.25
"""Trials from one renewal to the next, as a factor: some 20 renewals in a run."""
_ONE_SIDED_95 = 1.6448536269514722
"""Standard deviations below which 95 % of a normal distribution lie."""
_PRIOR_TRIALS = 500
"""What the run before says counts as so many trials, at most: a first guess, which the
run's own first thousand outweigh."""
_PRIOR_REFUTED = 3.29
"""Standard deviations of the run's own share within which that of the run before must
lie (99.9 %), or it is given up: samples of one name may differ."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was counted while nothing spoke for a change."""

    trials: int = 0
    successes: int = 0
    renew_at: int = ARMS_AT
    """Own trials at which the reference is worked out anew."""
    prior_trials: int = 0
    prior_successes: int = 0
    """Of the run before, scaled down."""

    @property
    def share(self) -> float:
        """Successes by trials, with those of the run before; NaN without any."""
        trials = self.trials + self.prior_trials
        return (self.successes + self.prior_successes) / trials if trials else math.nan

    @property
    def armed(self) -> bool:
        """There were enough trials to tell any change."""
        return self.trials > 0 and self.trials + self.prior_trials >= ARMS_AT


def begun(before: Baseline | None, arms_at: int = ARMS_AT) -> Baseline:
    """The baseline of a new run.

    Args:
        before: That of the previous run of the same sample, or None.
        arms_at: Own trials that are needed where there was none.

    Returns:
        Nothing counted, with what the run before says as a first guess.
    """
    if before is None or before.trials < arms_at:
        return Baseline(renew_at=arms_at)
    weight = min(_PRIOR_TRIALS, arms_at // 2)
    return Baseline(
        renew_at=arms_at - weight,
        prior_trials=weight,
        prior_successes=round(weight * before.successes / before.trials),
    )


def counted(baseline: Baseline, trials: int, successes: int) -> Baseline:
    """The same with further trials."""
    return replace(
        baseline,
        trials=baseline.trials + trials,
        successes=baseline.successes + successes,
    )


def renewed(baseline: Baseline) -> Baseline:
    """With the next renewal set; without the run before, where its share is refuted."""
    own = wilson(baseline.successes, baseline.trials, _PRIOR_REFUTED)
    if own is not None and baseline.prior_trials:
        prior = baseline.prior_successes / baseline.prior_trials
        if not own[0] <= prior <= own[1]:
            at = baseline.trials + baseline.prior_trials
            return replace(baseline, prior_trials=0, prior_successes=0, renew_at=at)
    return replace(baseline, renew_at=math.ceil(baseline.trials * _GROWTH))


def bounds(baseline: Baseline) -> tuple[float, float]:
    """One-sided 95 % bounds of the share, below and above (Wilson).

    A share that is at its lower bound raises more false alarms than one above it: with
    the bound in place of the estimate they stay below what was asked for.
    """
    trials = baseline.trials + baseline.prior_trials
    successes = baseline.successes + baseline.prior_successes
    return wilson(successes, trials, _ONE_SIDED_95) or (0.0, 1.0)
