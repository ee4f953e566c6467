"""The two ends of every front: one backbone for all, one backbone each. Exempt from budgets."""

from apportion.search.controllers.fixed import anchor
from apportion.spaces.space import SharingSpace

shared = anchor("shared", "everything shared: one backbone, heads and BatchNorm per domain", SharingSpace.shared)
independent = anchor("independent", "nothing shared: one backbone per domain", SharingSpace.independent)
