"""Pipelines: what each step takes and leaves, and that neither death nor failure loses anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph import api, clock, errors
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests import helpers
from tests.helpers import Answers, Death, call

HEAD = """
archgraph: 1
name: piped
stores:
  recall: {type: log, index: [text]}
  window: {type: queue, over: recall}
  facts: {type: collection, index: [text], ids: true}
  profile: {type: block}
  notes: {type: queue, capacity: 3}
tools:
  speak: {verb: reply}
threads:
  main:
    model: offline/extractive
    context_window: 8192
    prompt: main.jinja2
    log: recall
    context: [profile, {store: notes, cap: 200}, {store: facts, search: {k: 3}}, window]
    tools: [speak]
    triggers: [user_message]
  digest:
    kind: pipeline
    context_window: 4096
"""
EVERY = "    triggers: [{every: 1, of: main.turn}]\n    steps:\n"
READ = "      - {read: {store: recall, since: last_run, where: {role: user}}, as: said}\n"
EXTRACT = "      - {extract: {prompt: ask.jinja2, of: said, fields: {fact: text}}, as: found}\n"
WRITE = "      - {write: {to: facts, items: found}}\n"
STEP = (
    "      - {{python: {{call: 'my_steps:{}', of: said}}, as: x}}\n"
    "      - {{write: {{to: facts, items: x}}}}\n"
)


class Model(Answers):
    """Answers the talking thread with `Yes.`, and each typed question from a list."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(self._rule)
        self.answers, self.asked = list(answers), list[Any]()

    def _rule(self, request: Any) -> Any:
        if helpers.system(request).startswith("MAIN"):
            return call("speak", message="Yes.")
        self.asked.append(request)
        assert self.answers, f"nothing left to answer to {request.messages[-1]['content']}"
        item = self.answers.pop(0)
        return item(request) if callable(item) else item


def facts(*texts: str) -> Any:
    return call("answer", items=[{"fact": text} for text in texts])


def write(folder: Path, steps: str, triggers: str = EVERY) -> Path:
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / "main.jinja2").write_text("MAIN")
    (folder / "prompts" / "ask.jinja2").write_text("List the facts.")
    (folder / "prompts" / "sum.jinja2").write_text("Summarise in a line.")
    file = folder / "piped.yaml"
    file.write_text(HEAD + triggers + steps)
    return file


def opened(folder: Path, steps: str, model: Any, triggers: str = EVERY) -> agents.Agent:
    file = write(folder, steps, triggers)
    agent = api.open_agent(
        file, folder / "a.db", seed=3, clock=clock.VirtualClock(helpers.START), gateway=model
    )
    model.db = agent.db
    return agent


def held(agent: agents.Agent, store: str) -> list[str]:
    return [record.content for record in agent.stores[store].records.select()]


def events(agent: agents.Agent, name: str) -> list[dict[str, Any]]:
    return [dict(row.payload) for row in journal.events(agent.db) if row.name == name]


def body(request: Any) -> str:
    return str(request.messages[1]["content"])


def test_what_is_new_is_read_extracted_and_written(tmp_path: Path) -> None:
    model = Model(facts("Ann lives in Bergen", "Ann has a dog"), facts("Ann moved"))
    agent = opened(tmp_path, READ + EXTRACT + WRITE, model)
    agent.send("I am Ann. I live in Bergen with a dog.")
    agent.work()
    agent.send("I moved.")
    agent.work()
    assert held(agent, "facts") == ["Ann lives in Bergen", "Ann has a dog", "Ann moved"]
    assert "user: I am Ann" in body(model.asked[0])
    assert "I am Ann" not in body(model.asked[1])
    assert "user: I moved." in body(model.asked[1])
    assert "Yes." not in body(model.asked[0]), "`where` keeps what the agent itself said out"
    record = agent.stores["facts"].records.select()[0]
    said = agent.stores["recall"].records.select("json_extract(fields, '$.kind') = 'user'")
    assert record.derived_from == (said[0].id,)
    assert record.thread == "digest"


def test_the_question_is_a_tool_whose_arguments_are_the_fields(tmp_path: Path) -> None:
    model = Model(facts())
    agent = opened(tmp_path, READ + EXTRACT + WRITE, model)
    agent.send("Hello.")
    agent.work()
    (tool,) = model.asked[0].tools
    assert tool["function"]["name"] == "answer"
    items = tool["function"]["parameters"]["properties"]["items"]
    assert items["items"]["required"] == ["fact"]
    assert model.asked[0].tool_choice == "required"


