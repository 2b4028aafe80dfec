"""Findings as text, Markdown, LaTeX, CSV and JSON: complete, escaped, the same bytes each time."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from archgraph.suites import findings as found
from archgraph.suites.reporting import (
    changes,
    delimited,
    latex,
    layout,
    markdown,
    plain,
    reading,
    sheets,
    table,
    wording,
)  # fmt: skip
from tests.suites import made_findings as made

ROWS = made.rows()
STUDY = made.study(ROWS)
FORMATS: list[Callable[[found.Findings], str]] = [
    table.text, table.timing, markdown.text, latex.text, delimited.cells, delimited.differences,
    plain.text,
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_equal_findings_give_equal_bytes(form: Callable[[found.Findings], str]) -> None:
    assert form(STUDY) == form(made.study(made.rows()))


@pytest.mark.parametrize("form", FORMATS)
def test_half_a_character_can_be_written_to_a_file(form: Callable[[found.Findings], str]) -> None:
    half = "half \ud83d"
    failures = [{**STUDY.failures[0], "reason": half}]
    cells = [dataclasses.replace(c, group=half) for c in STUDY.cells]
    told = form(dataclasses.replace(STUDY, name=half, failures=failures, cells=cells))
    assert told.encode("utf-8")


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_breaks_a_format(form: Callable[[found.Findings], str]) -> None:
    for findings in (made.nasty(), made.empty(), made.study(ROWS, made.ARMS[:1])):
        told = form(findings)
        assert told.endswith("\n") and not re.search(r"\b(nan|inf)\b", told, re.IGNORECASE)


def test_the_terminal_shows_what_must_be_known_before_any_number() -> None:
    told = table.text(STUDY)
    first = told.index("96.7 [92.4, 98.6]")
    for note in (*STUDY.notes, *STUDY.confounds, "2 MISSING", "split: generated", "baseline"):
        assert told.replace("\n  ", " ").index(note) < first


def test_the_terminal_stays_within_its_width() -> None:
    for findings in (STUDY, made.nasty()):
        assert max(map(layout.columns, table.text(findings, 100).split("\n"))) <= 100
    assert max(map(layout.columns, table.text(STUDY, 72).split("\n"))) <= 72


def test_every_arm_has_score_interval_n_and_bad_trials() -> None:
    lines = table.text(STUDY).split("\n")
    for arm in made.ARMS:
        line = next(line for line in lines if line.startswith(f"{arm} "))
        cell = reading.cell(STUDY, arm, "nested_kv", "exact")
        assert cell and wording.score(cell.score) in line
        assert f"{cell.n}/{cell.clusters}" in line and f" {sum(cell.bad.values())} " in line


def test_wall_times_are_in_no_table_but_their_own() -> None:
    slower = [dataclasses.replace(c, times={p: (9e3, 9e4) for p in c.times}) for c in STUDY.costs]
    later = dataclasses.replace(STUDY, costs=slower)
    for form in (table.text, markdown.text, latex.text, delimited.cells, plain.text):
        assert form(later) == form(STUDY)
    assert table.timing(later) != table.timing(STUDY)


def test_where_nothing_can_be_claimed_the_table_says_so() -> None:
    open_ = [dataclasses.replace(d, verdict=found.INCONCLUSIVE) for d in STUDY.differences]
    findings = dataclasses.replace(STUDY, differences=open_, ablations=[])
    for form in (table.text, markdown.text, latex.text):
        assert form(findings).count(sheets.CLAIM_NONE) == 2
        assert sheets.CLAIM_NONE not in form(STUDY)


def test_a_missing_interval_is_told_and_never_a_number() -> None:
    none = found.Interval(0.5, math.nan, math.nan)
    assert wording.score(none) == "50.0 [none]"
    assert wording.score(dataclasses.replace(none, value=math.nan)) == "-"
    cells = [dataclasses.replace(c, score=none) for c in STUDY.cells]
    assert "too few conversations" in table.text(dataclasses.replace(STUDY, cells=cells))
    assert "too few conversations" not in table.text(STUDY)


def test_failures_are_counted_by_reason() -> None:
    told = table.text(STUDY)
    assert f"{len(STUDY.failures)} of 1,800 trials are not done" in told
    assert "the model said nothing in cut" in told


def test_markup_in_texts_stays_text() -> None:
    nasty = made.nasty()
    assert "<script" not in markdown.text(nasty) and "<img" not in markdown.text(nasty)
    rows = [line for line in markdown.text(nasty).split("\n") if line.startswith("|")]
    bars = {line.replace("\\|", "").count("|") for line in rows if "8/8" in line}
    assert len(bars) == 1
    told = latex.text(nasty)
    assert r"a\textbar{}b\_c\%d\$e\#f\{g\}\textasciitilde{}h\textasciicircum{}i" in told
    assert "\x1b" not in told + markdown.text(nasty) + table.text(nasty)


def test_a_latex_caption_says_n_interval_and_test() -> None:
    told = latex.text(STUDY)
    assert "n = 150 cases in 30 conversations" in told and r"95\% intervals" in told
    assert "exact McNemar, after Holm" in told and r"\toprule" in told


def test_a_latex_table_says_by_itself_what_it_is_worth() -> None:
    told = latex.text(STUDY)
    printed = "\n".join(line for line in told.split("\n") if not line.startswith("%"))
    floats = printed.split(r"\begin{table}")[1:]
    assert len(floats) > 2
    for each in floats:
        caption = each[each.index(r"\caption{") : each.index(r"\label{")]
        assert "an offline policy, not a language model" in caption
        under = each[each.index(r"\end{tabular}") :]
        assert r"\emph{Not alike:} fixed\_window and memgpt differ in prompt size" in under
    arms = {name: {**arm, "model": "openai/gpt-4o"} for name, arm in STUDY.arms.items()}
    real = latex.text(dataclasses.replace(STUDY, arms=arms, confounds=[], notes=[]))
    assert "offline" not in real
    assert "Not alike" not in real


SUITE = {
    "suite": "mine", "architectures": ["memgpt", {"arms/own.yaml": {"set": {"k": 3}}}],
    "datasets": [{"jsonl": {"path": "/home/me/secret/talk.jsonl"}}], "about": "",
    "faults": {"rate": 0.2, "kinds": ["timeout", "429"], "latency": 0.0},
    "budget": {"tokens_per_case": 6000, "ingest_tokens": 0}, "max_cost": 2.5,
}  # fmt: skip


def test_markdown_ends_with_the_suite_and_its_conditions() -> None:
    whole = dataclasses.replace(STUDY, suite=SUITE)
    told = markdown.text(whole)
    block = told[told.index("## Suite") :]
    written = yaml.safe_load(block[block.index("```yaml\n") + 8 : block.rindex("```")])
    assert written["datasets"] == [{"jsonl": {"path": "talk.jsonl"}}]
    assert written["architectures"] == SUITE["architectures"]
    assert "secret" not in told + plain.text(whole)
    assert "20 % of model calls go wrong on purpose, by seed: timeout, 429" in block
    assert "a question is cut at 6,000 tokens; the run stops at 2.50 US dollars" in block
    assert "## Suite" not in markdown.text(STUDY)


def test_a_fence_is_longer_than_any_in_the_suite() -> None:
    told = markdown.text(dataclasses.replace(STUDY, suite={"about": "a ```` b"}))
    assert "`````yaml" in told


def test_categories_that_are_names_are_named_beside_their_numbers() -> None:
    place = next(iter(STUDY.datasets))
    about = {**STUDY.datasets[place], "type": "locomo", "category_names": {"1": "1 multi-hop"}}
    cells = [
        dataclasses.replace(c, axis="category", group="1") if c.axis not in ("all",) else c
        for c in STUDY.cells
    ]
    named = dataclasses.replace(STUDY, datasets={**STUDY.datasets, place: about}, cells=cells)
    assert "Categories: 1 multi-hop." in table.text(named)
    assert not reading.is_ordered(named, place, "category")
    assert reading.is_ordered(named, place, reading.POSITION)
    depth = {**about, "ordered": True, "category_name": "hops"}
    deep = dataclasses.replace(named, datasets={place: depth})
    assert reading.is_ordered(deep, place, "category")
    assert reading.axis_name(deep, place, "category") == "hops"


def test_cells_as_csv_are_whole_and_exact() -> None:
    rows = list(csv.DictReader(io.StringIO(delimited.cells(STUDY))))
    assert len(rows) == len(STUDY.cells)
    for row, cell in zip(rows, STUDY.cells, strict=True):
        assert float(row["score"]) == cell.score.value and int(row["n"]) == cell.n
        assert row["primary"] == str(int(cell.scorer == "exact"))
    odd = list(csv.DictReader(io.StringIO(delimited.cells(made.nasty()))))
    assert odd[0]["score"] == "" and odd[2]["arm"] and {r["arm"] for r in odd} >= {made.BAD_TEXT}


def test_trials_as_csv_hold_every_row() -> None:
    rows = list(csv.DictReader(io.StringIO(delimited.trials(made.run(STUDY, ROWS)))))
    assert [row["trial"] for row in rows] == [row.trial for row in ROWS]
    assert [float(row["score exact"]) for row in rows] == [row.scores["exact"] for row in ROWS]
    assert sum(int(row["gold evicted"]) for row in rows) == sum(
        row.losses.get("evicted", 0) for row in ROWS
    )


def test_where_the_tokens_go_is_told_of_arms_with_several_threads() -> None:
    told = table.text(STUDY)
    assert told.count("where the tokens go, by thread") == 2 and "by store" not in told
    lines = [line.split() for line in told.split("\n")]
    (conscious, sub, *_) = [
        line for line in lines if line[1:2] in (["conscious"], ["subconscious"])
    ]
    assert conscious[:3] == ["conscious_subconscious", "subconscious", "75%"]
    assert sub[1:3] == ["conscious", "25%"]
    assert not [line for line in lines if line[1:2] == ["main"]]
    few = [dataclasses.replace(c, by_thread=dict(list(c.by_thread.items())[:1]))
           for c in STUDY.costs]  # fmt: skip
    assert "where the tokens go" not in table.text(dataclasses.replace(STUDY, costs=few))


@pytest.mark.parametrize("form", [lambda f: table.text(f, tokens=True), markdown.text])
def test_whoever_asks_sees_all_threads_and_stores(form: Callable[[found.Findings], str]) -> None:
    told = form(STUDY)
    assert told.count("where the tokens go, by store") == 2
    for arm, words in (("memgpt", ["360", "44.5", "404"]), ("text_rag", ["380", "44.5", "424"])):
        rows = [line.replace("\\", "").replace("|", "").split() for line in told.split("\n")]
        assert [arm, *words] in rows and [arm, "main", "100%"] in [row[:3] for row in rows]


def test_costs_as_csv_hold_threads_and_stores() -> None:
    rows = list(csv.DictReader(io.StringIO(delimited.costs(STUDY))))
    one = {(r["of"], r["name"], r["metric"]): float(r["value"]) for r in rows
           if (r["dataset"], r["arm"]) == ("nested_kv", "conscious_subconscious")}  # fmt: skip
    parts = [one["thread", name, "prompt_tokens"] for name in ("conscious", "subconscious")]
    assert sum(parts) == pytest.approx(one["question", "", "prompt_tokens"])
    assert one["store", "core", "window_tokens"] == 44.5 and one["ingest", "", "calls"] == 30
    trials = [row._replace(by_thread={"main": {"calls": 3.0}}, by_store={"core": 7.0})
              if n == 1 else row for n, row in enumerate(ROWS)]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(delimited.trials(made.run(STUDY, trials)))))
    assert [row["thread main calls"] for row in rows[:3]] == ["", "3.0", ""]
    assert [row["store core"] for row in rows[:3]] == ["", "7.0", ""]


def test_cached_tokens_are_a_share_of_the_prompt_where_there_are_any() -> None:
    assert " cached" not in table.text(STUDY)
    costs = [dataclasses.replace(c, metrics={**c.metrics, "prompt_tokens": 200.0,
                                             "cached_tokens": 50.0 if c.arm == "memgpt" else 0.0})
             for c in STUDY.costs]  # fmt: skip
    told = table.text(dataclasses.replace(STUDY, costs=costs))
    at = told.index("nested_kv: cost")
    part = told[at : at + 900]
    assert "40%     25%" in part and "40%      0%" in part
    assert "cached: the share of the tokens in" in " ".join(told.split())


@pytest.mark.parametrize("form", [table.text, markdown.text, latex.text])
def test_the_family_of_comparisons_is_told(form: Callable[[found.Findings], str]) -> None:
    def told(findings: found.Findings) -> str:
        return " ".join(form(findings).replace("\\", "").split())

    words = told(STUDY)
    assert "after Holm's correction over the 8 comparisons on nested_kv." in words
    assert "after Holm's correction over the 5 comparisons on persona_chat." in words
    whole = told(dataclasses.replace(STUDY, family="run"))
    assert whole.count("over all 13 comparisons of the run") == 3
    lone = dataclasses.replace(STUDY, differences=STUDY.differences[:1], ablations=[])
    assert "over the one comparison on nested_kv" in told(lone)
    first, *rest = STUDY.differences  # what has no p is in no family
    without = [dataclasses.replace(first, p=math.nan, adjusted=math.nan), *rest]
    assert "over the 7 comparisons on nested_kv" in told(
        dataclasses.replace(STUDY, differences=without)
    )


def test_mcnemars_p_stands_beside_the_p_that_decides() -> None:
    first, *rest = STUDY.differences
    flips = dataclasses.replace(first, test="sign flips of conversations", mcnemar=0.0123)
    findings = dataclasses.replace(STUDY, differences=[flips, *rest])
    beside = sheets.differences(findings, "nested_kv", "exact", full=True)
    assert beside.columns[-1].title == "McNemar p"
    assert [row[-1] for row in beside.rows] == ["0.012", "-", "-", "-", "-"]
    assert any("it decides nothing here" in note for note in beside.notes)
    same = dataclasses.replace(flips, test="McNemar's exact test")
    findings = dataclasses.replace(STUDY, differences=[same, *rest])
    assert sheets.differences(findings, "nested_kv", "exact", full=True).columns[-1].title != (
        "McNemar p")  # fmt: skip
    row = next(csv.DictReader(io.StringIO(delimited.differences(findings))))
    assert row["mcnemar"] == "0.0123" and row["wins"] == str(first.wins)
    assert json.loads(plain.text(findings))["differences"][0]["mcnemar"] == 0.0123


def test_positions_are_in_the_text_only_where_nothing_else_groups() -> None:
    cells = [
        dataclasses.replace(c, axis="position", group=f"{20 * n}-{20 * n + 20} %")
        for c in STUDY.cells
        if c.axis == "all" and c.scorer == "exact"
        for n in range(5)
    ]
    both = dataclasses.replace(STUDY, cells=[*STUDY.cells, *cells])
    assert table.text(both) == table.text(STUDY)
    assert markdown.text(both).count("each position") == 2
    bare = [c for c in STUDY.cells if c.axis == "all"]
    told = table.text(dataclasses.replace(STUDY, cells=[*bare, *cells]))
    assert told.count("each position") == 2
    heads = [re.findall(r"(\d+-\d+) %", line) for line in told.split("\n")]
    assert ["0-20", "20-40", "40-60", "60-80", "80-100"] in heads


def test_json_holds_everything_and_no_nan() -> None:
    told = json.loads(plain.text(STUDY))
    assert told["cells"][0]["score"]["value"] == STUDY.cells[0].score.value
    assert len(told["differences"]) == len(STUDY.differences) and told["format"] == plain.FORMAT
    assert json.loads(plain.text(made.nasty()))["cells"][0]["score"]["value"] is None


def test_groups_stand_in_the_order_of_their_numbers() -> None:
    assert sorted(["10", "2", "1"], key=reading.rank) == ["1", "2", "10"]
    assert sorted(["depth 10", "depth 2"], key=reading.rank) == ["depth 2", "depth 10"]


words = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(st.tuples(words, words, words), max_size=5), st.integers(30, 120))
def test_any_table_keeps_its_letters_and_its_width(rows: list[tuple[str, ...]], width: int) -> None:
    columns = (sheets.ARM, sheets.Column("n"), sheets.Column("why", numeric=False, long=True))
    told = layout.render(sheets.Sheet("t", "t", columns, tuple(rows)), width)
    assert "\r" not in told and "\x1b" not in told
    kept = {c for row in rows for c in "".join(row) if c.isalnum()}
    assert kept <= set(told)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_points_are_never_minus_zero(a: float, b: float, c: float) -> None:
    for value in (a, b, c, a - b, -a):
        assert wording.points(value) != "-0.0" and wording.signed(value) not in ("+0.0", "-0.0")


def test_two_runs_are_compared_unpaired_without_rows_and_paired_with_them() -> None:
    again = made.rows(conversations=20)
    other = made.study(again)
    unpaired = table.compare(STUDY, other)
    assert "compared unpaired" in unpaired and "+0.3 [-5.4, +5.0]" in unpaired
    better = [row._replace(scores={**row.scores, "exact": 1.0}) for row in ROWS]
    moved = made.study(better)
    runs = (made.run(STUDY, ROWS), made.run(moved, better))
    paired = table.compare(STUDY, moved, runs)
    assert "case by case" in paired and "compared unpaired" not in paired
    change = next(c for c in changes.cells(STUDY, moved, runs) if c.arm == "no_memory")
    assert change.paired == 150 and change.moved.value == 1.0


def test_what_was_changed_is_listed_value_by_value() -> None:
    other = dataclasses.replace(STUDY, manifest={**STUDY.manifest, "seed": 7})
    rows = changes.inputs(STUDY, other).rows
    assert rows == (("manifest.seed", "0", "7"),)
    assert changes.inputs(STUDY, STUDY).rows == ()


def test_square_and_add_gives_newcombes_numbers() -> None:
    """Newcombe (1998), table II: 56/70 - 48/80, method 10: 0.0524 to 0.3339."""
    moved = changes.unpaired(made.wilson(48, 80), made.wilson(56, 70))
    assert moved.value == pytest.approx(0.2)
    assert (moved.low, moved.high) == pytest.approx((0.0524, 0.3339), abs=2e-4)
