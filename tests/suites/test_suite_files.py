"""Suites are read with every problem at once, each at its place; arguments say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from archgraph import errors
from archgraph.spec import codes
from archgraph.suites.planning import arguments, build, load, schema, spec, written

SMALL = "nested_kv: {depths: [0, 1], orderings: 2, pairs: 5}"
TINY = ("nested_kv:depths=[0,1],orderings=2,pairs=5",)

SOUND = f"""\
suite: small
architectures: [memgpt, fixed_window]
datasets: [{{{SMALL}}}]
"""


def write(folder: Path, text: str, name: str = "suite.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[errors.Problem]:
    with pytest.raises(errors.SpecError) as raised:
        load.suite(write(folder, text))
    for each in raised.value.problems:
        assert each.code in codes.CODES, each
        assert each.remedy or each.code == "yaml-syntax", each
    return list(raised.value.problems)


def told(folder: Path, text: str) -> list[tuple[int, str, str]]:
    return [(each.line, each.path, each.code) for each in problems(folder, text)]


def test_a_sound_suite_has_its_defaults(tmp_path: Path) -> None:
    found = load.suite(write(tmp_path, SOUND))
    assert found.spec.suite == "small"
    assert [arm.name for arm in found.arms.found] == ["memgpt", "fixed_window"]
    assert found.arms.baseline == "fixed_window"
    assert found.work.primary == {"nested_kv": "contains"}
    assert found.spec.counts == spec.Seeds()


# Problems


@pytest.mark.parametrize(
    ("line", "path", "code", "remedy"),
    [
        ("bugdet: {tokens_per_case: 3}", "bugdet", "unknown-key", '"budget"'),
        ("repeats: 0", "repeats", "wrong-value", "at least 1"),
        ("repeats: many", "repeats", "wrong-type", "whole number"),
        ("alpha: 1.5", "alpha", "wrong-value", "less than 1"),
        ("mode: listen", "mode", "wrong-value", "observe"),
        ("faults: {rate: 0.1, kinds: [bad_jsn]}", "faults.kinds[0]", "wrong-value", '"bad_json"'),
        ("seeds: {ingst: 2}", "seeds.ingst", "unknown-key", '"ingest"'),
        ("set: {context_windw: 9000}", "set.context_windw", "unknown-name", '"context_window"'),
        ("set: {context_window: big}", "set.context_window", "param-type", "of that type"),
        ("vary: {memgpt.core_limt: [5]}", "vary.memgpt.core_limt", "unknown-name", '"core_limit"'),
        ("vary: {memgtp.core_limit: [5]}", "vary.memgtp.core_limit", "unknown-name", '"memgpt"'),
        ("vary: {memgpt.core_limit: 5}", "vary.memgpt.core_limit", "wrong-type", "a list"),
        ("ablate: {memgtp: all}", "ablate.memgtp", "unknown-name", '"memgpt"'),
        ("ablate: {memgpt: [archivl]}", "ablate.memgpt[0]", "unknown-name", '"archival"'),
        ("ablate: {memgpt: [core_limit]}", "ablate.memgpt[0]", "unknown-name", ""),
        ("baseline: fixed_windw", "baseline", "unknown-name", '"fixed_window"'),
        ("scorers: [exakt]", "scorers[0]", "unknown-type", '"exact"'),
        ("scorers: [{evidence_recall: {q: 3}}]", "scorers[0].evidence_recall.q", "unknown-key", ""),
        ("scorers: [{evidence_recall: ten}]", "scorers[0].evidence_recall.k", "wrong-type", ""),
        ("scorers: [judge]", "scorers[0]", "missing-key", "judge:"),
        ("scorers: [exact]\nprimary: f1", "primary", "unknown-name", "exact"),
        ("primary: {nested_vk: exact}", "primary.nested_vk", "unknown-name", '"nested_kv"'),
        ("scorers: [exact]\nseeds: {judge: 2}", "seeds.judge", "wrong-value", "delete it"),
        ("models: [{openai/gpt-4o: {api_key: x}}]", "models[0]", "secret-in-file", ""),
    ],
)  # fmt: skip
def test_a_wrong_key_is_told_at_its_place(
    tmp_path: Path, line: str, path: str, code: str, remedy: str
) -> None:
    found = problems(tmp_path, SOUND + line + "\n")
    mine = [each for each in found if each.code == code and each.path == path]
    assert mine, [str(each) for each in found]
    assert mine[0].line == SOUND.count("\n") + line.count("\n") + 1
    assert remedy in mine[0].remedy
    assert len({each.path for each in found}) == 1, [str(each) for each in found]


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    found = told(tmp_path, """\
suite: many
architectures: [memgptt, nowhere.yaml, fixed_window]
datasets:
  - nested_kvv
  - nested_kv: {orderings: none}
  - locomo: {path: missing.json}