def test_a_model_is_not_asked_about_nothing(tmp_path: Path) -> None:
    model = Model()
    steps = "      - {read: {store: facts}, as: said}\n" + EXTRACT + WRITE
    agent = opened(tmp_path, steps, model)
    agent.send("Hello.")
    agent.work()
    assert model.asked == []
    assert [e["items"] for e in events(agent, "digest.extract")] == [0]


def test_a_bad_answer_is_told_and_asked_for_again(tmp_path: Path) -> None:
    model = Model(call("answer", items=[{"fcat": "x"}]), "no call", facts("good"))
    agent = opened(tmp_path, READ + EXTRACT + WRITE, model)
    agent.send("Hello.")
    agent.work()
    assert held(agent, "facts") == ["good"]
    assert "missing argument 'fact'" in body(model.asked[1])
    assert "Answer by calling answer" in body(model.asked[2])
    status = [row.status for row in journal.steps(agent.db) if row.kind == "operator"]
    assert status == ["failed", "failed", "done"]


def test_bad_answers_end_the_run_at_a_bound_and_nothing_is_lost(tmp_path: Path) -> None:
    bad = call("answer", items="nonsense")
    model = Model(bad, bad, bad, facts("good"))
    agent = opened(tmp_path, READ + EXTRACT + WRITE, model)
    agent.send("First.")
    agent.work()
    (failed,) = events(agent, "run.failed")
    assert "3 answers of its model could not be used" in failed["reason"]
    assert agent.send("Second.").status == "done"
    agent.work()
    assert "First." in body(model.asked[3])
    assert "Second." in body(model.asked[3])
    assert held(agent, "facts") == ["good"]


def test_a_model_that_cannot_answer_ends_the_run_and_its_range_comes_again(
    tmp_path: Path,
) -> None:
    def down(request: Any) -> Any:
        raise errors.GatewayError("it is down")

    model = Model(down, facts("both"))
    agent = opened(tmp_path, READ + EXTRACT + WRITE, model)
    agent.send("First.")
    agent.work()
    assert agent.send("Second.").status == "done"
    agent.work()
    assert "First." in body(model.asked[1])


def test_each_takes_a_step_an_item_and_joins_the_results(tmp_path: Path) -> None:
    steps = READ + EXTRACT + (
        "      - {extract: {prompt: ask.jinja2, of: item, one: true,\n"
        "         fields: {score: {type: integer, least: 1, most: 10}}}, each: found, as: scores}\n"
        "      - {write: {to: facts, items: scores, content: 'scored {{ item.score }}'}}\n"
    )  # fmt: skip
    model = Model(facts("a", "b", "c"), *[call("answer", score=n) for n in (3, 30, 5)])
    agent = opened(tmp_path, steps, model)
    agent.send("Hello.")
    agent.work()
    assert held(agent, "facts") == ["scored 3", "scored 10", "scored 5"]
    assert [body(request) for request in model.asked[1:]] == [
        "## item\n- a", "## item\n- b", "## item\n- c",
    ]  # fmt: skip


def test_when_leaves_a_step_out_and_its_value_is_empty(tmp_path: Path) -> None:
    steps = (
        READ
        + "      - {read: facts, as: known, when: said|length > 1}\n"
        + "      - {write: {to: profile, content: 'known {{ known|length }}'}}\n"
    )
    agent = opened(tmp_path, steps, Model())
    agent.send("Hello.")
    agent.work()
    assert agent.stores["profile"].text == "known 0"  # type: ignore[attr-defined]
    assert events(agent, "digest.read") == [{"step": 0, "items": 1}]


@pytest.mark.parametrize(
    ("decision", "left"),
    [
        ("add", ["Ann lives in Bergen", "Ann lives in Oslo"]),
        ("update", ["Ann lives in Oslo"]),
        ("delete", []),
        ("noop", ["Ann lives in Bergen"]),
    ],
)
def test_resolve_applies_what_the_model_decides(
    tmp_path: Path, decision: str, left: list[str]
) -> None:
    def decide(request: Any) -> Any:
        properties = request.tools[0]["function"]["parameters"]["properties"]
        (known,) = [id for id in properties["id"]["enum"] if id]
        return call("answer", decision=decision, id=known, content="")

    steps = READ + EXTRACT + (
        "      - {resolve: {into: facts, prompt: ask.jinja2}, each: found, as: done}\n"
    )  # fmt: skip
    model = Model(facts("Ann lives in Bergen"), facts("Ann lives in Oslo"), decide)
    agent = opened(tmp_path, steps, model)
    for text in ("One.", "Two."):
        agent.send(text)
        agent.work()
    assert held(agent, "facts") == left
    assert [e["decision"] for e in events(agent, "digest.resolve")] == ["add", decision]
    assert "## candidates" in body(model.asked[2])


