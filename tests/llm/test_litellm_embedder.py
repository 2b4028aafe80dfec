"""The litellm embedder against a real HTTP server."""

from __future__ import annotations

import numpy as np
import pytest

from archgraph import errors
from archgraph.llm import litellm_embedder
from tests.fake_openai import KEY, FakeOpenAI, Raw, Status, Text, vector_of


def open_at(server: FakeOpenAI, **options: object) -> litellm_embedder.LitellmEmbedder:
    return litellm_embedder.LitellmEmbedder(
        "openai/emb", server.options(**options), pause=lambda seconds: None
    )


def test_vectors_have_unit_length_and_keep_their_order(openai_server: FakeOpenAI) -> None:
    texts = [f"text {i}" for i in range(300)]
    vectors = open_at(openai_server).embed(texts)
    raw = np.array([vector_of(text, 8) for text in texts])
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)
    sizes = [len(request.json["input"]) for request in openai_server.received]
    assert sizes == [128, 128, 44]


def test_dimension_is_asked_for_or_learnt(openai_server: FakeOpenAI) -> None:
    plain = open_at(openai_server)
    assert (plain.dimension, plain.id) == (8, "openai/emb")
    short = litellm_embedder.LitellmEmbedder(
        "openai/text-embedding-3-small", openai_server.options(dimensions=4)
    )
    assert (short.dimension, short.id) == (4, "openai/text-embedding-3-small/4")
    assert short.embed(["a"]).shape == (1, 4)
    assert openai_server.received[-1].json["dimensions"] == 4


def test_no_texts_and_an_empty_text(openai_server: FakeOpenAI) -> None:
    embedder = open_at(openai_server)
    assert embedder.embed([]).shape[0] == 0
    assert openai_server.received == []
    assert embedder.embed([""]).shape == (1, 8)


def test_faults(openai_server: FakeOpenAI) -> None:
    openai_server.queue(Status(429, retry_after=1), Status(500), Text(""))
    assert open_at(openai_server).embed(["a"]).shape == (1, 8)
    openai_server.queue(Status(401, f"bad key {KEY}"))
    with pytest.raises(errors.GatewayError, match="hidden") as caught:
        open_at(openai_server).embed(["a"])
    assert KEY not in str(caught.value)
    openai_server.queue(Raw('{"object": "list", "model": "emb", "data": []}'))
    with pytest.raises(errors.GatewayError, match="1 texts were sent, 0 vectors"):
        open_at(openai_server, retries=0).embed(["a"])
