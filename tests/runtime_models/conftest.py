"""The fake server for every test here, and litellm loaded before the first clock runs."""

from __future__ import annotations

import pytest

from archgraph.llm import litellm_gateway
from tests.fake_openai import KEY, openai_server

__all__ = ["openai_server"]


@pytest.fixture(scope="session", autouse=True)
def _loaded() -> None:
    litellm_gateway.load()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key comes as users are told to give it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
