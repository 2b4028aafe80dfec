"""Arms that differ in more than their architecture are named, and arms that do not are not."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.suites.planning import build, confounds, spec

WORK: list[Any] = [{"nested_kv": {"depths": [0], "orderings": 1, "pairs": 5}}]
ALIKE = ["fixed_window", "no_memory"]


def told(architectures: Any, **keys: Any) -> list[str]:
    made = spec.SuiteSpec.model_validate(
        {"suite": "test", "architectures": architectures, "datasets": WORK, **keys}
    )
    return list(build.plan(made).confounds)


def about(sentences: list[str], what: str) -> list[str]:
    return [each for each in sentences if each.startswith(f"{what}")]


def test_arms_that_differ_in_nothing_else_are_not_named() -> None:
    assert told(ALIKE) == []


def window(**keys: Any) -> Any:
    return ["no_memory", {"fixed_window": keys}]


@pytest.mark.parametrize(
    ("keys", "what", "parts"),
    [
        ({"model": "openai/gpt-4o"}, "model", ["openai/gpt-4o in fixed_window"]),
        ({"set": {"context_window": 4096}}, "context window",
         ["8,192 in no_memory", "4,096 in fixed_window"]),
        ({"set": {"threads.main.options": {"temperature": 1}}}, "model options", []),
        ({"set": {"threads.main.max_tokens": 256}}, "room for an answer", ["256 in fixed_window"]),
    ],
)  # fmt: skip
def test_a_difference_is_named_with_arms_and_values(
    keys: dict[str, Any], what: str, parts: list[str]
) -> None:
    found = about(told(window(**keys)), what)
    if what == "model options":  # options of one arm alone: nothing to compare with
        return
    assert len(found) == 1
    assert all(part in found[0] for part in parts), found


def test_search_results_and_prompts_are_compared() -> None:
    found = told(["memgpt", "text_rag"])
    assert about(found, "search results: 5 in memgpt; 10 in text_rag")
    assert about(found, "prompt size (tokens of system prompt and tool schemas): memgpt ")
    same = told([{"memgpt": {"set": {"stores.recall.page_size": 10,
                                     "stores.archival.page_size": 10}}}, "text_rag"])  # fmt: skip
    assert not about(same, "search results")


def test_steps_and_failures_are_compared_among_those_that_have_them() -> None:
    found = told(["memgpt", "no_memory", {"letta_v1": {"set": {"threads.main.heartbeat.max_steps":
                                                              7}}}])  # fmt: skip
    assert any("7 in letta_v1" in each for each in about(found, "steps per run"))
    assert not any("no_memory" in each for each in about(found, "steps per run"))


def test_declared_factors_are_no_confounds() -> None:
    assert told(ALIKE, vary={"context_window": [4096]}) == []
    assert told(ALIKE, models=["offline/extractive", "openai/gpt-4o"]) == []
    assert not about(told(["memgpt", {"memgpt": {"as": "small", "set": {"context_window": 9000}}}]),
                     "context window")  # fmt: skip
    assert about(told(["memgpt"], ablate={"memgpt": ["core_memory_append"]}), "prompt") == []


def test_an_arm_that_cannot_hold_the_data_is_named() -> None:
    many = [{"nested_kv": {"depths": [0], "orderings": 2, "pairs": 140}}]
    found = told(["full_context", "no_memory"], datasets=many)
    assert any(each.startswith("full_context cannot hold 2 of 2 histories of nested_kv")
               for each in found)  # fmt: skip
    assert told(["full_context", "no_memory"]) == []


def test_a_suite_without_a_reference_arm_is_told() -> None:
    assert about(told(["memgpt", "letta_v1"]), "no reference arm")
    assert not about(told(["memgpt", "no_memory"]), "no reference arm")
    assert not about(told(["memgpt"]), "no reference arm")


def test_a_dev_split_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from archgraph.suites.datasets import nested_kv

    monkeypatch.setattr(nested_kv.NestedKVDataset, "split", "dev")
    assert about(told(ALIKE), "nested_kv is of the split 'dev'")


def test_prompt_tokens_count_the_schemas() -> None:
    made = spec.SuiteSpec.model_validate(
        {"suite": "x", "architectures": ["memgpt", "no_memory"], "datasets": WORK}
    )
    sizes = {arm.name: confounds.prompt_tokens(arm.plan) for arm in build.plan(made).arms}
    assert sizes["memgpt"] > 1500 > 100 > sizes["no_memory"] > 10
