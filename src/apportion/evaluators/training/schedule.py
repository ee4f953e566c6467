"""The learning rate as a function of the fraction of the phase that has passed."""

import math

from apportion.evaluators.training.options import ScheduleOptions


def factor(schedule: ScheduleOptions, passed: float) -> float:
    """What the base learning rate is multiplied with when `passed` (0..1) of the phase is over."""
    if schedule.name == "cosine":
        return 0.5 * (1 + math.cos(math.pi * passed))
    if schedule.name == "step":
        return schedule.gamma ** sum(passed >= milestone for milestone in schedule.milestones)
    return 1.0
