"""The nine kinds of tool rules as a run keeps them, and a person's approval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.graph import plan as plans
from archgraph.graph import tool_rules
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests import helpers
from tests.helpers import Death, Script, call

SAID = call("say", message="hi", request_heartbeat=False)
NOTE = call("note", content="x", request_heartbeat=False)
LINE = call("line", content="y", request_heartbeat=False)
LOOK = call("look", query="x", request_heartbeat=True)
TOOLS = {
    "say": ("reply",),
    "note": ("append", "human"),
    "line": ("append", "human"),
    "look": ("search", "recall"),
}


def made(mode: str = "foreground", **rules: Any) -> plans.Plan:
    beat = plans.HeartbeatPlan(
        when=("requested", "failed"), max_steps=6, rules=plans.ToolRules(**rules)
    )
    trigger = plans.TriggerPlan("event", event="agent.message", mode=mode)
    triggers = (helpers.USER,) if mode == "foreground" else (trigger,)
    main = helpers.thread(heartbeat=beat, context=(plans.ContextItem("recall"),), triggers=triggers)
    prompts = {"main": "You are {{ thread }}.\n{{ rules }}"}
    return helpers.plan(main, stores={"human": {"type": "block"}}, tools=TOOLS, prompts=prompts)


def talk(*answers: Any, **rules: Any) -> tuple[agents.Turn, Script, agents.Agent]:
    gateway = Script(*answers)
    agent = helpers.opened(made(**rules), gateway)
    return agent.send("hello"), gateway, agent


def failed(agent: agents.Agent, step: int = 1) -> str:
    return "".join(row.result for row in journal.calls(agent.db, step) if not row.ok)


def text(agent: agents.Agent) -> str:
    return "".join(r.content for r in agent.stores["human"].records.select())


def test_a_refused_call_names_the_rule_and_what_is_allowed() -> None:
    _, _, agent = talk(SAID, [NOTE, SAID], first=("note", "look"), at_most={"look": 1})
    assert failed(agent) == (
        "say was not called, a rule forbids it: the first call must be one of: note, look. "
        "Allowed now: note, look."
    )


def test_what_is_allowed_is_what_no_rule_forbids() -> None:
    rules = plans.ToolRules(
        then={"note": ("line", "look", "say")}, after={"say": ("line",)}, at_most={"look": 1}
    )
    progress = tool_rules.Progress({"look": 1, "note": 1}, "note")
    told = tool_rules.refusal(rules, ("say", "note", "line", "look"), progress, "say")
    assert told.endswith("right after: line. Allowed now: line.")
    dead = tool_rules.Progress({"line": 1, "note": 1, "look": 1}, "note")
    none = plans.ToolRules(then={"note": ("line",)}, at_most={"line": 1})
    assert "No tool is allowed now" in tool_rules.refusal(none, ("note", "line"), dead, "line")


def test_after_a_tool_may_only_be_called_right_after_another() -> None:
    look = call("look", query="x", request_heartbeat=True)
    turn, _, agent = talk(SAID, look, SAID, [NOTE, SAID], after={"say": ("note",)})
    assert "right after: note" in failed(agent, 1) and "right after: note" in failed(agent, 3)
    assert turn.replies == ("hi",)


def test_continue_goes_on_without_being_asked() -> None:
    assert talk(NOTE, SAID, go_on=("note",))[0].steps == 2
    assert talk(NOTE)[0].steps == 1


def test_a_branch_takes_the_next_tool_from_the_result() -> None:
    branch = plans.Branch({"no results*": ("note",), "showing *": ("say",)})
    turn, _, agent = talk(LOOK, SAID, NOTE, branch={"look": branch})
    assert "gave 'no results*', so the next call must be one of: note" in failed(agent, 2)
    assert turn.steps == 3 and text(agent) == "x"
    found = call("look", query="hello", request_heartbeat=False)
    turn, _, _ = talk(found, SAID, branch={"look": branch})  # it goes on for what must follow
    assert turn.replies == ("hi",)


@pytest.mark.parametrize(
    ("otherwise", "strict", "allowed"),
    [((), False, {"say", "look"}), (("say",), False, {"say"}), ((), True, {"look"})],
)
def test_what_follows_a_result_that_no_pattern_names(
    otherwise: tuple[str, ...], strict: bool, allowed: set[str]
) -> None:
    rules = plans.ToolRules(branch={"look": plans.Branch({"7": ("say",)}, otherwise, strict)})
    progress = tool_rules.Progress({"look": 1}, "look", tool_rules.matched(rules, "look", "eight"))
    legal = {t for t in ("say", "look") if not tool_rules.violation(rules, progress, t)}
    assert legal == allowed


def test_results_match_by_text_pattern_and_number() -> None:
    rules = plans.ToolRules(branch={"look": plans.Branch({"7": (), "Good*[ok]": (), "true": ()})})
    told = [tool_rules.matched(rules, "look", text) for text in
            ("7.0", " GOOD work\n [OK]", "True", "untrue", "good x")]  # fmt: skip
    assert told == ["7", "Good*[ok]", "true", "", ""]


def test_a_rule_sets_arguments_over_the_models_and_for_it() -> None:
    rules = {"first": ("note",), "prefill": {"": {"note": {"content": "from the rule"}}}}
    _, _, agent = talk(call("note", request_heartbeat=False), **rules)
    assert text(agent) == "from the rule"
    _, _, agent = talk(NOTE, **rules)
    assert text(agent) == "from the rule"
    then = {"then": {"note": ("line",)}, "prefill": {"note": {"line": {"content": "then"}}}}
    _, _, agent = talk([NOTE, LINE], **then)
    assert text(agent) == "x\nthen"


def test_text_where_a_call_must_follow_is_answered_with_what_is_missing() -> None:
    gateway = Script(NOTE, "I am done.", LINE)
    plan = made(then={"note": ("line",)})
    silent = plans.Plan(**{
        **{f: getattr(plan, f) for f in plan.__dataclass_fields__},
        "threads": {"main": helpers.replace(plan.threads["main"], tools=("note", "line"))},
    })  # fmt: skip
    agent = helpers.opened(silent, gateway)
    agent.send("hello")
    assert "Next you must call one of: line." in helpers.sent(gateway.requests[2])[-1]
    assert text(agent) == "x\ny"


def test_a_prompt_prints_the_rules() -> None:
    branch = {"look": plans.Branch({"no*": ("note",)}, strict=True)}
    _, gateway, _ = talk(
        [LOOK, NOTE, SAID], first=("look",), last=("say",), then={"line": ("say",)},
        after={"line": ("note",)}, branch=branch, at_most={"look": 2}, go_on=("line",),
        required=("note",), approval=("line",),
    )  # fmt: skip
    assert helpers.system(gateway.requests[0]).splitlines()[1:] == [
        "- Your first call must be look.",
        "- Right after line, call say.",
        "- Call line only right after note.",
        "- When look gives 'no*', call note.",
        "- When look gives anything else, call it again.",
        "- Call look at most 2 times in a run.",
        "- You act again after line.",
        "- Before you end, call note.",
        "- A person must agree to each call of line.",
        "- A call of say ends your run.",
    ]


# Approval


def test_a_denial_reaches_the_model_with_the_persons_reason() -> None:
    gateway = Script(NOTE, SAID)
    agent = helpers.opened(made(approval=("note",)), gateway)
    agent.world.approve = lambda tool, arguments: "not  before\nlunch"
    agent.send("hello")
    assert failed(agent).endswith("needs a person's approval, and it was not given: "
                                  "not before lunch")  # fmt: skip


def test_nobody_is_asked_about_a_call_that_a_rule_forbids() -> None:
    asked: list[str] = []

    def approve(tool: str, arguments: Any) -> bool:
        asked.append(tool)
        return True

    agent = helpers.opened(made(approval=("note",), first=("say",)), Script([NOTE], [SAID, NOTE]))
    agent.world.approve = approve
    agent.send("hello")
    assert asked == ["note"] and text(agent) == "x"


def test_nobody_is_asked_in_the_background() -> None:
    agent = helpers.opened(made("background", approval=("note",)), Script(NOTE, SAID))
    agent.world.approve = lambda tool, arguments: True
    agent.send("hello")
    agent.work()
    assert "nobody is asked in the background" in failed(agent)


def test_a_death_while_a_person_thinks_asks_again_and_calls_once(tmp_path: Path) -> None:
    place, asked = tmp_path / "agent.db", []
    gateway = Script(NOTE)
    agent = helpers.opened(made(approval=("note",)), gateway, place)

    def dies(tool: str, arguments: Any) -> bool:
        asked.append(arguments["content"])
        raise Death

    agent.world.approve = dies
    with pytest.raises(Death):
        agent.send("hello")
    helpers.die(agent)
    again = helpers.reopened(place, gateway)

    def agrees(tool: str, arguments: Any) -> bool:
        asked.append(arguments["content"])
        return True

    again.world.approve = agrees
    again.resume()
    assert asked == ["x", "x"] and text(again) == "x"
    assert len(gateway.requests) == 1  # the recorded answer was used


def test_a_death_after_the_answer_asks_again_and_calls_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, asked = tmp_path / "agent.db", []
    gateway = Script(NOTE)
    agent = helpers.opened(made(approval=("note",)), gateway, place)
    agent.world.approve = lambda tool, arguments: bool(asked.append(tool)) or True

    def dies(*given: Any) -> None:
        raise Death

    with monkeypatch.context() as patched, pytest.raises(Death):
        patched.setattr(journal, "close_step", dies)
        agent.send("hello")
    helpers.die(agent)
    again = helpers.reopened(place, gateway)
    assert text(again) == ""
    again.world.approve = lambda tool, arguments: bool(asked.append(tool)) or True
    again.resume()
    assert asked == ["note", "note"] and text(again) == "x"
