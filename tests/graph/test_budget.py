"""The budget proof: its sum, what each line is, and that it is sound where it can be measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.graph import budget, check, design
from archgraph.llm import tokens
from archgraph.spec import load
from tests.spec import good


def sums(folder: Path, *settings: str, text: str = good.GOOD) -> dict[str, budget.Budget]:
    found = design.of(load.load(good.write(folder, text), settings))
    return {each.thread: each for each in budget.budgets(found)}


def test_every_part_has_a_line(tmp_path: Path) -> None:
    main = sums(tmp_path)["main"]
    told = [line.what for line in main.lines]
    assert told[0].startswith("system prompt")
    assert told[1] == "schemas of 2 tools"
    assert [each.split()[0].rstrip(":") for each in told[2:5]] == ["persona", "summary", "window"]
    assert told[5].startswith("reserved for the answer")
    assert main.total == sum(line.tokens for line in main.lines)
    assert main.fits and main.exact
    assert "in all" in main.table() and "to spare" in main.table()


def test_blocks_count_their_cap_and_the_window_its_smallest_size(tmp_path: Path) -> None:
    loaded = load.load(good.write(tmp_path))
    main = sums(tmp_path)["main"]
    by_name = {line.what.split()[0].rstrip(":"): line.tokens for line in main.lines}
    assert by_name["persona"] == loaded.options["persona"].token_cap()
    message = loaded.options["recall"].token_cap()
    assert by_name["window"] == 3 * message
    heading = tokens.counter("offline/extractive").count("\n\n## summary\n")
    assert by_name["summary"] == loaded.options["summary"].token_cap() + heading


def test_a_store_that_a_template_prints_twice_counts_twice(tmp_path: Path) -> None:
    once = sums(tmp_path)["main"]
    templates = {**good.TEMPLATES, "main": good.TEMPLATES["main"] + "{{ persona }}"}
    file = good.write(tmp_path, templates=templates)
    twice = budget.budgets(design.of(load.load(file)))[0]
    cap = load.load(file).options["persona"].token_cap()
    assert twice.total - once.total >= cap


def test_of_a_run_only_the_least_that_stays_is_counted(tmp_path: Path) -> None:
    """What it began with, its last step and the newest message: however long the run is."""
    few = sums(tmp_path, "threads.tender.heartbeat.max_steps=2")["tender"]
    many = sums(tmp_path, "threads.tender.heartbeat.max_steps=30")["tender"]
    one = sums(tmp_path, "threads.tender.heartbeat.max_steps=1")["tender"]
    cap = load.load(good.write(tmp_path)).options["diary"].token_cap()
    assert few.total == many.total
    assert few.total - one.total == cap + 512 + tokens.PER_MESSAGE + budget.TOGETHER * cap


def test_a_queue_holds_at_least_the_last_step(tmp_path: Path) -> None:
    text = good.GOOD.replace("    evict_to: 0.5\n", "    evict_to: 0.5\n    keep_last: 1\n")
    main = sums(tmp_path, text=text)["main"]
    cap = load.load(good.write(tmp_path)).options["recall"].token_cap()
    (window,) = [line for line in main.lines if line.what.startswith("window")]
    assert window.tokens == 512 + tokens.PER_MESSAGE + budget.TOGETHER * cap


def test_the_caps_of_new_messages_count(tmp_path: Path) -> None:
    text = good.GOOD.replace("since: last_run, of: main", "since: last_run, of: main, cap: 100")
    assert sums(tmp_path)["tender"].total - sums(tmp_path, text=text)["tender"].total == 1948


def test_an_unknown_tokenizer_is_told_with_its_factor(tmp_path: Path) -> None:
    known = sums(tmp_path)["main"]
    unknown = sums(tmp_path, "model=somewhere/some-model")["main"]
    assert not unknown.exact
    assert unknown.factor == tokens.FACTOR
    assert "safety factor" in unknown.table()
    assert unknown.lines[0].tokens > known.lines[0].tokens


def test_what_does_not_fit_is_an_error_with_the_sum(tmp_path: Path) -> None:
    problems = check.check(good.write(tmp_path), ["context_window=1500"])
    told = [each for each in problems if each.code == "budget"]
    assert {each.path for each in told} == {
        "threads.main.context_window",
        "threads.tender.context_window",
    }
    total = sums(tmp_path, "threads.main.context_window=1500", "context_window=8192")
    assert f"{total['main'].total:,}" in told[0].message
    assert "too many" in told[0].message


@pytest.mark.parametrize("spare", [0, -1])
def test_the_bound_is_exact(tmp_path: Path, spare: int) -> None:
    total = sums(tmp_path)["main"].total  # main's caps do not depend on its window
    setting = f"threads.main.context_window={total + spare}"
    codes = [each.code for each in check.check(good.write(tmp_path), [setting])]
    assert codes == ([] if spare == 0 else ["budget"])


def test_overflow_fail_is_exempt_and_says_so() -> None:
    problems = check.check("full_context", ["context_window=300"])
    assert [(each.code, each.severity) for each in problems] == [("budget-unproven", "warning")]
