"""Controllers: one file each, one line here. Importing this loads neither torch nor Optuna."""

from apportion.registry import Registry
from apportion.search.controllers.anchors import independent, shared
from apportion.search.controllers.by_depth import bottom, top
from apportion.search.controllers.even import equal_spend, uniform
from apportion.search.controllers.listed import listed
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.search.controllers.random_filters import random_filters
from apportion.search.controllers.random_search import random_search
from apportion.search.controllers.tpe import tpe

__all__ = ["Context", "Controller", "ControllerEntry", "Done", "Wait", "controllers"]

controllers: Registry[ControllerEntry] = Registry(
    "controller",
    [shared, independent, top, bottom, random_filters, uniform, equal_spend, listed, random_search, tpe],
)
