"""Sections of the page, in their order. A new one is a file here and a line below."""

from apportion.registry import Registry
from apportion.reports.sections.about import ABOUT
from apportion.reports.sections.allocations import ALLOCATIONS
from apportion.reports.sections.answer import ANSWER
from apportion.reports.sections.costs import COSTS
from apportion.reports.sections.domains import DOMAINS
from apportion.reports.sections.front import FRONT
from apportion.reports.sections.gates import GATES
from apportion.reports.sections.ledger import LEDGER
from apportion.reports.sections.progress import PROGRESS
from apportion.reports.sections.schemes import SCHEMES
from apportion.reports.sections.section import Section
from apportion.reports.sections.trials import TRIALS

sections: Registry[Section] = Registry(
    "report section", [ANSWER, FRONT, SCHEMES, DOMAINS, ALLOCATIONS, GATES, PROGRESS, LEDGER, TRIALS, COSTS, ABOUT]
)
