"""Every input byte changes the ids of exactly what depends on it, and nothing else does.

The world is small: two architectures of the user's own, one of which calls a Python function, a
JSONL file of two conversations, a scorer of the user's own that looks at one category only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from archgraph.llm import tokens
from archgraph.storage import driver
from archgraph.suites import plan as plans
from archgraph.suites.planning import arguments, build, identity, load, sources

SUITE = """\
suite: world
architectures: [alpha.yaml, beta.yaml]
datasets: [{jsonl: {path: rows.jsonl}}]
scorers: [exact, "own.py:Late", {judge: {}}]
judge: offline/extractive
"""

ALPHA = """\
archgraph: 1
name: alpha
about: Sees the newest messages.
params: {model: offline/extractive, window: 4000}
stores:
  recall: {type: log, page_size: 4}
tools:
  answer: {verb: reply}
  look: {python: "helpers:look", about: Look at something.}
threads:
  main:
    model: "${model}"
    context_window: "${window}"
    prompt: alpha.jinja2
    context: [{store: recall, cap: 500}]
    tools: all
    triggers: [user_message]
    heartbeat: {when: [called], max_steps: 3}
"""

BETA = """\
archgraph: 1
name: beta
stores:
  recall: {type: log}
  jobs: {type: tasks}
tools:
  answer: {verb: reply}
  push: {verb: push, stores: [jobs]}
threads:
  main:
    model: offline/extractive
    context_window: 6000
    prompt: beta.jinja2
    log: recall
    context: [{store: recall, cap: 500}, jobs]
    tools: all
    triggers: [user_message]
    options: {temperature: 0}
"""

OWN = '''\
"""A scorer of one category."""

from archgraph.suites.scoring import base


class Late(base.Scorer):
    """1 for everything that was asked late."""

    def applies(self, case):
        return case.category == "late"

    def score(self, outcome, ask):
        return base.Score(1.0)
'''

ROWS: list[dict[str, Any]] = [
    {"conversation": "one", "items": [{"id": "a", "text": "Tom is a cat."},
                                      {"id": "b", "text": "Rex is a dog."}]},
    {"conversation": "one", "id": "q1", "question": "Who is Tom?", "answers": ["a cat"],
     "evidence": ["a"], "category": "early"},
    {"conversation": "one", "id": "q2", "question": "Who is Rex?", "answers": ["a dog"],
     "evidence": ["b"], "category": "late"},
    {"conversation": "two", "items": [{"id": "c", "text": "Ann has a boat."}]},
    {"conversation": "two", "id": "q3", "question": "What has Ann?", "answers": ["a boat"],
     "evidence": ["c"], "category": "early"},
]  # fmt: skip

FILES = {
    "suite.yaml": SUITE,
    "alpha.yaml": ALPHA,
    "beta.yaml": BETA,
    "prompts/alpha.jinja2": "You are {{ thread }}. Be brief.\n",
    "prompts/beta.jinja2": "You are {{ thread }}, too.\n",
    "helpers.py": 'import deeper\n\n\ndef look(what: str) -> str:\n    """Look.\n\n    Args:\n'
                  '        what: At what.\n    """\n    return deeper.answer(what)\n',
    "deeper.py": "def answer(what):\n    return what\n",
    "own.py": OWN,
    "rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
}  # fmt: skip

Key = tuple[str, ...]


@dataclass
class World:
    """The files of a suite, and the ids that they give."""

    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        self.write(name, text.replace(old, new))

    def plan(self, given: arguments.Given | None = None) -> plans.RunPlan:
        forget()
        return build.plan(load.suite(self.folder / "suite.yaml", given))


def forget() -> None:
    """As in a new process: no source is remembered."""
    for module in (sources, identity):
        for each in vars(module).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    for name, text in FILES.items():
        made.write(name, text)
    return made


def trials(plan: plans.RunPlan) -> dict[Key, str]:
    return {(t.arm, t.case, str(t.ingest_seed), str(t.answer_seed), str(t.judge_seed)): t.id
            for t in plan.trials}  # fmt: skip


def histories(plan: plans.RunPlan) -> dict[Key, str]:
    return {(h.arm, h.conversation, str(h.seed)): h.id for h in plan.histories}


def changed(before: Mapping[Key, str], after: Mapping[Key, str]) -> set[Key]:
    """The keys of both whose ids differ, without seeds."""
    assert before.keys() == after.keys()
    return {key[:2] for key in before if before[key] != after[key]}