scorers: [exct]
judgee: openai/gpt-4o
""")  # fmt: skip
    assert found == [
        (2, "architectures[0]", "unknown-name"),
        (2, "architectures[1]", "unknown-name"),
        (4, "datasets[0]", "unknown-type"),
        (5, "datasets[1].nested_kv.orderings", "wrong-type"),
        (6, "datasets[2].locomo", "unreadable-data"),
        (7, "scorers[0]", "unknown-type"),
        (8, "judgee", "unknown-key"),
    ]


def test_problems_of_an_architecture_are_told_in_its_own_file(tmp_path: Path) -> None:
    write(tmp_path, "archgraph: 1\nname: mine\nthread: {}\n", "mine.yaml")
    found = problems(tmp_path, SOUND.replace("memgpt", "mine.yaml"))
    assert {Path(each.file).name for each in found} == {"mine.yaml"}
    assert "unknown-key" in {each.code for each in found}


def test_missing_keys_and_empty_files(tmp_path: Path) -> None:
    assert {code for _, _, code in told(tmp_path, "suite: none\n")} == {"missing-key"}
    assert {code for _, _, code in told(tmp_path, "# nothing\n")} == {"empty-file", "missing-key"}
    assert "not-a-mapping" in {code for _, _, code in told(tmp_path, "- a\n")}
    with pytest.raises(errors.SpecError, match="no suite 'nowhere'"):
        load.suite("nowhere")


def test_a_suite_without_a_name_is_told_at_its_file_with_all_else(tmp_path: Path) -> None:
    found = problems(tmp_path, "architectures: [memgptt]\ndatasets: [nested_kv]\n")
    assert [(Path(each.file).name, each.line, each.path, each.code) for each in found] == [
        ("suite.yaml", 1, "", "missing-key"),
        ("suite.yaml", 1, "architectures[0]", "unknown-name"),
    ]
    assert "'suite'" in found[0].message
    found = problems(tmp_path, "suit: x\narchitectures: [memgpt]\ndatasets: [nested_kv]\n")
    assert [(each.path, each.code) for each in found] == [("suit", "unknown-key")]


@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("extends: nowhere.yaml", "extends-not-found"),
        ("extends: suite.yaml", "extends-cycle"),
        ("extends: [a]", "wrong-type"),
        ("extends: broken.yaml", "yaml-syntax"),
    ],
)
def test_what_cannot_be_extended_has_no_false_followers(
    tmp_path: Path, base: str, code: str
) -> None:
    write(tmp_path, "suite: [x\n", "broken.yaml")
    found = problems(tmp_path, f"suite: x\n{base}\nbaselin: y\n")
    assert sorted(each.code for each in found) == sorted([code, "unknown-key"])


def test_an_empty_list_asks_for_one(tmp_path: Path) -> None:
    [found] = problems(tmp_path, SOUND.replace("[memgpt, fixed_window]", "[]"))
    assert (found.message, found.remedy) == ("this is an empty list", "give at least one")


def test_an_offline_model_that_is_none_is_refused_at_its_place(tmp_path: Path) -> None:
    text = SOUND.replace("fixed_window]", "{fixed_window: {model: offline/x}}]")
    found = told(
        tmp_path, f"{text}models: [offline/extractiv, {{offline/y: {{}}}}]\njudge: offline/z\n"
    )
    assert found == [
        (2, "architectures[1].fixed_window.model", "unknown-name"),
        (4, "models[0]", "unknown-name"),
        (4, "models[1].offline/y", "unknown-name"),
        (5, "judge", "unknown-name"),
    ]
    given = arguments.Given(models=("offline/extractiv",))
    with pytest.raises(errors.SpecError, match=r"--model .*did you mean \"offline/extractive\""):
        load.from_arguments(["memgpt"], TINY, given=given)


BAD_SCORERS = """\
from archgraph.suites.scoring import base


class Unmade(base.Scorer):
    def __init__(self, options):
        raise KeyError("boom")
