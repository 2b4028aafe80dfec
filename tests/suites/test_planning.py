"""Arms cross as a suite says; histories and trials come in a fixed order with readable names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph.suites import plan as plans
from archgraph.suites.planning import build, load, spec

WORK: list[Any] = [{"nested_kv": {"depths": [0, 1], "orderings": 2, "pairs": 5}}]


def planned(architectures: Any, **keys: Any) -> plans.RunPlan:
    made = spec.SuiteSpec.model_validate(
        {"suite": "test", "architectures": architectures, "datasets": WORK, **keys}
    )
    return build.plan(made)


def names(plan: plans.RunPlan) -> list[str]:
    return [arm.name for arm in plan.arms]


# Arms


def test_vary_crosses_and_keeps_the_default() -> None:
    plan = planned(["memgpt"], vary={"memgpt.core_limit": [500, 2000], "keep_last": [2]})
    assert names(plan) == [
        "memgpt", "memgpt core_limit=500 keep_last=2", "memgpt core_limit=2000 keep_last=2",
    ]  # fmt: skip
    assert plan.arms[0].factors == {"core_limit": 2000, "keep_last": 3}
    assert plan.arms[1].factors == {"core_limit": 500, "keep_last": 2}
    assert plan.arms[1].of == "memgpt"
    assert plan.arms[1].plan.stores["human"].options["limit"] == 500


def test_a_value_that_is_the_default_makes_no_arm() -> None:
    assert names(planned(["memgpt"], vary={"core_limit": [500, 2000]})) == [
        "memgpt", "memgpt core_limit=500",
    ]  # fmt: skip


def test_vary_without_a_name_is_for_all_arms() -> None:
    plan = planned(["memgpt", "no_memory"], vary={"context_window": [10000]})
    assert names(plan) == ["memgpt", "memgpt context_window=10000", "no_memory",
                           "no_memory context_window=10000"]  # fmt: skip


def test_a_dotted_path_can_be_varied() -> None:
    plan = planned(["memgpt"], vary={"memgpt.threads.main.max_tokens": [512, 256]})
    assert names(plan) == ["memgpt", "memgpt threads.main.max_tokens=256"]
    assert plan.arms[1].plan.threads["main"].max_tokens == 256


def test_models_cross_and_name_the_arms() -> None:
    plan = planned(["memgpt", "no_memory"], models=["offline/extractive", {
        "openai/gpt-4o": {"temperature": 0}}], vary={"memgpt.keep_last": [2]})  # fmt: skip
    assert names(plan) == [
        "memgpt @offline/extractive", "memgpt keep_last=2 @offline/extractive",
        "memgpt @openai/gpt-4o", "memgpt keep_last=2 @openai/gpt-4o",
        "no_memory @offline/extractive", "no_memory @openai/gpt-4o",
    ]  # fmt: skip
    thread = plan.arms[2].plan.threads["main"]
    assert (thread.model, thread.options["temperature"]) == ("openai/gpt-4o", 0)
    assert plan.arms[3].of == "memgpt @openai/gpt-4o"
    assert plan.baseline == "no_memory @offline/extractive"


def test_one_model_names_no_arm_and_reaches_an_arm_without_the_parameter(tmp_path: Path) -> None:
    text = """\
archgraph: 1
name: bare
stores: {recall: {type: log}}
threads:
  main:
    {model: offline/extractive, context_window: 4000, prompt: plain/main.jinja2,
     context: [{store: recall, since: turn}], triggers: [user_message]}
