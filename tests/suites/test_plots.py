"""Plots: well-formed SVG that shows what it is given, for any number of arms, names and values."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as tree
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph.suites import findings as found
from archgraph.suites.reporting import plots, plots_marks, plots_rows
from tests.suites import made_findings as made

NAN = found.Interval(math.nan, math.nan, math.nan)
NONE = found.Interval(0.4, math.nan, math.nan)
SVG = "{http://www.w3.org/2000/svg}"


def interval(value: float, far: float = 0.1) -> found.Interval:
    return found.Interval(value, max(0, value - far), min(1, value + far))


def series(count: int, groups: int) -> list[plots.Series]:
    values = [[interval((i + 1) / (count + 1)) for _ in range(groups)] for i in range(count)]
    return [plots.Series(f"arm {i} {'long ' * i}", i, each) for i, each in enumerate(values)]


def titles(svg: str) -> list[str]:
    return [node.text or "" for node in tree.fromstring(svg).iter(f"{SVG}title")]


def label_places(svg: str) -> list[tuple[float, float]]:
    """Where the names at the right end stand."""
    texts = [t for t in tree.fromstring(svg).iter(f"{SVG}text") if "class" not in t.attrib]
    return [(float(t.attrib["x"]), float(t.attrib["y"])) for t in texts]


@pytest.mark.parametrize("width", [340, 720])
@pytest.mark.parametrize("arms", [1, 2, 6, 12])
@pytest.mark.parametrize("groups", [1, 5, 12])
def test_lines_show_every_arm_in_every_group(arms: int, groups: int, width: int) -> None:
    names = [str(i) for i in range(groups)]
    svg = plots.lines(series(arms, groups), names, "depth", "words", width)
    shown = [t for t in titles(svg) if re.search(r": \d", t)]
    assert len(shown) == arms * groups
    assert svg.count('class="line"') == (arms if groups > 1 else 0)


def test_lines_join_numbers_and_never_words() -> None:
    words = plots.lines(series(2, 3), ["multi hop", "temporal", "open"], "category", "w")
    assert 'class="line"' not in words
    assert 'class="line"' in plots.lines(series(2, 3), ["0", "1", "2"], "depth", "w")
    names = plots.lines(series(2, 3), ["1", "2", "3"], "category", "w", ordered=False)
    assert 'class="line"' not in names


def test_what_does_not_exist_is_not_drawn() -> None:
    bare = [plots.Series("a", 0, [NAN, None, NONE])]
    svg = plots.lines(bare, ["0", "1", "2"], "depth", "w")
    assert "nan" not in svg and svg.count("<g") and svg.count('class="err"') == 0
    assert sum("40.0 [none]" in t for t in titles(svg)) == 1
    assert "nan" not in plots.scatter([plots.Spot("a", 0, math.nan, NAN)], "tokens", "w")
    assert "nan" not in plots_rows.forest([plots_rows.Effect("a", NAN, "inconclusive")], 0.05, "w")


def test_names_at_the_end_of_lines_do_not_cover_each_other() -> None:
    same = [plots.Series(f"arm {i}", i, [interval(0.5), interval(0.5)]) for i in range(12)]
    places = label_places(plots.lines(same, ["0", "1"], "depth", "w"))
    assert len(places) == 12
    assert all(abs(a[1] - b[1]) > 14 for a, b in combinations(places, 2))


def test_names_of_spots_do_not_cover_each_other() -> None:
    spots = [plots.Spot(f"arm {i}", i, 1000 + i, interval(0.5 + i / 100)) for i in range(8)]
    svg = plots.scatter(spots, "tokens", "w")
    places = [(float(t.attrib["x"]), float(t.attrib["y"])) for t in tree.fromstring(svg).iter(
        f"{SVG}text") if t.attrib.get("class") == "halo"]  # fmt: skip
    assert len(places) == 8
    wide = plots_marks.wide("arm 0")
    assert all(abs(a[1] - b[1]) >= 15.9 or abs(a[0] - b[0]) > wide
               for a, b in combinations(places, 2))  # fmt: skip


def test_costs_that_lie_far_apart_get_a_log_scale() -> None:
    far = [plots.Spot("a", 0, 100, interval(0.2)), plots.Spot("b", 1, 90000, interval(0.9))]
    assert "log scale" in plots.scatter(far, "tokens", "w")
    assert "log scale" not in plots.scatter([far[1]], "tokens", "w")


def test_a_forest_tells_verdicts_apart_without_colour() -> None:
    verdicts = (found.A_BETTER, found.B_BETTER, found.EQUIVALENT, found.INCONCLUSIVE)
    drawn = []
    for verdict in verdicts:
        effect = plots_rows.Effect("a", found.Interval(0.1, 0.0, 0.2), verdict)
        svg = plots_rows.forest([effect], 0.05, "w")
        marker = re.findall(r'<path class="(m|open)" d="([^"]+)"', svg)[0]
        drawn.append((marker[0], re.sub(r"[\d.]+", "", marker[1])))
    assert len(set(drawn)) == 4


@pytest.mark.parametrize("width", [340, 720])
def test_bars_show_their_parts_to_scale(width: int) -> None:
    bars = [plots_rows.Bar("a", [10, 30, 0]), plots_rows.Bar("b", [5, 5, 30])]
    svg = plots_rows.stacked(bars, ["x", "y", "z"], "{:g}".format, "w", width, whole=True)
    long = [float(r.attrib["width"]) for r in tree.fromstring(svg).iter(f"{SVG}rect")
            if "seg" in r.attrib["class"]]  # fmt: skip
    assert long[1] == pytest.approx(3 * long[0], abs=0.2) and len(long) == 5
    assert "a y: 30" in titles(svg)


def test_markup_in_names_is_text() -> None:
    bad = made.BAD_TEXT
    svgs = [
        plots.lines([plots.Series(bad, 0, [interval(0.5)])], [bad], bad, bad),
        plots.scatter([plots.Spot(bad, 0, 5, interval(0.5), True)], bad, bad),
        plots_rows.forest([plots_rows.Effect(bad, interval(0.1), bad, bad)], 0.1, bad, 720, bad),
        plots_rows.stacked([plots_rows.Bar(bad, [1])], [bad], str, bad),
    ]
    for svg in svgs:
        assert tree.fromstring(svg) is not None and "<script" not in svg and "<img" not in svg


def test_series_differ_in_more_than_colour() -> None:
    looks = {
        (re.sub(r"[\d.]+", "", plots_marks.marker(0, 0, i)), plots_marks.colour(i))
        for i in range(24)
    }
    shapes = [re.sub(r"[\d.]+", "", plots_marks.marker(0, 0, i)) for i in range(7)]
    assert len(looks) == 24 and len(set(shapes)) == 7


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_few_and_within(low: float, span: float) -> None:
    there = plots_marks.ticks(low, low + span)
    assert 1 <= len(there) <= 7
    assert all(low - span * 1e-3 <= t <= low + span * 1.001 for t in there)


@given(st.lists(st.floats(0, 300), max_size=12))
def test_spread_keeps_a_gap_and_the_order(places: list[float]) -> None:
    moved = plots_marks.spread(places, 16, 0, 300)
    assert all(abs(a - b) >= 15.99 for a, b in combinations(moved, 2))
    assert [i for _, i in sorted(zip(moved, range(len(moved)), strict=True))] == sorted(
        range(len(places)), key=lambda i: (places[i], i)
    )


def test_a_plot_can_stand_alone() -> None:
    svg = plots_marks.standalone(plots.lines(series(2, 2), ["0", "1"], "depth", "w"))
    assert tree.fromstring(svg) is not None and "prefers-color-scheme" in svg
