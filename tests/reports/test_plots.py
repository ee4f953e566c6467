"""The front as a picture: drawn for every study, the same bytes each time."""

import io

import pytest
from PIL import Image

from apportion.reports import results_of
from apportion.reports.plots import MARKS, front_picture
from apportion.search.study import Study
from tests.reports.builders import Builder, hostile, simulated, study


def single() -> Study:
    builder = Builder()
    builder.tell("tpe", 0.4, purpose="retrain")
    return builder.study()


@pytest.mark.parametrize("make", [study, single, hostile], ids=["empty", "one trial", "hostile names"])
def test_every_study_gives_a_picture(make: object) -> None:
    picture = Image.open(io.BytesIO(front_picture(results_of(make()), "png")))  # type: ignore[operator]
    assert picture.size[0] > 1500


def test_the_same_study_gives_the_same_bytes() -> None:
    results = results_of(simulated(seeds=2))
    assert front_picture(results, "svg") == front_picture(results, "svg")
    assert b"<dc:date>" not in front_picture(results, "svg")


def test_kinds_differ_in_shape_and_the_picture_needs_no_colour() -> None:
    assert len({mark["marker"] for mark in MARKS.values()}) == len(MARKS)
