"""`extends`, `--set`, parameters and null, with the origin of every value."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph import errors
from archgraph.graph import check
from archgraph.spec import load, tree
from tests.spec import good


def layered(folder: Path, text: str) -> Path:
    good.write(folder)
    file = folder / "child.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def codes(found: list[errors.Problem]) -> list[str]:
    return [each.code for each in found]


def test_mappings_merge_lists_replace_null_removes(tmp_path: Path) -> None:
    text = """\
extends: pair.yaml
name: child
stores: {persona: {limit: 300}, archival: null}
threads: {main: {context: [summary, window], prompt: pair/pressure.jinja2}}
"""
    found = load.load(layered(tmp_path, text))
    assert found.spec.name == "child"
    assert found.spec.stores["persona"].options["limit"] == 300
    assert found.spec.stores["persona"].options["text"] == "I am Sam."
    assert [item.store for item in found.spec.threads["main"].context] == ["summary", "window"]
    assert "archival" not in found.spec.stores


def test_removing_a_store_takes_its_tools_and_edges(tmp_path: Path) -> None:
    found = load.load(good.write(tmp_path), ["archival=null"])
    assert set(found.spec.tools) == {"send_message", "finish", "core_append"}
    assert found.spec.threads["main"].tools == ["send_message"]
    assert found.spec.threads["tender"].tools == ["core_append", "finish"]
    assert codes(check.check(good.write(tmp_path), ["archival=null"])) == []


def test_removing_a_tool_takes_the_rules_that_name_it(tmp_path: Path) -> None:
    beat = load.load(good.write(tmp_path), ["finish=null"]).spec.threads["tender"].heartbeat
    assert not isinstance(beat, str)
    assert beat.until is None
    assert beat.when == ["always"]


def test_a_removal_that_leaves_something_dangling_is_an_error(tmp_path: Path) -> None:
    problems = check.check(good.write(tmp_path), ["recall=null"])
    dangling = [each for each in problems if each.code == "dangling"]
    assert {(each.file, each.path) for each in dangling} == {("--set recall=null", "stores.recall")}
    named = [each.message.partition(": ")[2].partition(" ")[0] for each in dangling]
    assert sorted(named) == ["stores.window.over", "threads.main.log"]


def test_a_thread_can_be_removed(tmp_path: Path) -> None:
    found = load.load(good.write(tmp_path), ["main=null"])
    tender = found.spec.threads["tender"]
    assert [trigger.idle for trigger in tender.triggers] == ["10m"]  # `every main.turn` is gone
    assert [item.store for item in tender.context] == ["persona"]


PIPELINES = """\
archgraph: 1
name: x
extends: pair.yaml
stores: {facts: {type: collection}}
threads:
  digest:
    kind: pipeline
    triggers: [{every: 1, of: main.turn}]
    steps: [{read: facts, as: found}, {write: {to: persona, items: found}}]
  next:
    kind: pipeline
    triggers: [{event: digest.run, mode: background}, {every: 1h}]
    steps: [{write: {to: persona, content: done}}]