"""


def test_a_scorer_that_cannot_be_made_is_told_at_its_place(tmp_path: Path) -> None:
    write(tmp_path, BAD_SCORERS, "unmade_scorers.py")
    names = "[unmade_scorers.py:Unmade, unmade_scorers.py:Unmad, nosuch.py:X, unmade_scorers.py]"
    found = problems(tmp_path, f"{SOUND}scorers: {names}\n")
    assert [(each.line, each.path, each.code) for each in found] == [
        (4, "scorers[0]", "plugin-broken"), (4, "scorers[1]", "unknown-type"),
        (4, "scorers[2]", "unknown-type"), (4, "scorers[3]", "unknown-type"),
    ]  # fmt: skip
    assert "KeyError: 'boom' (unmade_scorers.py:6)" in found[0].message
    assert [each.remedy for each in found[1:]] == [
        'did you mean "Unmade"?', "put nosuch.py beside the suite, or install it",
        "name its class, too: unmade_scorers.py:MyScorer",
    ]  # fmt: skip


def test_a_dataset_that_breaks_inside_is_told_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archgraph.suites.datasets import nested_kv

    def broken(*given: Any) -> Any:
        raise SystemExit("boom")

    for name in ("conversations", "provenance", "__init__"):
        with monkeypatch.context() as patched:
            patched.setattr(nested_kv.NestedKVDataset, name, broken)
            [found] = problems(tmp_path, SOUND)
        assert (found.line, found.path, found.code) == (3, "datasets[0].nested_kv", "plugin-broken")


def test_mappings_and_single_names_are_lists(tmp_path: Path) -> None:
    text = f"""\
suite: short
architectures: {{memgpt: {{set: {{keep_last: 2}}}}, fixed_window: {{}}}}
datasets: {{{SMALL}}}
scorers: exact
"""
    found = load.suite(write(tmp_path, text))
    assert [arm.name for arm in found.arms.found] == ["memgpt", "fixed_window"]
    assert found.arms.found[0].overrides == ("keep_last=2",)
    assert len(found.work.conversations["nested_kv"]) == 4
    assert [each.name for each in found.work.scorers] == ["exact"]
    wrong = text.replace("pairs: 5", "pairs: none")
    assert (3, "datasets[0].nested_kv.pairs", "wrong-type") in told(tmp_path, wrong)


def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, SOUND.replace("suite: small", "suite: my suite"))
    assert [(each.line, each.path, each.code) for each in found] == [(1, "suite", "wrong-value")]


def test_arguments_without_work_are_told() -> None:
    with pytest.raises(errors.SpecError, match="no work to compare them on; add --dataset"):
        load.from_arguments(["memgpt"], ())


def test_two_of_a_name_are_refused(tmp_path: Path) -> None:
    twice = SOUND.replace("[memgpt, fixed_window]", "[memgpt, {memgpt: {set: {keep_last: 2}}}]")
    assert (2, "architectures[1].memgpt", "duplicate-name") in told(tmp_path, twice)
    both = SOUND.replace(f"[{{{SMALL}}}]", f"[{{{SMALL}}}, nested_kv]")
    assert (3, "datasets[1]", "duplicate-name") in told(tmp_path, both)
    named = SOUND + "ablate: {memgpt: [archival, archival]}\n"
    assert len(load.suite(write(tmp_path, named)).arms.found) == 3


def test_a_dataset_without_questions_is_told(tmp_path: Path) -> None:
    none = SOUND.replace("pairs: 5", "pairs: 5, categories: [17]")
    assert [code for _, _, code in told(tmp_path, none)] == ["unreadable-data"]


# Paths, extends, shipped names


def test_paths_start_from_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "extends: memgpt\nname: mine\n", "deep/arch/mine.yaml")
    rows = [{"conversation": "c1", "items": [{"id": "1", "text": "The cat is called Tom."}]},
            {"conversation": "c1", "question": "Who is it?", "answers": ["Tom"]}]  # fmt: skip
    write(tmp_path, "\n".join(map(json.dumps, rows)) + "\n", "deep/own.jsonl")
    text = "suite: deep\narchitectures: [arch/mine.yaml]\ndatasets: [{jsonl: {path: own.jsonl}}]\n"
    write(tmp_path, text, "deep/suite.yaml")
    monkeypatch.chdir(tmp_path)
    found = load.suite("deep/suite.yaml")
    assert [arm.name for arm in found.arms.found] == ["mine"]
    again = load.from_plain(found.source)  # paths lead from here, not from the suite
    assert build.plan(again).trials == build.plan(found).trials


def test_a_suite_changes_another(tmp_path: Path) -> None:
    write(tmp_path, SOUND + "seed: 3\nset: {context_window: 9000}\n", "base.yaml")
    text = "suite: changed\nextends: base.yaml\nset: {context_window: 10000}\nseed: null\n"
    found = load.suite(write(tmp_path, text))
    assert found.spec.suite == "changed"
    assert found.spec.set == {"context_window": 10000}
    assert found.spec.seed == 0
    assert [path.name for path in found.files] == ["suite.yaml", "base.yaml"]


def test_a_circle_of_suites_is_told(tmp_path: Path) -> None:
    write(tmp_path, "suite: a\nextends: b.yaml\n", "a.yaml")
    write(tmp_path, "suite: b\nextends: a.yaml\n", "b.yaml")
    with pytest.raises(errors.SpecError, match="circle of suites: a -> b -> a"):
        load.suite(tmp_path / "a.yaml")


@pytest.mark.parametrize("name", written.names())
def test_shipped_suites_are_planned(name: str, tmp_path: Path, locomo: Path) -> None:
    given = arguments.Given(datasets=(f"locomo:path={locomo},unverified=true",)) \
        if name == "locomo" else None  # fmt: skip
    plan = build.plan(load.suite(name, given))
    assert plan.name == name
    assert plan.trials and plan.source["question"]
    assert plan.baseline in {arm.name for arm in plan.arms}
    assert not plan.unremovable or name == "ablation"


@pytest.fixture
def locomo(tmp_path: Path) -> Path:
    """A file in LoCoMo's shape with one short conversation."""
    turns = [{"speaker": "Ann", "dia_id": "D1:1", "text": "I bought a red bike."},
             {"speaker": "Bob", "dia_id": "D1:2", "text": "Nice!"}]  # fmt: skip
    talk = {"speaker_a": "Ann", "speaker_b": "Bob", "session_1": turns,
            "session_1_date_time": "1:56 pm on 8 May, 2023"}  # fmt: skip
    asked = [{"question": "What did Ann buy?", "answer": "a red bike", "evidence": ["D1:1"],
              "category": 4}]  # fmt: skip
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps([{"sample_id": "conv-1", "conversation": talk, "qa": asked}]))
    return path