def test_a_rule_decides_without_a_model(tmp_path: Path) -> None:
    steps = READ + EXTRACT + (
        "      - {resolve: {into: facts, same: 0.5, then: noop}, each: found, as: done}\n"
    )  # fmt: skip
    model = Model(facts("Ann lives in Bergen"), facts("Ann lives in Bergen"))
    agent = opened(tmp_path, steps, model)
    for text in ("One.", "Two."):
        agent.send(text)
        agent.work()
    assert held(agent, "facts") == ["Ann lives in Bergen"]


def test_it_can_work_before_the_answer(tmp_path: Path) -> None:
    first = "    triggers: [user_message]\n    steps:\n"
    steps = (
        "      - {read: {store: recall, since: turn}, as: said}\n"
        "      - {write: {to: profile, content: 'heard {{ said[0].content }}'}}\n"
    )
    file = write(tmp_path, steps, first)
    late = file.read_text().replace(
        "triggers: [user_message]\n  digest",
        "triggers: [{event: digest.turn, say: false}]\n  digest",
    )
    file.write_text(late)
    windows: list[str] = []

    def rule(request: Any) -> Any:
        windows.append(helpers.system(request))
        return call("speak", message="Yes.")

    agent = api.open_agent(file, tmp_path / "a.db", clock=clock.VirtualClock(1.7e9),
                           gateway=Answers(rule))  # fmt: skip
    assert agent.send("Good morning").status == "done"
    assert "heard Good morning" in windows[0]


def test_a_run_that_is_due_again_is_taken_again(tmp_path: Path) -> None:
    agent: Any = None

    def late(request: Any) -> Any:
        agent.observe("Later.")  # arrives while the pipeline waits for its model
        return facts("one")

    triggers = "    triggers: [{event: agent.message, mode: background}]\n    steps:\n"
    model = Model(late, facts("two"))
    agent = opened(tmp_path, READ + EXTRACT + WRITE, model, triggers)
    agent.observe("First.")
    agent.work()
    assert held(agent, "facts") == ["one", "two"]
    assert "Later." in body(model.asked[1])
    assert "First." not in body(model.asked[1])


STORY = READ + EXTRACT + (
    "      - {write: {to: facts, items: found, set: {kind: fact}}, as: kept}\n"
    "      - {summarize: {prompt: sum.jinja2, of: [profile, kept]}, as: text}\n"
    "      - {write: {to: profile, items: text}}\n"
    "      - {write: {to: notes, content: 'kept {{ kept|length }}'}}\n"
)  # fmt: skip


def story() -> list[Any]:
    return [facts("a", "b"), "A and B.", facts("c"), "A, B and C."]


class Steady(Model):
    """Gives the same answers to the same questions, however often it is asked."""

    def _rule(self, request: Any) -> Any:
        if helpers.system(request).startswith("MAIN"):
            return call("speak", message="Yes.")
        self.asked.append(request)
        found = [
            n for n, sign in enumerate(("One.", "- a", "Two.", "- c")) if sign in body(request)
        ]
        return story()[found[-1]]


def dump(agent: agents.Agent) -> list[Any]:
    tables = ("record", "link", "event", "call", "turn", "state")
    return [(t, row) for t in tables for row in agent.db.all(f"SELECT * FROM {t} ORDER BY 1, 2")]


def live(folder: Path, model: Any, agent: Any = None) -> agents.Agent:
    agent = agent or opened(folder, STORY, model)
    for text in ("One.", "Two."):
        agent.send(text)
        agent.work()
    return agent


