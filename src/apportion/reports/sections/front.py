"""The front: what every scheme reaches for what it costs, in loss and in accuracy."""

from apportion.reports.axes import AXES
from apportion.reports.page.figures import chart, scatter_figure
from apportion.reports.page.legend import key
from apportion.reports.page.markup import element, join
from apportion.reports.page.switch import axis_switch
from apportion.reports.results import Results
from apportion.reports.sections.section import Fragment, Section
from apportion.reports.tables import caption

HEIGHT = 420


def render(results: Results) -> Fragment:
    """Two charts: loss and accuracy."""
    if not results.measured:
        return Fragment(element("p", "Nothing to show yet."))
    loss = scatter_figure(results, AXES, lambda scheme: scheme.loss, height=HEIGHT)
    accuracy = scatter_figure(results, AXES, lambda s: s.accuracy, height=HEIGHT, percent=True, lower_is_better=False)
    panels = (
        element("div", element("h3", title), chart(f"front.{name}", HEIGHT, f"{title}, by cost"))
        for name, title in (("loss", "Loss (lower is better)"), ("accuracy", "Mean accuracy (higher is better)"))
    )
    note = (
        "Schemes at one budget stand side by side; their exact cost shows on hover. Seeds move all schemes together:"
        " intervals that overlap here may still belong to a clear paired difference."
    )
    body = join(
        key(),
        axis_switch("front"),
        element("div", *panels, class_="panels"),
        element("p", f"{caption(results)} {note}", class_="quiet"),
    )
    return Fragment(body, {"loss": loss, "accuracy": accuracy})


FRONT = Section(
    "front", "The front", "Each point is one scheme at one budget: what it costs, and how good it is.", render
)