"""


def test_a_pipeline_that_has_lost_its_last_step_goes_too(tmp_path: Path) -> None:
    found = load.load(layered(tmp_path, PIPELINES), ["facts=null"])
    assert "digest" not in found.spec.threads
    assert [each.every for each in found.spec.threads["next"].triggers] == ["1h"]


def test_a_pipeline_without_steps_is_told(tmp_path: Path) -> None:
    file = layered(tmp_path, PIPELINES)
    found = check.check(file, ["threads.digest.steps=[]"])
    assert [each.path for each in found if each.severity == "error"] == ["threads.digest.steps"]


def test_parameters_keep_their_type(tmp_path: Path) -> None:
    text = good.GOOD.replace("about: A thread", 'about: "${core_limit} of $${core_limit}, a thread')
    text = text.replace("that tends.", 'that tends."')
    found = load.load(good.write(tmp_path, text), ["core_limit=700"])
    assert found.spec.stores["persona"].options["limit"] == 700
    assert found.spec.about.startswith("700 of ${core_limit}, a thread")


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("core_limit=abc", "param-type", "a whole number like its default 1000"),
        ("core_limit=0.5", "param-type", "not 0.5"),
        ("warn_at=true", "param-type", "a number"),
        ("core_limt=5", "unknown-name", 'did you mean "core_limit"?'),
        ("archival=5", "bad-override", "stores.archival.<key>=..."),
        ("archivl=null", "unknown-name", 'did you mean "archival"?'),
        ("stores.humn.limit=5", "bad-override", "there is no stores.humn"),
        ("threads.main.max_steps.x=5", "bad-override", "there is no threads.main.max_steps"),
        ("threads.main.log.x=5", "bad-override", "has no keys"),
        ("stores.persona.limt=5", "unknown-key", 'did you mean "limit"?'),
        ("core_limit", "bad-override", "write name=value"),
        ("=5", "bad-override", "write name=value"),
        ("core_limit=[", "bad-override", ""),
        ("stores.persona.bogus=null", "nothing-to-remove", ""),
        ("stores.persona.limit=-4", "wrong-value", "more than 0"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, setting: str, code: str, said: str) -> None:
    problems = check.check(good.write(tmp_path), [setting])
    assert codes(problems) == [code]
    assert problems[0].file == f"--set {setting}"
    assert said in f"{problems[0].message}; {problems[0].remedy}"


def test_settings_are_read_as_yaml_but_text_parameters_stay_text(tmp_path: Path) -> None:
    settings = ["model=7", "threads.main.tools=[send_message]", "warn_at=1", "core_limit=1e2"]
    found = load.read(good.write(tmp_path), settings[:3])
    assert found.problems == ()
    assert found.spec.threads["main"].model == "7"
    assert found.spec.threads["main"].tools == ["send_message"]
    assert codes(list(load.read(good.write(tmp_path), settings).problems)) == ["param-type"]


def test_a_value_from_a_parameter_tells_who_set_it(tmp_path: Path) -> None:
    problems = check.check(good.write(tmp_path), ["core_limit=-4"])
    assert [each.line for each in problems] == [11]
    assert "${core_limit} = --set core_limit=-4" in problems[0].message


def test_every_value_has_its_origin(tmp_path: Path) -> None:
    text = "extends: pair.yaml\nname: child\nstores: {persona: {limit: 300}}\n"
    found = load.load(layered(tmp_path, text), ["threads.main.max_tokens=99"])
    origins = {path: origin for path, _, origin in found.origins()}
    assert origins["stores.persona.limit"] == f"{tmp_path / 'child.yaml'}:3:27"
    assert origins["stores.summary.limit"] == f"{tmp_path / 'pair.yaml'}:12:33"
    assert origins["threads.main.max_tokens"] == "--set threads.main.max_tokens=99"
    assert origins["threads.main.model"].endswith(f"(${{model}} = {tmp_path / 'pair.yaml'}:5:10)")
    assert all(origins.values())


def test_a_problem_in_the_extended_file_is_told_there(tmp_path: Path) -> None:
    file = layered(tmp_path, "extends: pair.yaml\nname: child\n")
    good.write(tmp_path, good.GOOD.replace("limit: 800", "limt: 800"))
    problems = check.check(file)
    assert [(Path(e.file).name, e.line, e.code) for e in problems] == [
        ("pair.yaml", 12, "unknown-key")
    ]


def test_a_store_of_another_type_is_replaced_whole(tmp_path: Path) -> None:
    text = "extends: pair.yaml\nname: child\nstores: {archival: {type: log}}\n"
    assert load.load(layered(tmp_path, text)).spec.stores["archival"].type == "log"


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("name: x\nextends: pare\n", "extends-not-found", 2),
        ("name: x\nextends: child.yaml\n", "extends-cycle", 2),
        ("name: x\nextends: [pair]\n", "wrong-type", 2),
        ("name: x\nextends: pair.yaml\nstores: {nobody: null}\n", "nothing-to-remove", 3),
        ("name: x\nextends: pair.yaml\nparams: {core_limit: big}\n", "param-type", 3),
    ],
)
def test_wrong_layers(tmp_path: Path, text: str, code: str, line: int) -> None:
    problems = check.check(layered(tmp_path, text))
    assert (code, line) in [(each.code, each.line) for each in problems]


def test_a_circle_of_two_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    problems = check.check(tmp_path / "a.yaml")
    assert "a -> b -> a" in next(e.message for e in problems if e.code == "extends-cycle")


def test_a_parameter_that_nothing_uses_is_a_warning(tmp_path: Path) -> None:
    text = good.GOOD.replace("  warn_at: 0.7", "  warn_at: 0.7\n  spare: 1")
    problems = check.check(good.write(tmp_path, text))
    assert [(e.code, e.severity, e.line) for e in problems] == [("unused-param", "warning", 9)]


@pytest.mark.parametrize("default", ["{a: 1}", '"${model}"'])
def test_a_parameter_has_a_plain_default(tmp_path: Path, default: str) -> None:
    text = good.GOOD.replace("  warn_at: 0.7", f"  warn_at: {default}")
    assert "bad-param" in codes(check.check(good.write(tmp_path, text)))


def test_names_are_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load.find("memgpt").parent.name == "architectures"
    (tmp_path / "architectures").mkdir()
    (tmp_path / "architectures" / "memgpt.yaml").write_text("name: mine\n")
    assert load.find("memgpt").resolve() == tmp_path / "architectures" / "memgpt.yaml"
    with pytest.raises(errors.UnknownName, match='did you mean "memgpt"'):
        load.find("memgtp")


def test_load_raises_all_problems_at_once(tmp_path: Path) -> None:
    text = good.GOOD.replace("limit: 800", "limt: 800").replace("{temperature: 0.2}", "5")
    with pytest.raises(errors.SpecError) as raised:
        load.load(good.write(tmp_path, text))
    assert codes(list(raised.value.problems)) == ["unknown-key", "wrong-type"]


def test_files_that_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "x.yaml"
    folder.mkdir()
    assert codes(check.check(folder)) == ["file-not-found"]
    assert codes(check.check("no_such_architecture")) == ["file-not-found"]
    (tmp_path / "list.yaml").write_text("- a\n- b\n")
    assert codes(check.check(tmp_path / "list.yaml")) == ["not-a-mapping"]


def test_dotted_paths() -> None:
    assert tree.dotted(("threads", "main", "tools", 2)) == "threads.main.tools[2]"


def test_a_comma_that_broke_a_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "archgraph: 1\nname: a\nstores:\n  b: {type: block, description: What is known, and more}\n"
    )
    (told,) = [p for p in load.read(file).problems if p.code == "nothing-to-remove"]
    assert (told.line, "in quotes" in told.remedy) == (4, True)
