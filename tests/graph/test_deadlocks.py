"""Seeded deadlocks: rules of tools and calls of threads that cannot come to an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.graph import build, check, compile, diff
from archgraph.spec import load

PLAIN = """\
archgraph: 1
name: ordered
about: A thread with rules.
stores:
  recall: {type: log}
  notes: {type: block, limit: 500}
  window: {type: queue, over: recall}
tools:
  tell: {verb: reply}
  stop: {verb: finish}
  note: {verb: append, stores: notes}
  edit: {verb: replace, stores: notes}
  look: {verb: search, stores: recall}
  ask_expert: {verb: ask, threads: expert}
  alert_expert: {verb: signal, threads: expert}
  ask_main: {verb: ask, threads: [main], within: 5m}
threads:
  main:
    model: offline/extractive
    context_window: 16000
    prompt: ordered/main.jinja2
    log: recall
    context: [notes, window]
    tools: [tell, stop, note, edit, look, ask_expert, alert_expert]
    triggers: [user_message]
    heartbeat: {when: [requested, failed], max_steps: 4, rules: {}}
  expert:
    model: offline/extractive
    context_window: 16000
    prompt: ordered/main.jinja2
    log: diary
    tools: [tell, look, ask_main]
    heartbeat: {when: [failed], max_steps: 4}