ALL_TRIALS = {(arm, case) for arm in ("alpha", "beta") for case in ("q1", "q2", "q3")}
ALL_HISTORIES = {(arm, name) for arm in ("alpha", "beta") for name in ("one", "two")}
OF_ALPHA = {key for key in ALL_TRIALS if key[0] == "alpha"}
OF_BETA = {key for key in ALL_TRIALS if key[0] == "beta"}
LATE = {("alpha", "q2"), ("beta", "q2")}
ONE = {key for key in ALL_TRIALS if key[1] in ("q1", "q2")}
FED_ONE = {("alpha", "one"), ("beta", "one")}

# (file, old, new, the trials that change, the histories that change)
BYTES: list[tuple[str, str, str, set[Key], set[Key]]] = [
    ("prompts/alpha.jinja2", "You are", "You Are", OF_ALPHA, {("alpha", "one"), ("alpha", "two")}),
    ("alpha.yaml", "page_size: 4", "page_size: 5", OF_ALPHA, {("alpha", "one"), ("alpha", "two")}),
    ("alpha.yaml", "max_steps: 3", "max_steps: 4", OF_ALPHA, {("alpha", "one"), ("alpha", "two")}),
    ("alpha.yaml", "Look at something", "Look at it", OF_ALPHA,
     {("alpha", "one"), ("alpha", "two")}),
    ("alpha.yaml", "window: 4000", "window: 4001", OF_ALPHA, {("alpha", "one"), ("alpha", "two")}),
    ("alpha.yaml", "offline/extractive", "openai/gpt-4o", OF_ALPHA,
     {("alpha", "one"), ("alpha", "two")}),
    ("beta.yaml", "temperature: 0", "temperature: 1", OF_BETA, {("beta", "one"), ("beta", "two")}),
    ("helpers.py", "return deeper", "return  deeper", OF_ALPHA,
     {("alpha", "one"), ("alpha", "two")}),
    ("deeper.py", "return what", "return what  # as it is", OF_ALPHA,
     {("alpha", "one"), ("alpha", "two")}),
    ("rows.jsonl", "Tom is a cat.", "Tom is a cat!", ONE, FED_ONE),
    ("rows.jsonl", "Who is Tom?", "Who was Tom?", {("alpha", "q1"), ("beta", "q1")}, set()),
    ("rows.jsonl", '"a cat"', '"the cat"', {("alpha", "q1"), ("beta", "q1")}, set()),
    ("rows.jsonl", '"evidence": ["b"]', '"evidence": ["a"]', LATE, set()),
    ("rows.jsonl", '"category": "late"', '"category": "last"', LATE, set()),
    ("own.py", "Score(1.0)", "Score(0.5)", LATE, set()),
    ("own.py", '"""A scorer', '"""The scorer', LATE, set()),
    ("suite.yaml", "judge: {}", "judge: lenient", ALL_TRIALS, set()),
    ("suite.yaml", "judge: offline/extractive", "judge: openai/gpt-4o", ALL_TRIALS, set()),
    ("suite.yaml", "suite: world", "suite: world\nmode: converse", ALL_TRIALS, ALL_HISTORIES),
    ("suite.yaml", "suite: world", "suite: world\nseed: 1", ALL_TRIALS, ALL_HISTORIES),
    ("suite.yaml", "suite: world", "suite: world\nfaults: {rate: 0.1}", ALL_TRIALS, ALL_HISTORIES),
    ("suite.yaml", "suite: world", "suite: world\nbudget: {tokens_per_case: 9}", ALL_TRIALS, set()),
    ("suite.yaml", "suite: world", "suite: world\nbudget: {ingest_tokens: 9}", ALL_TRIALS,
     ALL_HISTORIES),
    ("suite.yaml", "suite: world", "suite: world\nembedder: hashed/64", ALL_TRIALS, ALL_HISTORIES),
    ("suite.yaml", "path: rows.jsonl", "path: rows.jsonl, name: other", ALL_TRIALS, ALL_HISTORIES),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "asked", "fed"), BYTES,
                         ids=[f"{each[0]}: {each[2][-30:]!r}" for each in BYTES])  # fmt: skip
def test_a_byte_changes_exactly_what_depends_on_it(
    world: World, file: str, old: str, new: str, asked: set[Key], fed: set[Key]
) -> None:
    before = world.plan()
    world.replace(file, old, new)
    after = world.plan()
    now = {(k[0], *k[1:2], "0", *k[3:]): v for k, v in trials(after).items()}
    then = {(k[0], *k[1:2], "0", *k[3:]): v for k, v in trials(before).items()}
    if "seed: 1" in new:  # seeds are part of the keys
        assert not set(then.values()) & set(now.values())
        return
    assert changed(then, now) == asked
    assert changed(histories(before), histories(after)) == fed


