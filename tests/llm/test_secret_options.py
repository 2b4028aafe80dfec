"""Which options are secrets, and how a key comes from the environment."""

from __future__ import annotations

import pytest

from archgraph import errors
from archgraph.llm import secret_options

SECRET = ("api_key", "apikey", "X-Api-Key", "token", "Authorization", "aws_secret_access_key",
          "aws_access_key_id", "aws_session_token", "azure_ad_token", "client_secret", "password",
          "vertex_credentials", "hf_token")  # fmt: skip
PLAIN = ("api_key_env", "max_tokens", "stop_token_ids", "eos_token", "temperature", "api_base",
         "prompt_cache_key", "key", "keep_alive", "top_k")  # fmt: skip


def test_secrets_are_known_by_name() -> None:
    assert [name for name in SECRET if not secret_options.is_secret(name)] == []
    assert [name for name in PLAIN if secret_options.is_secret(name)] == []


def test_secrets_are_found_at_any_depth() -> None:
    options = {
        "temperature": 0,
        "extra_headers": {"Authorization": "x", "X-Site": "mine"},
        "fallbacks": [{"api_key": "y"}],
        "extra_body": {"note": "sk-proj-0123456789"},
        "stop": ["Bearer"],
    }
    assert [path for path, _ in secret_options.places(options)] == [
        ("extra_headers", "Authorization"),
        ("fallbacks", 0, "api_key"),
        ("extra_body", "note"),
    ]


def test_a_key_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"api_key_env": "MY_PROVIDERS", "timeout": 3}
    monkeypatch.delenv("MY_PROVIDERS", raising=False)
    with pytest.raises(errors.GatewayError, match="MY_PROVIDERS"):
        secret_options.with_key(options)
    monkeypatch.setenv("MY_PROVIDERS", "k")
    assert secret_options.with_key(options) == {"api_key": "k", "timeout": 3}
