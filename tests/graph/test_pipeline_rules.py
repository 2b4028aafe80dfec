"""Faults of pipelines are told with their place, and what is right is not complained about."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph import errors
from archgraph.graph import check, compile, design, diff
from archgraph.spec import load
from tests.runtime import test_pipelines as piped

GOOD = piped.READ + piped.EXTRACT + piped.WRITE


def problems(folder: Path, steps: str, *overrides: str) -> list[errors.Problem]:
    return check.check(piped.write(folder, steps), overrides)


def test_a_good_one_has_no_problems(tmp_path: Path) -> None:
    assert [str(p) for p in problems(tmp_path, GOOD) if "never-written" not in p.code] == []


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("extract:", "extrat:", "unknown-operator", 'did you mean "extract"'),
        ("fields:", "feilds:", "unknown-key", 'did you mean "fields"'),
        ("of: said", "of: siad", "unknown-value", 'did you mean "said"'),
        ("items: found", "items: fuond", "unknown-value", 'did you mean "found"'),
        ("to: facts", "to: fatcs", "unknown-name", 'did you mean "facts"'),
        ("to: facts", "to: window", "wrong-kind", "write into recall"),
        ("store: recall", "store: recal", "unknown-name", 'did you mean "recall"'),
        ("since: last_run", "since: yesterday", "wrong-value", "last_run"),
        ("fact: text", "fact: txet", "wrong-value", "text"),
        (
            "prompt: ask.jinja2",
            "prompt: asc.jinja2",
            "template-missing",
            'did you mean "ask.jinja2"',
        ),
        ("prompt: ask.jinja2, ", "", "missing-key", "prompt"),
        ("as: found", "as: facts", "duplicate-name", "another name"),
        (", as: found", "", "unknown-value", "found"),
        ("items: found", "items: item", "unknown-value", "each"),
        ("as: said", "as: said, when: 'said >'", "template-syntax", ""),
        ("as: found", "as: found, when: verdict.good", "unknown-value", "verdict"),
        ("as: found", "as: found, each: nothing", "unknown-value", "nothing"),
    ],
)
def test_a_fault_is_told(tmp_path: Path, old: str, new: str, code: str, says: str) -> None:
    assert old in GOOD
    found = [p for p in problems(tmp_path, GOOD.replace(old, new, 1)) if p.severity == "error"]
    if not code:
        assert found == []
        return
    assert code in [p.code for p in found], [str(p) for p in found]
    told = next(p for p in found if p.code == code)
    assert says in str(told)
    assert told.line > 0
    if new:
        lines = (tmp_path / "piped.yaml").read_text().split("\n")
        assert new.split(",")[0].split(":")[0] in lines[told.line - 1]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("my_stebs:loud", "put my_stebs.py beside the architecture"),
        ("my_steps:lout", 'did you mean "loud"'),
        ("my_steps:QUIET", "is no function"),
    ],
)
def test_a_function_that_cannot_be_had(tmp_path: Path, target: str, says: str) -> None:
    (tmp_path / "my_steps.py").write_text("QUIET = 1\n\ndef loud(said):\n    return said\n")
    good = piped.READ + piped.STEP.format("loud")
    assert [p for p in problems(tmp_path, good) if p.severity == "error"] == []
    (told,) = [
        p
        for p in problems(tmp_path, good.replace("my_steps:loud", target))
        if p.severity == "error"
    ]
    assert told.code == "python-tool"
    assert says in str(told)
    assert told.path == "threads.digest.steps[1].python.call"


def test_two_operators_in_a_step_and_none(tmp_path: Path) -> None:
    both = GOOD + "      - {read: recall, write: {to: facts}}\n"
    assert "read and write in one step" in "\n".join(map(str, problems(tmp_path, both)))
    none = GOOD + "      - {as: x}\n"
    assert "the step has no operator" in "\n".join(map(str, problems(tmp_path, none)))


def test_a_store_that_no_pipeline_can_search(tmp_path: Path) -> None:
    steps = GOOD + "      - {retrieve: {from: profile, query: said}, as: x}\n"
    told = [p for p in problems(tmp_path, steps) if p.code == "wrong-kind"]
    assert "'profile' is a block" in str(told[0])
    assert "facts" in str(told[0])


def test_nothing_can_be_said_to_a_pipeline(tmp_path: Path) -> None:
    file = piped.write(tmp_path, GOOD, piped.EVERY.replace("turn}", "turn, say: main.jinja2}"))
    assert "pipeline-say" in [p.code for p in check.check(file)]


def test_a_pipeline_that_writes_nothing_is_warned_of(tmp_path: Path) -> None:
    assert "useless-pipeline" in [p.code for p in problems(tmp_path, piped.READ)]


def test_a_pipeline_must_not_make_itself_due_for_ever(tmp_path: Path) -> None:
    triggers = "    triggers: [{event: facts.write}]\n    steps:\n"
    file = piped.write(tmp_path, GOOD, triggers)
    assert "trigger-cycle" in [p.code for p in check.check(file)]


def test_the_budget_of_its_largest_request_is_proven(tmp_path: Path) -> None:
    file = piped.write(tmp_path, GOOD)
    text = file.read_text().replace("context_window: 4096", "context_window: 600")
    file.write_text(text)
    (told,) = [p for p in check.check(file) if p.code == "budget"]
    assert "said below the instructions, at its cap" in str(told)
    assert "threads.digest" in told.path


@pytest.mark.parametrize(
    ("node", "left"),
    [("facts", []), ("profile", ["read", "extract", "write"]), ("notes", 3)],
)
def test_a_removed_store_takes_its_steps_along(tmp_path: Path, node: str, left: object) -> None:
    file = piped.write(tmp_path, GOOD)
    found = load.read(file, [f"{node}=null"])
    kept = [step.operator for step in found.spec.steps["digest"]]
    if node == "facts":
        assert kept == ["read", "extract"]
    else:
        assert kept == ["read", "extract", "write"]


def test_what_is_left_dangling_is_told(tmp_path: Path) -> None:
    steps = GOOD + "      - {write: {to: profile, content: 'kept {{ known|length }}'}}\n"
    steps = steps.replace(
        "write: {to: facts, items: found}}", "write: {to: facts, items: found}, as: known}", 1
    )
    told = [p for p in problems(tmp_path, steps, "facts=null") if p.severity == "error"]
    assert [p.code for p in told] == ["unknown-value"]
    assert "known" in str(told[0])


def test_the_plan_of_a_pipeline_survives_its_file(tmp_path: Path) -> None:
    plan = compile.compile(load.load(piped.write(tmp_path, GOOD))).plan
    again = compile.plan_from_json(compile.plan_to_json(plan))
    assert again == plan
    assert again.threads["digest"].pipeline
    assert [step.operator for step in again.threads["digest"].steps] == ["read", "extract", "write"]


def test_its_stores_are_edges(tmp_path: Path) -> None:
    from archgraph.graph import assemble, build

    built = assemble.make(design.of(load.load(piped.write(tmp_path, GOOD))))
    edges = {edge[:3] for edge in build.edges(built, build.references(built))}
    assert ("digest", "recall", "reads") in edges
    assert ("digest", "facts", "writes") in edges


def test_a_changed_step_is_a_difference(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one = compile.compile(load.load(piped.write(tmp_path, GOOD))).plan
    other = compile.compile(
        load.load(piped.write(tmp_path / "b", GOOD.replace("found", "got")))
    ).plan
    assert one.digest != other.digest
    assert diff  # the words of it are tested with the other differences


SETS = "      - {write: {to: facts, items: found, set: {valid_from: now}}}\n"
CHOSEN = (
    "      - {read: facts, as: known}\n"
    "      - {extract: {prompt: ask.jinja2, of: [known, said], one: true, "
    "fields: {which: {some_of: known}}}, as: verdict}\n"
    "      - {forget: {in: facts, items: verdict.which}}\n"
)


@pytest.mark.parametrize(
    ("steps", "old", "new", "code", "says"),
    [
        (
            SETS,
            "valid_from: now",
            "validfrom: now",
            "undeclared-field",
            'did you mean "valid_from"',
        ),
        (SETS, "valid_from: now", "mood: calm", "", ""),
        (SETS, "set: {valid_from: now}", "mode: append", "wrong-value", "`mode` says"),
        (CHOSEN, "of: [known, said]", "of: said", "unshown-choice", "add known to `of`"),
        (CHOSEN, "of: [known, said]", "of: [known.x, said]", "", ""),
        (SETS, "role: user", "rol: user", "unknown-field", 'did you mean "role"'),
        (
            SETS,
            ", as: said",
            ", as: said, when: '{{ thread }}'",
            "template-syntax",
            "`when: thread`",
        ),
        (SETS, "where: {role: user}}, as: said", "as: said}", "unknown-key", "beside `read:`"),
    ],
)
def test_what_would_come_to_nothing_is_told(
    tmp_path: Path, steps: str, old: str, new: str, code: str, says: str
) -> None:
    whole = piped.READ + piped.EXTRACT + steps
    assert old in whole
    found = [p for p in problems(tmp_path, whole.replace(old, new, 1)) if "never" not in p.code]
    assert [p.code for p in found] == ([code] if code else []), [str(p) for p in found]
    assert says in "".join(map(str, found))


def test_a_store_that_is_only_counted_is_read(tmp_path: Path) -> None:
    """As a counter of days, for example."""
    step = "      - {write: {to: days, content: a day}}\n"
    used = "      - {write: {to: profile, content: 'day {{ counts.days }}'}}\n"

    def told(steps: str) -> list[str]:
        file = piped.write(tmp_path, steps)
        text = file.read_text().replace("tools:", "  days: {type: collection}\ntools:", 1)
        file.write_text(text)
        return [p.path for p in check.check(file) if p.code == "never-read"]

    assert told(step) == ["stores.days"]
    assert told(step + used) == []


@pytest.mark.parametrize(
    ("main", "second", "codes"),
    [
        ("{event: digest.turn, say: false}", "files", ["heard-by-all"]),
        ("{event: digest.turn, say: false}", "recall", []),
        ("{event: user_message, mode: note}, {event: digest.turn, say: false}", "files", []),
    ],
)
def test_a_message_that_only_pipelines_hear_has_no_log_of_its_own(
    tmp_path: Path, main: str, second: str, codes: list[str]
) -> None:
    file = piped.write(tmp_path, GOOD, "    triggers: [user_message]\n    steps:\n")
    other = (
        "  other: {model: offline/extractive, context_window: 4096, prompt: main.jinja2, "
        f"log: {second}, tools: [speak]}}\n"
    )
    text = file.read_text().replace("triggers: [user_message]", f"triggers: [{main}]", 1)
    text = text.replace(
        "tools:\n", "  files: {type: log}\ntools:\n  ask: {verb: ask, threads: other}\n", 1
    )
    text = text.replace("tools: [speak]\n", "tools: [speak, ask]\n", 1)
    file.write_text(text.replace("  digest:\n", f"{other}  digest:\n", 1))
    known = ("never-read", "never-written", "unused-store")
    assert [p.code for p in check.check(file) if p.code not in known] == codes