# Nothing else

NOTHING: list[tuple[str, str, str]] = [
    ("alpha.yaml", "name: alpha", "# a comment\nname: alpha"),
    ("alpha.yaml", "about: Sees the newest messages.", "about: Sees something else."),
    ("alpha.yaml", "{type: log, page_size: 4}", "{page_size: 4,  type: log}"),
    ("alpha.yaml", "stores:\n  recall: {type: log, page_size: 4}\n", ""),  # moved, see below
    ("suite.yaml", "suite: world", "suite: other"),
    ("suite.yaml", "suite: world", "# a comment\nsuite:    world\nabout: x\nquestion: y"),
    ("suite.yaml", "suite: world", "suite: world\nmax_cost: 3\nmax_calls: 9\nalpha: 0.01"),
    ("suite.yaml", "suite: world", "suite: world\nmargin: 0.1\nfamily: run\nprimary: Late"),
    ("suite.yaml", "suite: world", "suite: world\nbaseline: beta"),
    ("suite.yaml", "[alpha.yaml, beta.yaml]", "[beta.yaml, alpha.yaml]"),
    ("suite.yaml", "[alpha.yaml, beta.yaml]", "[alpha.yaml, beta.yaml, memgpt]"),
    ("suite.yaml", "suite: world", "suite: world\nvary: {alpha.window: [5000]}"),
    ("suite.yaml", "suite: world", "suite: world\nablate: {beta: [jobs]}"),
    ("suite.yaml", "suite: world", "suite: world\nseeds: {ingest: 2, answer: 2, judge: 2}"),
    ("suite.yaml", 'exact, "own.py:Late"', '"own.py:Late", exact'),
    ("beta.yaml", "temperature: 0", "temperature: 0, api_key_env: MY_KEY"),
    ("beta.yaml", "temperature: 0", "temperature: 0, timeout: 5"),
]


@pytest.mark.parametrize(("file", "old", "new"), NOTHING,
                         ids=[f"{each[0]}: {each[2][-30:]!r}" for each in NOTHING])  # fmt: skip
def test_nothing_else_changes_an_id(world: World, file: str, old: str, new: str) -> None:
    before = world.plan()
    world.replace(file, old, new)
    if not new:  # a section at another place of the file
        world.write(file, (world.folder / file).read_text() + old)
    after = world.plan()
    assert trials(before).items() <= trials(after).items()
    assert histories(before).items() <= histories(after).items()


def test_where_the_files_lie_changes_nothing(world: World, tmp_path: Path) -> None:
    before = world.plan()
    moved = World(tmp_path / "elsewhere")
    for name, text in FILES.items():
        moved.write(name, text)
    assert trials(moved.plan()) == trials(before)


def test_equal_plans_have_equal_ids(world: World) -> None:
    assert world.plan().trials == world.plan().trials


# Code and libraries


