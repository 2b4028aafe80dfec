"""Token counts: exact where they say so, safe where they do not, offline and fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph.llm import tokens

HERE = Path(__file__).read_text()
DIALOGUE = (
    "Caroline: Hey Mel! Good to see you! How have you been? I went to a LGBTQ support group " * 9
)
ENGLISH = {
    "dialogue": DIALOGUE,
    "code": HERE,
    "json": json.dumps([{"name": "archival_memory_search", "arguments": {"query": "dogs"}}] * 9),
    "markdown": tokens.__doc__ or "",
}
OTHER = {
    "German": "Die Würde des Menschen ist unantastbar. Sie zu achten ist Verpflichtung aller.",
    "French": "L'été dernier, nous sommes allés à la plage où les élèves étaient réunis.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве.",  # noqa: RUF001
    "Chinese": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心。",
    "Arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
}
OPENAI = ["openai/gpt-4", "openai/gpt-4o-mini"]


@pytest.mark.parametrize(
    ("model", "exact", "factor", "id"),
    [
        ("openai/gpt-4o-mini", True, 1.0, "tiktoken/o200k_base"),
        ("gpt-4.1", True, 1.0, "tiktoken/o200k_base"),
        ("azure/gpt-4", True, 1.0, "tiktoken/cl100k_base"),
        ("offline/extractive", True, 1.0, "archgraph/split-1"),
        ("scripted/some/gpt-4", True, 1.0, "archgraph/split-1"),
        ("replay/run.jsonl", True, 1.0, "archgraph/split-1"),
        ("openai/my-own-model", False, 1.3, "archgraph/split-1*1.3"),
        ("ollama/gpt-4", False, 1.3, "archgraph/split-1*1.3"),
        ("", False, 1.3, "archgraph/split-1*1.3"),
    ],
)
def test_which_counter(model: str, exact: bool, factor: float, id: str) -> None:
    counter = tokens.counter(model)
    assert (counter.exact, counter.factor, counter.id) == (exact, factor, id)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Hello, world!", 4),
        ("unbelievable", 2),
        ("1234567", 3),
        ("a\n\n  b", 3),
        ("café", 2),
        ("人人", 2),
        ("привет", 3),
        ("😀", 2),
        ("don't", 3),
        ('{"a": 1}', 5),
    ],
)
def test_the_own_definition(text: str, count: int) -> None:
    assert tokens.counter("offline/extractive").count(text) == count


def test_exact_counts() -> None:
    # known from tiktoken's own documentation: "tiktoken is great!" is 6 tokens of cl100k_base
    assert tokens.counter("openai/gpt-4").count("tiktoken is great!") == 6
    assert tokens.counter("openai/gpt-4").count("<|endoftext|>") > 1


@pytest.mark.parametrize("model", OPENAI)
@pytest.mark.parametrize("kind", ENGLISH)
def test_own_counts_are_near_on_english(kind: str, model: str) -> None:
    own = tokens.counter("offline/x").count(ENGLISH[kind])
    assert 0.95 <= own / tokens.counter(model).count(ENGLISH[kind]) <= 1.15


@pytest.mark.parametrize("model", OPENAI)
@pytest.mark.parametrize("language", OTHER)
def test_the_factor_makes_other_languages_safe(language: str, model: str) -> None:
    text = OTHER[language]
    real = tokens.counter(model).count(text)
    assert tokens.counter("unknown/x").count(text) >= real


def test_messages_and_tools() -> None:
    counter = tokens.counter("offline/extractive")
    assert counter.count_message({"role": "user", "content": "two words"}) == tokens.PER_MESSAGE + 2
    assert counter.count_message({"role": "user", "content": "hi", "name": "bob"}) == (
        tokens.PER_MESSAGE + 1 + tokens.PER_NAME + 1
    )
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call, call]}
    assert counter.count_message(message) == tokens.PER_MESSAGE + 2 * (tokens.PER_CALL + 2)
    parts = [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert counter.count_message({"role": "user", "content": parts}) == tokens.PER_MESSAGE + 1
    two = [{"role": "user", "content": "a"}] * 2
    assert counter.count_messages(two) == tokens.PER_REQUEST + 2 * (tokens.PER_MESSAGE + 1)
    tool = {"type": "function", "function": {"name": "find"}}
    assert counter.count_tools([tool]) == tokens.PER_TOOL + counter.count('{"name":"find"}')
    assert counter.count_tools([]) == 0


def test_the_factor_is_in_the_count() -> None:
    assert tokens.counter("unknown/x").count("one two three") == 4  # 3 * 1.3, rounded up


@given(st.text(), st.text())
def test_a_whole_never_counts_more_than_its_parts(left: str, right: str) -> None:
    counter = tokens.counter("offline/extractive")
    assert counter.count(left + right) <= counter.count(left) + counter.count(right)


@given(st.text(), st.integers(0, 12), st.sampled_from(["", " [cut]"]))
def test_cut(text: str, limit: int, mark: str) -> None:
    for model in ("offline/extractive", "unknown/x", "openai/gpt-4o"):
        counter = tokens.counter(model)
        short = counter.cut(text, limit, mark)
        assert counter.count(short) <= limit
        assert short == text or short == "" or short.endswith(mark)
        if counter.count(text) > limit:
            assert text.startswith(short.removesuffix(mark))


def test_counting_imports_no_litellm_and_keeps_the_environment() -> None:
    code = (
        "import os, socket, sys\n"
        "def refuse(*a): raise AssertionError(a)\n"
        "socket.getaddrinfo = refuse\n"
        "from archgraph.llm import tokens\n"
        "assert 'tiktoken' not in sys.modules\n"
        "tokens.counter('offline/x').count('a')\n"
        "assert 'tiktoken' not in sys.modules\n"
        "assert tokens.counter('openai/gpt-4').count('a') == 1\n"
        "assert tokens.counter('openai/gpt-3.5-turbo-instruct').count('a') == 1\n"
        "assert 'litellm' not in sys.modules\n"
        "assert os.environ['TIKTOKEN_CACHE_DIR'] == 'mine'\n"
    )
    environment = {**os.environ, "TIKTOKEN_CACHE_DIR": "mine"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
