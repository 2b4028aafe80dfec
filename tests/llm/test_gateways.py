from __future__ import annotations

import pytest

from archgraph import errors, registry
from archgraph.llm import gateways, litellm_gateway, scripted


def test_the_prefix_picks_the_gateway() -> None:
    assert type(gateways.open_gateway("offline/extractive")).__name__ == "Extractive"
    for model in ("openai/gpt-4o", "gpt-4o", "ollama_chat/llama3", "hosted_vllm/a/b"):
        assert isinstance(gateways.open_gateway(model, {}), litellm_gateway.LitellmGateway)


@pytest.mark.parametrize("model", ["", "offline", "scripted", "replay/", "litellm/openai/x"])
def test_names_that_are_not_complete(model: str) -> None:
    with pytest.raises(errors.InputError, match="model"):
        gateways.open_gateway(model)


def test_all_registered_gateways_load() -> None:
    assert set(registry.names("gateways")) >= {"litellm", "offline", "replay", "scripted"}
    for name in registry.names("gateways"):
        assert hasattr(registry.get("gateways", name), "complete")
    assert registry.get("gateways", "scripted") is scripted.Scripted


def test_an_offline_model_that_is_none_is_refused() -> None:
    with pytest.raises(errors.UnknownName, match='did you mean "offline/extractive"'):
        gateways.open_gateway("offline/extractiv")
