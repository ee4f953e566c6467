"""Controllers: one file each, one line here. Importing this loads neither torch, Optuna nor NNI."""

from apportion.registry import Registry
from apportion.search.controllers.additive import additive
from apportion.search.controllers.anchors import independent, shared
from apportion.search.controllers.ba2 import ba2
from apportion.search.controllers.best_hand_made import best_hand_made
from apportion.search.controllers.bottom_by_need import bottom_by_need
from apportion.search.controllers.by_depth import bottom, top
from apportion.search.controllers.cmaes import cmaes
from apportion.search.controllers.even import equal_spend, uniform
from apportion.search.controllers.funnel import funnel
from apportion.search.controllers.gp import gp
from apportion.search.controllers.hard_concrete import hard_concrete
from apportion.search.controllers.listed import listed
from apportion.search.controllers.local_search import local_search
from apportion.search.controllers.nni import nni, nni_evolution, nni_random, nni_tpe
from apportion.search.controllers.nsga2 import nsga2
from apportion.search.controllers.nsga3 import nsga3
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.search.controllers.qmc import qmc
from apportion.search.controllers.random_filters import random_filters
from apportion.search.controllers.random_search import random_search
from apportion.search.controllers.regularized_evolution import regularized_evolution
from apportion.search.controllers.sensitivity import sensitivity
from apportion.search.controllers.taps import taps
from apportion.search.controllers.tpe import tpe

__all__ = ["Context", "Controller", "ControllerEntry", "Done", "Wait", "controllers"]

controllers: Registry[ControllerEntry] = Registry(
    "controller",
    [
        shared,
        independent,
        top,
        bottom,
        random_filters,
        uniform,
        equal_spend,
        bottom_by_need,
        best_hand_made,
        listed,
        random_search,
        tpe,
        cmaes,
        gp,
        nsga2,
        nsga3,
        qmc,
        nni_tpe,
        nni_evolution,
        nni_random,
        nni,
        additive,
        regularized_evolution,
        local_search,
        sensitivity,
        taps,
        ba2,
        hard_concrete,
        funnel,
    ],
)