def test_the_four_suites_are_shipped() -> None:
    assert {"demo", "nested_kv", "locomo", "ablation"} <= set(written.names())


# Arguments


def test_arguments_make_the_same_suite(tmp_path: Path) -> None:
    given = arguments.Given(
        models=("offline/extractive",), sets=("context_window=9000",), scorers=("exact",),
        ablate=("memgpt=archival",), vary=("memgpt.core_limit=500",), more={"repeats": 2},
    )  # fmt: skip
    by_flags = load.from_arguments(["memgpt", "fixed_window"], TINY, given=given)
    text = (
        SOUND
        + """\
models: [offline/extractive]
set: {context_window: 9000}
scorers: [exact]
ablate: {memgpt: [archival]}
vary: {memgpt.core_limit: [500]}
repeats: 2
"""
    )
    by_file = load.suite(write(tmp_path, text))
    assert build.plan(by_flags).trials == build.plan(by_file).trials


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nested_kv", "nested_kv"),
        ("nested_kv:orderings=5", {"nested_kv": {"orderings": 5}}),
        ("nested_kv:depths=[0,2],orderings=5", {"nested_kv": {"depths": [0, 2], "orderings": 5}}),
        ("locomo=data/locomo10.json", {"locomo": {"path": "data/locomo10.json"}}),
        ("locomo:path=a.json", {"locomo": {"path": "a.json"}}),
        ("jsonl:path=C:/x.jsonl,name='a, b'", {"jsonl": {"path": "C:/x.jsonl", "name": "a, b"}}),
    ],
)
def test_the_grammar_of_datasets(text: str, expected: Any) -> None:
    assert laid(arguments.Given(datasets=(text,)))["datasets"] == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exact", "exact"),
        ("evidence_recall:k=5", {"evidence_recall": {"k": 5}}),
        ("evidence_recall:5", {"evidence_recall": 5}),
        ("mine.py:Polite", "mine.py:Polite"),
        ("mine.py:Polite:k=5,of=[a,b]", {"mine.py:Polite": {"k": 5, "of": ["a", "b"]}}),
    ],
)
def test_the_grammar_of_scorers(text: str, expected: Any) -> None:
    assert laid(arguments.Given(scorers=(text,)))["scorers"] == [expected]