"""


def written(folder: Path, text: str) -> Path:
    prompts = folder / "prompts" / "ordered"
    prompts.mkdir(parents=True, exist_ok=True)
    (prompts / "main.jinja2").write_text("You are {{ thread }}.\n{{ rules }}", "utf-8")
    file = folder / "ordered.yaml"
    file.write_text(
        text.replace("recall: {type: log}", "recall: {type: log}\n  diary: {type: log}"), "utf-8"
    )
    return file


def told(folder: Path, text: str) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in check.check(written(folder, text))]


def ruled(rules: str) -> str:
    return PLAIN.replace("rules: {}", f"rules: {rules}")


def test_the_plain_one_has_no_fault(tmp_path: Path) -> None:
    assert told(tmp_path, PLAIN) == []


DEADLOCKS = {
    "no order leads to the end":
        ("{last: stop, then: {note: look, look: note}, first: note}", "no order of calls leads to"),
    "a required tool that no order reaches":
        ("{first: note, then: {note: edit, edit: tell}, last: tell, required: look}", "'look' is required"),  # noqa: E501
    "nothing may follow": ("{then: {note: []}}", "nothing may follow 'note'"),
    "first against after":
        ("{first: look, after: {look: note}}", "no tool may be the first"),
    "then against after":
        ("{then: {note: edit}, after: {edit: look}}", "after 'note' a call must follow"),
    "a branch against after":
        ("{branch: {look: {yes: edit, else: tell}}, after: {edit: note}}", "after 'look' a call must"),  # noqa: E501
    "an end that goes on": ("{last: note, continue: note}", "`continue` says that the run goes on"),
    "an end that something follows": ("{last: note, then: {note: tell}}", "`then` says"),
    "a branch of an end": ("{last: look, branch: {look: {x: tell}}}", "`branch` says"),
    "a branch without a way for other results":
        ("{branch: {look: {x: tell, else: none}}, at_most: {look: 2}}", "that no pattern matches"),
    "used up by at_most":
        ("{then: {note: edit}, at_most: {edit: 1}}", "may be called 1 times in all"),
    "a branch used up by at_most":
        ("{branch: {look: {x: edit, else: tell}}, at_most: {edit: 1}}", "may be called 1 times in all"),  # noqa: E501
    "an answer that nobody waits for": ("{last: ask_expert}", "when nobody waits for it"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEADLOCKS)
def test_a_seeded_deadlock_is_named(name: str, tmp_path: Path) -> None:
    rules, message = DEADLOCKS[name]
    found = told(tmp_path, ruled(rules))
    assert {code for code, _ in found} == {"rule-deadlock"}
    assert any(message in each for _, each in found), found


@pytest.mark.parametrize("rules", [
    "{first: look, then: {look: [note, edit]}, last: tell, required: note}",
    "{branch: {look: {'no results*': note, 'showing *': tell, else: none}}}",
    "{branch: {look: {'*': tell, else: none}}, at_most: {look: 2}}",
    "{after: {edit: note}, continue: note}",
    "{approval: edit}",
])  # fmt: skip
def test_rules_that_can_be_kept(rules: str, tmp_path: Path) -> None:
    assert told(tmp_path, ruled(rules)) == []


def test_a_child_that_is_not_offered_and_arguments_that_do_not_exist(tmp_path: Path) -> None:
    found = told(tmp_path, ruled("{then: {note: ask_main}, after: {tell: noet}, branch: "
                                 "{look: {x: [edit, stap]}}, continue: ask_main}"))  # fmt: skip
    assert [code for code, _ in found] == ["rule-tool"] * 4
    found = told(tmp_path, ruled("{first: {look: {qeury: x}}, then: {look: {note: {content: 3}}}}"))
    assert [code for code, _ in found] == ["fixed-argument"] * 2


def test_nobody_can_agree_in_the_background(tmp_path: Path) -> None:
    text = PLAIN.replace("log: diary\n", "log: diary\n    triggers: [{every: 1h}]\n")
    text = text.replace("heartbeat: {when: [failed], max_steps: 4}",
                        "heartbeat: {when: [failed], max_steps: 4, rules: {approval: look}}")  # fmt: skip  # noqa: E501
    assert told(tmp_path, text) == []  # main asks it in the foreground
    text = text.replace("verb: ask, threads: expert", "verb: finish")
    text = text.replace(
        "verb: signal, threads: expert", "verb: signal, threads: expert, mode: background"
    )
    ((code, message),) = told(tmp_path, text)
    assert code == "rule-deadlock" and "where nobody is asked" in message


# Threads that call threads


def test_a_circle_of_questions_without_a_bound(tmp_path: Path) -> None:
    ((code, message),) = told(tmp_path, PLAIN.replace(", within: 5m", ""))
    assert code == "ask-cycle" and message.startswith("expert and main ask each other")
    own = PLAIN.replace("threads: [main], within", "threads: [expert], within")
    assert [code for code, _ in told(tmp_path, own)] == ["ask-cycle"]


def test_a_circle_of_signals_is_endless(tmp_path: Path) -> None:
    back = PLAIN.replace("verb: ask, threads: [main], within: 5m", "verb: signal, threads: [main]")
    assert [code for code, _ in told(tmp_path, back)] == ["trigger-cycle"]


@pytest.mark.parametrize(("old", "new", "code"), [
    ("{verb: ask, threads: expert}", "{verb: ask}", "needs-thread"),
    ("{verb: ask, threads: expert}", "{verb: ask, threads: exprt}", "unknown-name"),
    ("{verb: ask, threads: expert}", "{verb: ask, threads: notes}", "wrong-kind"),
    ("{verb: finish}", "{verb: finish, threads: expert}", "no-thread"),
    ("threads: expert}\n  ask_main", "threads: expert, within: 5m}\n  ask_main", "no-thread"),
    ("triggers: [user_message]", "triggers: [user_message, {event: recall.write, mode: note, where: {knd: user}}]",  # noqa: E501
     "unknown-field"),
    ("triggers: [user_message]",
     "triggers: [user_message, {event: recall.write, mode: note, where: {kind: [user, usr]}}]", "unknown-field"),  # noqa: E501
    ("triggers: [user_message]",
     "triggers: [user_message, {event: recall.write, mode: note, where: {thread: man}}]", "unknown-field"),  # noqa: E501
    ("triggers: [user_message]",
     "triggers: [user_message, {event: expert.run, mode: note, where: {kind: x}}]", "unknown-field"),  # noqa: E501
    ("triggers: [user_message]", "triggers: [user_message, {idle: 5m, where: {kind: x}}]", "wrong-value"),  # noqa: E501
])  # fmt: skip
def test_calls_and_filters_that_name_what_is_not_there(
    old: str, new: str, code: str, tmp_path: Path
) -> None:
    assert old in PLAIN
    assert code in [each for each, _ in told(tmp_path, PLAIN.replace(old, new))]


# Edges


def edges(folder: Path, text: str, *overrides: str) -> set[tuple[str, str, str]]:
    plan = compile.compile(load.load(written(folder, text), overrides)).plan
    return {each[:3] for each in build.edges(plan, build.references(plan))}


ALL = ("{first: look, last: tell, continue: edit, then: {note: [edit, look]}, after: {edit: note}, "
       "branch: {look: {x: note, else: tell}}, at_most: {note: 9, look: 9}, required: note, approval: edit}")  # fmt: skip  # noqa: E501
KINDS = {("main", "look", "first"), ("tell", "main", "ends"), ("edit", "main", "continues"),
         ("note", "edit", "then"), ("note", "look", "then"), ("note", "edit", "after"),
         ("look", "note", "branch"), ("look", "tell", "branch"), ("main", "note", "at_most"),
        ("main", "look", "at_most"),
         ("main", "note", "requires"), ("main", "edit", "approves")}  # fmt: skip


def test_all_nine_kinds_are_edges_and_are_told_by_diff(tmp_path: Path) -> None:
    assert edges(tmp_path, ruled(ALL)) - edges(tmp_path, PLAIN) == KINDS
    before = compile.compile(load.load(written(tmp_path, PLAIN))).plan
    after = compile.compile(load.load(written(tmp_path, ruled(ALL)))).plan
    words = diff.text(diff.diff(before, after))
    assert "+ edge edit follows note" in words and "+ edge tell ends a run of main" in words


def test_an_ablated_tool_takes_its_rules_along(tmp_path: Path) -> None:
    left = edges(tmp_path, ruled(ALL), "note=null")
    assert {each for each in left if each[2] in {kind for *_, kind in KINDS}} == {
        ("main", "look", "first"), ("tell", "main", "ends"), ("edit", "main", "continues"),
        ("main", "edit", "approves"), ("main", "look", "at_most"),
    }  # fmt: skip
    plan = compile.compile(load.load(written(tmp_path, ruled(ALL)), ["edit=null"])).plan
    assert plan.threads["main"].heartbeat.rules.then == {"note": ("look",)}


def test_an_ablated_thread_takes_the_tools_that_call_it_along(tmp_path: Path) -> None:
    plan = compile.compile(load.load(written(tmp_path, PLAIN), ["expert=null"])).plan
    assert not {"ask_expert", "alert_expert"} & set(plan.tools)
