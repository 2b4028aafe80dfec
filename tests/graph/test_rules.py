"""Rules about the whole graph, where a single broken file is not enough to see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.graph import build, check
from archgraph.spec import load
from tests.spec import good

WAKES_BACK = "- user_message\n      - {event: tender.step}\n"


def told(folder: Path, text: str, **templates: str) -> list[str]:
    file = good.write(folder, text, {**good.TEMPLATES, **templates})
    return [each.code for each in check.check(file)]


@pytest.mark.parametrize("name", load.names())
def test_shipped_architectures_have_no_error(name: str) -> None:
    problems = check.check(name)
    assert [each for each in problems if each.severity == "error"] == []
    assert all(each.code == "budget-unproven" for each in problems)


@pytest.mark.parametrize("name", load.names())
def test_nothing_is_complained_about_in_any_layer_of_shipped_files(name: str) -> None:
    assert load.read(name).problems == ()


@pytest.mark.parametrize(
    ("steps", "every", "endless"), [(4, 5, False), (5, 5, True), (8, 5, True), (1, 1, True)]
)
def test_a_circle_is_endless_when_a_round_makes_another(
    tmp_path: Path, steps: int, every: int, endless: bool
) -> None:
    text = good.GOOD.replace("- user_message\n", WAKES_BACK)
    text = text.replace("max_steps: 4", f"max_steps: {steps}")
    text = text.replace("every: 5, of", f"every: {every}, of").replace("8192", "20000")
    assert told(tmp_path, text) == (["trigger-cycle"] if endless else [])


def test_gains_multiply_along_a_circle() -> None:
    assert build.runaway({("a", "b"): 4, ("b", "a"): 0.2}) == []
    assert build.runaway({("a", "b"): 4, ("b", "a"): 0.25}) == [["a", "b"]]
    assert build.runaway({("a", "b"): 9, ("b", "c"): 9}) == []
    assert build.runaway({("a", "a"): 1, ("b", "b"): 0.5}) == [["a"]]


def test_a_write_that_wakes_its_writer_is_endless(tmp_path: Path) -> None:
    text = good.GOOD.replace("- {idle: 10m}", "- {event: archival.write}")
    assert told(tmp_path, text) == ["trigger-cycle"]


def test_pressure_and_notes_make_no_circle(tmp_path: Path) -> None:
    text = good.GOOD.replace("say: pair/pressure.jinja2}", "say: pair/pressure.jinja2, mode: note}")
    text = text.replace(
        "- user_message\n", "- user_message\n      - {event: main.step, mode: note}\n"
    )
    assert told(tmp_path, text) == []


def test_a_chain_of_threads_that_nothing_starts_is_unreachable(tmp_path: Path) -> None:
    text = good.GOOD.replace("      - {idle: 10m}\n", "")
    text = text.replace("of: main.turn, mode", "of: ghost.turn, mode")
    text += good.GOOD[good.GOOD.index("  tender:") :].replace("tender:", "ghost:").replace(
        "      - {every: 5, of: main.turn, mode: background}\n      - {idle: 10m}\n",
        "      - {every: 5, of: tender.turn}\n",
    )  # fmt: skip
    assert told(tmp_path, text) == ["unreachable-thread", "unreachable-thread"]


@pytest.mark.parametrize(("event", "codes"), [("run", []), ("turn", ["unreachable-thread"])])
def test_a_run_in_the_background_ends_no_turn(tmp_path: Path, event: str, codes: list[str]) -> None:
    text = good.GOOD + good.GOOD[good.GOOD.index("  tender:") :].replace("tender:", "third:")
    last = text.rindex("      - {every: 5, of: main.turn, mode: background}\n      - {idle: 10m}\n")
    third = text[last:].replace("main.turn", f"tender.{event}").replace("      - {idle: 10m}\n", "")
    assert told(tmp_path, text[:last] + third) == codes


def test_a_store_that_is_written_and_never_read(tmp_path: Path) -> None:
    text = good.GOOD.replace("[send_message, archival_search]", "[send_message]")
    assert told(tmp_path, text) == ["never-read", "unused-tool"]


def test_a_store_that_is_read_and_never_written(tmp_path: Path) -> None:
    text = good.GOOD.replace("[core_append, archival_insert, finish]", "[core_append, finish]")
    assert told(tmp_path, text) == ["never-written", "unused-tool"]


def test_a_window_shown_by_two_threads_counts_in_tokens(tmp_path: Path) -> None:
    text = good.GOOD.replace("      - persona\n", "      - persona\n      - window\n")
    assert set(told(tmp_path, text)) == {"threshold-range"}


@pytest.mark.parametrize(
    ("rules", "wrong"),
    [
        ("{first: archival_search, last: send_message}", False),
        ("{required: archival_search}", False),
        ("{first: send_message, last: send_message, required: archival_search}", True),
        ("{then: {archival_search: archival_search}, first: archival_search, last: send_message}",
         True),
        ("{then: {archival_search: send_message}, at_most: {send_message: 1}}", True),
        ("{then: {archival_search: send_message}, "
         "at_most: {send_message: 1, archival_search: 1}}", False),
        ("{then: {archival_search: []}}", True),
    ],
)  # fmt: skip
def test_order_rules_that_cannot_be_kept(tmp_path: Path, rules: str, wrong: bool) -> None:
    text = good.GOOD.replace("max_steps: 8}", f"max_steps: 8, rules: {rules}}}")
    assert set(told(tmp_path, text)) == ({"rule-deadlock"} if wrong else set())


@pytest.mark.parametrize(
    ("template", "codes"),
    [
        ("{{ persona }}{{ summary }}{{ counts.archival }}{{ thread }}{{ now }}", []),
        ("{% if recall is defined %}{{ recall }}{% endif %}", []),
        ("{# archival_search #}{{ tools[0].name }}", []),
        ("{% set x = 1 %}{{ x }}", []),
        ("Use `finish` now.", ["tool-in-prose"]),
        ("You finish what you begin.", []),
        ("Call send_message.", ["tool-in-prose"]),
        ("Call resend_message or send_message_now.", []),
        ("{{ event }}", ["template-name"]),
        ("{{ recall }}", ["template-name"]),
        ("{% if %}", ["template-syntax"]),
        ("{{ thread.nothing.at_all }}", ["template-name"]),
        ("{{ 1 / 0 }}", ["template-name"]),
    ],
)
def test_templates(tmp_path: Path, template: str, codes: list[str]) -> None:
    assert told(tmp_path, good.GOOD, main=template) == codes


def test_an_ablated_store_may_live_on_behind_a_guard(tmp_path: Path) -> None:
    guarded = "{% if persona is defined %}{{ persona }}{% endif %}"
    file = good.write(tmp_path, templates={**good.TEMPLATES, "main": guarded, "tender": guarded})
    assert check.check(file, ["persona=null"]) == []
    naked = good.write(tmp_path, templates=good.TEMPLATES)
    problems = check.check(naked, ["persona=null"])
    assert {each.code for each in problems} == {"template-name"}
    assert all("is defined" in each.remedy for each in problems)


def test_without_stores_a_verb_is_not_called_unknown(tmp_path: Path) -> None:
    start, end = good.GOOD.index("stores:\n"), good.GOOD.index("tools:\n")
    text = good.GOOD[:start] + good.GOOD[end:] + "\n"
    text = text.replace("stores: [persona]", "", 1).replace("{verb: append, }", "{verb: append}")
    codes = told(tmp_path, text)
    assert "needs-store" in codes and "unknown-verb" not in codes


def test_a_file_named_without_its_ending_is_offered(tmp_path: Path) -> None:
    good.write(tmp_path, good.GOOD).rename(tmp_path / "rag.yaml")
    layer = tmp_path / "layer.yaml"
    layer.write_text("extends: rag\nname: layer\n", encoding="utf-8")
    (problem,) = check.check(layer)
    assert (problem.code, problem.remedy) == ("extends-not-found", 'did you mean "rag.yaml"?')


def test_the_budget_names_what_sets_its_largest_line(tmp_path: Path) -> None:
    found = check.check(good.write(tmp_path, good.GOOD.replace("8192", "900")))
    assert "the caps of stores.diary and threads.tender.max_tokens" in found[-1].remedy