def mutated(monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """One byte of a source file is another one, in what planning reads."""
    read = sources._data.__wrapped__
    hits: list[Path] = []

    def data(path: Path) -> bytes:
        found: bytes = read(path)
        if str(path).endswith(ending):
            hits.append(path)
            return found + b"#"
        return found

    monkeypatch.setattr(sources, "_data", data)


SOURCES: list[tuple[str, set[Key], set[Key]]] = [
    ("archgraph/runtime/step.py", ALL_TRIALS, ALL_HISTORIES),
    ("archgraph/storage/records.py", ALL_TRIALS, ALL_HISTORIES),
    ("archgraph/stores/tasks.py", OF_BETA, {("beta", "one"), ("beta", "two")}),
    ("archgraph/stores/agenda.py", OF_BETA, {("beta", "one"), ("beta", "two")}),
    ("archgraph/stores/collection.py", set(), set()),
    ("archgraph/llm/extractive_answering.py", ALL_TRIALS, ALL_HISTORIES),
    ("archgraph/llm/litellm_gateway.py", set(), set()),
    ("archgraph/suites/running/trial.py", ALL_TRIALS, ALL_HISTORIES),
    ("archgraph/suites/datasets/jsonl.py", ALL_TRIALS, ALL_HISTORIES),
    ("archgraph/suites/datasets/locomo.py", set(), set()),
    ("archgraph/suites/scoring/judge.py", ALL_TRIALS, set()),
    ("archgraph/suites/scoring/run.py", ALL_TRIALS, set()),
    ("archgraph/suites/scoring/evidence.py", set(), set()),
    ("archgraph/suites/running/brokered.py", ALL_TRIALS, set()),
    ("archgraph/suites/running/rows.py", ALL_TRIALS, ALL_HISTORIES),
    ("archgraph/suites/running/losses.py", ALL_TRIALS, ALL_HISTORIES),
    ("archgraph/suites/running/ledger.py", set(), set()),
    ("archgraph/suites/running/wire.py", set(), set()),
    ("archgraph/suites/reporting/table.py", set(), set()),
    ("archgraph/suites/planning/build.py", set(), set()),
    ("archgraph/cli/run.py", set(), set()),
    ("archgraph/graph/draw.py", set(), set()),
]


@pytest.mark.parametrize(("file", "asked", "fed"), SOURCES, ids=[each[0] for each in SOURCES])
def test_code_changes_what_it_makes(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str, asked: set[Key], fed: set[Key]
) -> None:
    before = world.plan()
    mutated(monkeypatch, file)
    after = world.plan()
    assert changed(trials(before), trials(after)) == asked
    assert changed(histories(before), histories(after)) == fed


def _version(package: str) -> Callable[[pytest.MonkeyPatch], None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        true = identity.version.__wrapped__
        monkeypatch.setattr(
            identity, "version", lambda name: "99" if name == package else true(name)
        )

    return patch


def _sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    true = driver.driver()

    class Newer:
        version = true.version + ".1"

    monkeypatch.setattr(driver, "driver", Newer)


def _tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.counter.cache_clear()
    monkeypatch.setattr(tokens.TokenCounter, "__init__", _renamed)


def _renamed(self: Any, id: str, *, exact: bool, factor: float = 1.0) -> None:
    self.id, self.exact, self.factor = f"{id}x", exact, factor


@pytest.fixture
def _clean_counters() -> Iterator[None]:
    yield
    tokens.counter.cache_clear()


@pytest.mark.parametrize(
    "patch", [_version("sqlite-vec"), _version("numpy"), _version("jinja2"), _sqlite, _tokenizer],
    ids=["sqlite-vec", "numpy", "jinja2", "SQLite", "tokenizer"],
)  # fmt: skip
@pytest.mark.usefixtures("_clean_counters")
def test_a_library_changes_everything(
    world: World, monkeypatch: pytest.MonkeyPatch, patch: Callable[[pytest.MonkeyPatch], None]
) -> None:
    before = world.plan()
    patch(monkeypatch)
    after = world.plan()
    assert changed(trials(before), trials(after)) == ALL_TRIALS
    assert changed(histories(before), histories(after)) == ALL_HISTORIES


def test_what_a_recording_holds_is_what_its_model_is(world: World, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("[]")
    given = arguments.Given(models=(f"scripted/{path}",))
    before = world.plan(given)
    path.write_text("[ ]")
    assert changed(trials(before), trials(world.plan(given))) == ALL_TRIALS
    copy = tmp_path / "copy.jsonl"
    copy.write_text("[ ]")
    moved = world.plan(arguments.Given(models=(f"scripted/{copy}",)))
    assert not changed(trials(world.plan(given)), trials(moved))


# Parts


def test_parts_say_what_they_stand_for(world: World) -> None:
    plan = world.plan()
    trial = plan.trials[0]
    parts = {**plan.parts[trial.history], **plan.parts[trial.id]}
    assert {"prompt alpha.jinja2", "store recall", "tool look", "thread main", "model of main",
            "function helpers:look", "gateway offline", "store type log", "embedder", "tokenizer",
            "engine", "SQLite", "items", "question", "answers", "evidence", "scorer exact",
            "judge", "ingest seed", "answer seed", "judge seed", "mode", "faults",
            "budget"} <= parts.keys()  # fmt: skip
    assert "scorer Late" not in parts, "it has nothing to say about this case"
    for digest in parts.values():
        assert plan.inputs[digest]
        assert "\n" not in plan.inputs[digest]
    assert parts["history"] == trial.history


def test_equal_arms_are_refused(world: World) -> None:
    from archgraph import errors

    world.replace("suite.yaml", "[alpha.yaml, beta.yaml]", "[alpha.yaml, {alpha.yaml: {as: twin}}]")
    with pytest.raises(errors.SpecError, match="'alpha' and 'twin' are the same"):
        world.plan()


def test_what_trials_share_is_digested_once() -> None:
    """A thousand trials of 500 histories: parts for items and cases, not for each trial."""
    task = "nested_kv:depths=[0,1,2,3],orderings=125"
    plan = build.plan(load.from_arguments(["memgpt", "fixed_window"], [task]))
    assert len(plan.trials) == 1000
    assert len(plan.inputs) < 6 * 500