"""
    path = tmp_path / "bare.yaml"
    path.write_text(text)
    plan = planned([str(path), "memgpt"], models=["openai/gpt-4o-mini"])
    assert names(plan) == ["bare", "memgpt"]
    assert {arm.plan.threads["main"].model for arm in plan.arms} == {"openai/gpt-4o-mini"}


def test_an_arm_may_have_a_model_and_a_label_of_its_own() -> None:
    plan = planned([{"memgpt": {"as": "big", "model": "openai/gpt-4o", "set": {"keep_last": 5}}},
                    "memgpt"], baseline="memgpt")  # fmt: skip
    assert names(plan) == ["big", "memgpt"]
    assert plan.arms[0].model == "openai/gpt-4o"
    assert plan.arms[0].overrides == ("keep_last=5", "model=openai/gpt-4o")
    assert plan.baseline == "memgpt"


def test_ablations_apply_to_the_default_arm_alone() -> None:
    plan = planned(["memgpt"], vary={"core_limit": [500]}, ablate={"memgpt": ["archival"]})
    assert names(plan) == ["memgpt", "memgpt core_limit=500", "memgpt without archival"]
    assert (plan.arms[2].of, plan.arms[2].ablated) == ("memgpt", "archival")
    assert "archival_memory_search" not in plan.arms[2].plan.tools


def test_all_nodes_are_ablated_and_what_cannot_go_says_why() -> None:
    plan = planned(["memgpt", "no_memory"], ablate="all")
    made = {arm.ablated for arm in plan.arms if arm.architecture == "memgpt"} - {""}
    kept = {name.removeprefix("memgpt without ") for name in plan.unremovable
            if name.startswith("memgpt")}  # fmt: skip
    base = next(arm.plan for arm in plan.arms if arm.name == "memgpt")
    assert made | kept == {*base.stores, *base.tools, *base.threads}
    assert {"archival", "summary", "pause_heartbeats"} <= made | kept
    assert "recall" in kept
    assert "still names it" in plan.unremovable["memgpt without recall"]


def test_set_reaches_every_arm_and_the_embedder_too() -> None:
    plan = planned(["memgpt", "no_memory"], set={"context_window": 9000}, embedder="hashed/64")
    assert {arm.plan.threads["main"].context_window for arm in plan.arms} == {9000}
    assert {arm.plan.embedder for arm in plan.arms} == {"hashed/64"}


def test_null_in_set_removes_a_node() -> None:
    plan = planned([{"memgpt": {"set": {"archival": None}}}])
    assert "archival" not in plan.arms[0].plan.stores
    assert plan.arms[0].overrides == ("archival=null",)
    assert build.plan(load.from_plain(plan.source)).trials == plan.trials


# Histories and trials


def test_every_history_is_fed_once_an_arm_and_seed() -> None:
    plan = planned(["memgpt", "no_memory"], seeds={"ingest": 2, "answer": 3}, seed=5)
    assert len(plan.histories) == 2 * 2 * 4
    assert len(plan.trials) == 2 * 2 * 4 * 3
    assert {each.seed for each in plan.histories} == {5, 6}
    assert {each.answer_seed for each in plan.trials} == {5, 6, 7}
    assert {each.judge_seed for each in plan.trials} == {5}
    held = {each.id: each for each in plan.histories}
    assert len(held) == len(plan.histories)
    assert len({each.id for each in plan.trials}) == len(plan.trials)
    for trial in plan.trials:
        assert (held[trial.history].arm, held[trial.history].seed) == (trial.arm, trial.ingest_seed)


def test_repeats_are_ingest_seeds() -> None:
    assert planned(["no_memory"], repeats=3).trials == planned(
        ["no_memory"], seeds={"ingest": 3}).trials  # fmt: skip


def test_more_repeats_keep_what_is_done() -> None:
    few, many = (planned(["no_memory"], repeats=n).trials for n in (1, 3))
    assert {each.id for each in few} < {each.id for each in many}


def test_arms_stand_side_by_side_in_the_order_of_trials() -> None:
    """A run that is stopped has compared all arms on the same cases."""
    plan = planned(["memgpt", "no_memory"])
    assert [each.arm for each in plan.trials[:4]] == ["memgpt", "no_memory"] * 2
    assert plan.trials[0].case == plan.trials[1].case


def test_equal_histories_of_two_conversations_stay_apart() -> None:
    """Chains of depth 0 change no pair, so that their histories hold the same items."""
    plan = planned(["no_memory"])
    assert len({each.conversation for each in plan.histories}) == len(plan.histories)


def test_two_datasets_of_one_type_stay_apart() -> None:
    both = [*WORK, {"nested_kv": {**WORK[0]["nested_kv"], "name": "again"}}]
    plan = planned(["no_memory"], datasets=both)
    assert set(plan.datasets) == {"nested_kv", "again"}
    assert len({each.id for each in plan.trials}) == 8


# Scorers


def test_each_dataset_has_its_own_scorers() -> None:
    plan = planned(["no_memory"], datasets=[*WORK, {"tasks": {}}])
    by_name = {each.name: each for each in plan.scorers}
    assert by_name["task_completion"].datasets == ("tasks",)
    assert "nested_kv" in (by_name["contains"].datasets or ("nested_kv",))
    assert plan.primary["nested_kv"] == "contains"


def test_scorers_of_one_type_are_told_apart() -> None:
    plan = planned(["no_memory"], scorers=[{"evidence_recall": 5}, {"evidence_recall": {"k": 3}},
                                           "exact"], primary="exact")  # fmt: skip
    assert [each.name for each in plan.scorers] == [
        "evidence_recall k=5", "evidence_recall k=3", "exact",
    ]  # fmt: skip
    assert plan.primary == {"nested_kv": "exact"}


def test_a_judge_that_is_not_there_leaves_its_scorer_out() -> None:
    rows = Path("rows.jsonl")
    rows.write_text("".join(json.dumps(each) + "\n" for each in (
        {"conversation": "a", "items": [{"text": "Tom is a cat."}]},
        {"conversation": "a", "question": "Who is Tom?", "answers": ["a cat"]},
    )))  # fmt: skip
    plan = planned(["no_memory"], datasets=[{"jsonl": {"path": "rows.jsonl"}}])
    assert "judge" not in {each.name for each in plan.scorers}
    assert plan.manifest["unscored"] == ["jsonl: judge needs a judge"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# The manifest


def test_the_manifest_says_what_the_run_was_made_from() -> None:
    plan = planned(["memgpt"], seeds={"answer": 2}, judge="offline/extractive")
    told = json.loads(json.dumps(plan.manifest))
    assert {"archgraph", "python", "sqlite", "sqlite_vec", "engine", "tokenizers", "models",
            "seeds", "arms", "scorers", "data"} <= told.keys()  # fmt: skip
    assert told["arms"]["memgpt"]["plan"] == plan.arms[0].plan.digest
    assert set(told["arms"]["memgpt"]["prompts"]) == set(plan.arms[0].plan.prompts)
    assert told["seeds"] == {"first": 0, "ingest": 1, "answer": 2, "judge": 1}
    assert told["data"]["nested_kv"]["split"] == "generated"
    assert json.loads(json.dumps(plan.source)) == plan.source


def test_the_mode_of_a_suite_reaches_its_datasets() -> None:
    own = {"nested_kv": {**WORK[0]["nested_kv"], "name": "own", "mode": "observe"}}
    plan = planned(["no_memory"], mode="converse", datasets=[*WORK, own])
    options: dict[str, Any] = {name: each.options for name, each in plan.datasets.items()}
    assert {name: each.mode for name, each in options.items()} == {
        "nested_kv": "converse", "own": "observe",
    }  # fmt: skip