def test_a_kill_at_any_commit_changes_nothing(tmp_path: Path) -> None:
    """Die at each commit of the story; the file goes on to what an unkilled run leaves."""
    (tmp_path / "whole").mkdir()
    whole = live(tmp_path / "whole", Steady())
    expected, commits, died = dump(whole), whole.db.version, 0
    for at in range(2, commits + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        model = Steady()
        agent = opened(folder, STORY, model)
        _kill_at(agent, at)
        try:
            live(folder, model, agent)
        except Death:
            died += 1
            helpers.die(agent)
            agent = helpers.reopened(folder / "a.db", model)
            agent.work()
            done = agent.db.value("SELECT count(*) FROM turn WHERE status != 'open'")
            for text in ("One.", "Two.")[done:]:
                agent.send(text)
                agent.work()
        assert dump(agent) == expected, f"killed at commit {at}"
        unrecorded = len(model.asked) - len(story())
        assert unrecorded in (0, 1), f"killed at commit {at}, a recorded answer was asked for again"
    assert died > 15


def _kill_at(agent: agents.Agent, version: int) -> None:
    """Let the process die as that commit begins."""
    db = agent.db
    begin = db.transaction

    def transaction() -> Any:
        if db.version + 1 >= version and not db.in_transaction:
            raise Death
        return begin()

    db.transaction = transaction  # type: ignore[method-assign]


def test_two_runs_leave_the_same_bytes(tmp_path: Path) -> None:
    dumps = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        dumps.append(json.dumps(dump(live(tmp_path / name, Model(*story()))), default=str))
    assert dumps[0] == dumps[1]


def test_a_fork_in_the_middle_goes_on_alone(tmp_path: Path) -> None:
    model = Model(*story())
    agent = opened(tmp_path, STORY, model)
    agent.send("One.")
    agent.work()
    fork = agent.fork(
        str(tmp_path / "fork.db"), setup=agents.Setup(gateway=Model(facts("z"), "Z."))
    )
    fork.send("Other.")
    fork.work()
    assert held(fork, "facts") == ["a", "b", "z"]
    assert held(agent, "facts") == ["a", "b"]


def test_what_a_request_was_is_kept(tmp_path: Path) -> None:
    model = Model(facts("a"))
    agent = opened(tmp_path, READ + EXTRACT + WRITE, model)
    agent.send("Hello.")
    agent.work()
    (row,) = [row for row in journal.steps(agent.db) if row.kind == "operator"]
    assert agent.window(row.id)["messages"] == list(model.asked[0].messages)


def test_more_than_its_limit_is_left_for_the_next_run(tmp_path: Path) -> None:
    read = READ.replace("where", "limit: 60, where")
    model = Model(facts("a"), facts("b"), facts("c"))
    due = "    triggers: [{every: 3, of: agent.message, mode: background}]\n    steps:\n"
    agent = opened(tmp_path, read + EXTRACT + WRITE, model, due)
    for n in range(9):
        agent.observe(f"Message number {n} of a long day with many words in it.")
        agent.work()
    texts = "\n".join(map(body, model.asked))
    shown = [n for n in range(9) if f"number {n} " in texts]
    assert shown == list(range(len(shown)))
    assert all(texts.count(f"number {n} ") == 1 for n in shown)
    assert 3 <= len(shown) < 9


def test_what_it_has_changed_itself_is_no_news(tmp_path: Path) -> None:
    """A pipeline that marks what it has read would read it again, for ever."""
    steps = (
        "      - {read: {store: facts, since: last_run, most: 1}, as: found}\n"
        "      - {update: {in: facts, items: found, set: {seen: 'yes'}}}\n"
    )
    agent = opened(tmp_path, steps, Model())
    with agent.db.transaction():
        for text in ("one", "two"):
            agent.stores["facts"].keep(text)
    agent.send("Hello.")
    agent.work()
    assert [item["items"] for item in events(agent, "digest.read")][:2] == [1, 1]
    assert sum(item["items"] for item in events(agent, "digest.read")) == 2
    assert all(r.fields == {"seen": "yes"} for r in agent.stores["facts"].records.select())


def test_a_function_is_found_beside_the_file_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "my_steps.py").write_text(
        "def loud(said):\n    return said[0]['content'].upper()\n"
    )
    agent = opened(tmp_path, READ + STEP.format("loud"), Model())
    agent.send("Hello.")
    agent.work()
    assert held(agent, "facts") == ["HELLO."]
    agent.close()
    agent = api.open_agent(tmp_path / "a.db", gateway=Model())
    agent.send("Bye.")
    agent.work()
    assert held(agent, "facts") == ["HELLO.", "BYE."]


def test_a_plugins_bug_ends_the_run_not_the_agent(tmp_path: Path) -> None:
    (tmp_path / "my_steps.py").write_text("def boom(said):\n    raise ValueError('boom')\n")
    agent = opened(tmp_path, READ + STEP.format("boom"), Model())
    assert agent.send("Hello.").status == "done"
    agent.work()
    (failed,) = events(agent, "run.failed")
    assert "my_steps:boom failed inside: ValueError: boom" in failed["reason"]


def test_what_each_walks_is_frozen_at_its_first_item(tmp_path: Path) -> None:
    """The step removes what the expression counts, and is still taken for every item."""
    steps = READ + EXTRACT + WRITE + (
        "      - {read: {store: facts}, as: all}\n"
        "      - {forget: {in: facts, items: item.id},"
        " each: \"all if counts.facts > 2 else []\", as: gone}\n"
    )  # fmt: skip
    agent = opened(tmp_path, steps, Model(facts("a", "b", "c", "d")))
    agent.send("Hello.")
    agent.work()
    assert held(agent, "facts") == []
    assert len(events(agent, "digest.forget")) == 4