def test_the_short_form_of_a_scorer_is_that_of_a_file() -> None:
    given = arguments.Given(scorers=("evidence_recall:5", "exact"))
    found = load.from_arguments(["memgpt"], TINY, given=given)
    assert [each.options for each in found.work.scorers] == [{"k": 5}, {}]
    with pytest.raises(errors.SpecError, match="'exact' has no option that a bare value stands"):
        load.from_arguments(["memgpt"], TINY, given=arguments.Given(scorers=("exact:5",)))


def laid(given: arguments.Given) -> Any:
    from archgraph.spec import tree

    draft = written.Draft(tree.mapping(tree.Origin("x")))
    arguments.put(draft, given)
    assert draft.problems == []
    return tree.plain(draft.root)


def test_a_dataset_of_a_suite_is_changed_by_its_name(tmp_path: Path) -> None:
    found = load.suite(write(tmp_path, SOUND), arguments.Given(datasets=("nested_kv:seed=4",)))
    assert found.work.datasets["nested_kv"].options.seed == 4  # type: ignore[attr-defined]
    assert found.work.datasets["nested_kv"].options.pairs == 5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (arguments.Given(sets=("x",)), "--set x: this is not a setting"),
        (arguments.Given(sets=("nothing=1",)), "--set nothing=1"),
        (arguments.Given(datasets=("nested_kv:orderings",)), "'orderings' is not an option"),
        (arguments.Given(datasets=("nested_kv:orderings=x",)), "--dataset nested_kv:orderings=x"),
        (arguments.Given(vary=("memgpt.core_limit",)), "--vary memgpt.core_limit"),
        (arguments.Given(ablate=("memgpt",)), "--ablate memgpt"),
        (arguments.Given(more={"reapeats": 3}), "reapeats"),
    ],
)
def test_wrong_arguments_are_told(given: arguments.Given, part: str) -> None:
    with pytest.raises(errors.SpecError) as raised:
        load.from_arguments(["memgpt", "fixed_window"], TINY, given=given)
    assert part in str(raised.value)


class Asked:
    """What the command line hands over."""

    def __init__(self, *what: str, **more: Any) -> None:
        self.what, self.more = what, more
        self.datasets = self.models = self.sets = self.scorers = self.ablate = self.vary = ()


def test_asked_tells_a_suite_from_architectures(tmp_path: Path) -> None:
    assert load.asked(Asked(str(write(tmp_path, SOUND)))).spec.suite == "small"
    assert load.asked(Asked("memgpt", datasets=["nested_kv"])).spec.suite == "memgpt"
    with pytest.raises(errors.UnknownName, match=r'no suite or architecture .* "memgpt"'):
        load.asked(Asked("memgtp", datasets=["nested_kv"]))
    source = load.suite(write(tmp_path, SOUND)).source
    assert load.asked(Asked(**source)).source == source


def test_a_spec_can_be_made_in_python() -> None:
    made = spec.SuiteSpec(
        suite="made", architectures=["memgpt", {"memgpt": spec.ArmOptions(label="small", set={
            "core_limit": 500})}], datasets=[{"nested_kv": {"orderings": 1, "pairs": 6}}],
    )  # fmt: skip
    plan = build.plan(made)
    assert [arm.name for arm in plan.arms] == ["memgpt", "small"]


# Schema


def test_the_schema_takes_what_the_loader_takes(tmp_path: Path) -> None:
    made = schema.schema()
    jsonschema.Draft202012Validator.check_schema(made)
    validator = jsonschema.Draft202012Validator(made)
    sound: list[dict[str, Any]] = [
        {"suite": "a", "architectures": ["memgpt"], "datasets": ["nested_kv"]},
        {"suite": "a", "extends": "demo"},
        {"suite": "a", "architectures": "memgpt", "datasets": [{"nested_kv": {"orderings": 2}}],
         "scorers": ["exact", {"evidence_recall": 10}, "mine.py:Polite"],
         "ablate": {"memgpt": "all"}, "primary": {"nested_kv": "exact"}},
    ]  # fmt: skip
    for each in sound:
        assert list(validator.iter_errors(each)) == [], each
    wrong: list[dict[str, Any]] = [
        {"suite": "a"},
        {"suite": "a", "architectures": ["memgpt"], "datasets": ["nested_vk"]},
        {"suite": "a", "architectures": ["memgpt"], "datasets": [{"nested_kv": {"order": 2}}]},
        {"suite": "a", "extends": "demo", "repeat": 3},
    ]
    for each in wrong:
        assert list(validator.iter_errors(each)) != [], each
