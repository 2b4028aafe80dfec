"""A file becomes a plan: schemas, triggers, caps, and the way through JSON and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archgraph import errors
from archgraph.graph import compile as compiling
from archgraph.graph import plan as plans
from archgraph.spec import load
from tests.spec import good


def planned(folder: Path, *settings: str, text: str = good.GOOD) -> plans.Plan:
    return compiling.compile(load.load(good.write(folder, text), settings)).plan


def test_a_verb_of_one_store_has_no_store_argument(tmp_path: Path) -> None:
    tool = planned(tmp_path).tools["core_append"]
    assert tool.store_argument == ""
    assert list(tool.parameters["properties"]) == ["content"]
    assert (tool.writes, tool.reads, tool.control) == (True, False, False)


def test_a_verb_of_several_stores_chooses_one_by_name(tmp_path: Path) -> None:
    text = good.GOOD.replace("[persona]}", "[persona, human]}")
    text = text.replace("  recall: {type: log}", "  recall: {type: log}\n  human: {type: block}")
    text = text.replace("      - persona\n", "      - persona\n      - human\n")
    tool = planned(tmp_path, text=text).tools["core_append"]
    assert tool.store_argument == "name"
    assert list(tool.parameters["properties"]) == ["name", "content"]
    assert tool.parameters["properties"]["name"]["enum"] == ["persona", "human"]
    assert "persona or human" in tool.parameters["properties"]["name"]["description"]
    assert tool.parameters["required"][0] == "name"


def test_fixed_arguments_are_hidden_from_the_model(tmp_path: Path) -> None:
    tool = planned(tmp_path).tools["archival_search"]
    assert tool.fixed == {"page": 0}
    assert "page" not in tool.parameters["properties"]
    assert "query" in tool.parameters["properties"]


def test_about_replaces_the_verbs_description(tmp_path: Path) -> None:
    text = good.GOOD.replace("{verb: reply}", "{verb: reply, about: Say it.}")
    assert planned(tmp_path, text=text).tools["send_message"].description == "Say it."
    assert planned(tmp_path).tools["send_message"].description.startswith("Send a message")


def test_triggers_and_their_modes(tmp_path: Path) -> None:
    text = good.GOOD.replace(
        "      - {idle: 10m}",
        "      - {idle: 10m}\n      - {every: 2h, mode: foreground}\n      - {at: '0 3 * * *'}\n"
        "      - {crosses: {of: archival.count, over: 9}}\n      - {signal: archival_search}\n"
        "      - {every: 2, of: recall.write}\n      - {event: agent.opened, mode: note}",
    ).replace("{every: 5, of: main.turn, mode: background}", "{every: 5, of: main.turn}")
    found = planned(tmp_path, text=text).threads["tender"].triggers
    assert [(each.kind, each.mode) for each in found] == [
        ("every", "background"),
        ("idle", "background"),
        ("timer", "foreground"),
        ("at", "background"),
        ("crosses", "foreground"),
        ("signal", "foreground"),
        ("every", "foreground"),
        ("event", "note"),
    ]
    assert (found[0].event, found[0].count, found[1].seconds) == ("main.turn", 5, 600.0)
    assert (found[2].seconds, found[3].cron) == (7200.0, "0 3 * * *")
    assert (found[4].measure, found[4].over) == ("archival.count", 9.0)
    assert found[5].event == "archival_search"


def test_new_messages_have_a_cap_even_if_none_is_given(tmp_path: Path) -> None:
    item = planned(tmp_path).threads["tender"].context[1]
    assert (item.mode, item.since, item.of, item.cap) == ("since", "last_run", "main", 2048)


def test_the_only_log_need_not_be_named() -> None:
    plan = compiling.compile(load.load("full_context")).plan
    assert plan.threads["main"].log == "recall"


def test_templates_named_by_options_are_kept(tmp_path: Path) -> None:
    prompts = planned(tmp_path).prompts
    assert set(prompts) == {f"pair/{name}.jinja2" for name in good.TEMPLATES}
    assert prompts["pair/summary.jinja2"] == good.TEMPLATES["summary"]


def test_the_digest_is_of_source_and_prompts(tmp_path: Path) -> None:
    first = planned(tmp_path)
    assert planned(tmp_path).digest == first.digest
    commented = planned(tmp_path, text="# a comment\n" + good.GOOD)
    assert commented.digest == first.digest
    assert planned(tmp_path, "core_limit=999").digest != first.digest
    file = good.write(tmp_path, templates={**good.TEMPLATES, "summary": "Shorter.\n"})
    assert compiling.compile(load.load(file)).plan.digest != first.digest


@pytest.mark.parametrize("name", [*load.names()])
def test_shipped_plans_survive_json(name: str) -> None:
    compiled = compiling.compile(load.load(name))
    text = compiling.plan_to_json(compiled.plan)
    assert compiling.plan_from_json(text) == compiled.plan
    assert compiling.plan_to_json(compiling.plan_from_json(text)) == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": 1}', "{"])
def test_a_damaged_plan_is_told(text: str) -> None:
    with pytest.raises(errors.AgentFileError, match="damaged"):
        compiling.plan_from_json(text)


def test_rules_survive_json(tmp_path: Path) -> None:
    rules = "{then: {archival_search: send_message}, first: archival_search, "
    rules += "at_most: {archival_search: 2}}"
    text = good.GOOD.replace("max_steps: 8}", f"max_steps: 8, rules: {rules}}}")
    plan = planned(tmp_path, text=text)
    assert plan.threads["main"].heartbeat.rules.then == {"archival_search": ("send_message",)}
    assert compiling.plan_from_json(compiling.plan_to_json(plan)) == plan


def test_errors_stop_the_compiler_and_warnings_do_not(tmp_path: Path) -> None:
    warned = good.GOOD.replace("temperature", "temprature")
    compiled = compiling.compile(load.load(good.write(tmp_path, warned)))
    assert [each.code for each in compiled.warnings] == ["unknown-option"]
    wrong = good.GOOD.replace("[send_message, arch", "[send_mesage, arch")
    with pytest.raises(errors.SpecError) as raised:
        compiling.compile(load.load(good.write(tmp_path, wrong)))
    assert [each.code for each in raised.value.problems] == ["unknown-name"]


def test_the_source_has_no_parameters_left(tmp_path: Path) -> None:
    source = planned(tmp_path, "core_limit=900").source
    assert source["stores"]["persona"]["limit"] == 900
    assert "${" not in json.dumps({k: v for k, v in source.items() if k != "params"})
