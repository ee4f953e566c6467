"""Operators: how an owner departs from the shared layer, and what that costs. One file each, one line here."""

from apportion.registry import Registry
from apportion.spaces.operators.filters import Filters
from apportion.spaces.operators.protocol import Operator

operators: Registry[Operator] = Registry("operator", [Filters()])
