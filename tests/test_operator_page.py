"""The operators of the how-to page are installed as its reader would, and used."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import archgraph
from tests import pages, plugins

PAGE = pages.DOCS / "howto" / "write-an-operator.md"


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder with the page's files; its module is found where pip would put it."""
    modules, points = {}, {}
    for block in pages.blocks(PAGE):
        name = block.option("title")
        if name.endswith(".py"):
            modules[name.removesuffix(".py")] = block.text
        elif name == "pyproject.toml":
            points = tomllib.loads(block.text)["project"]["entry-points"]
        elif name:
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with plugins.installed(tmp_path / "site", modules, points):
        yield


def test_it_is_checked_like_ours() -> None:
    assert archgraph.check("gardener.yaml") == []
    for old, new, code in (
        ("of: messages, words", "of: masseges, words", "unknown-value"),
        ("words: [bee, rose]", "wrods: [bee]", "unknown-key"),
        ("rate.jinja2", "ratte.jinja2", "template-missing"),
    ):
        text = Path("gardener.yaml").read_text()
        assert old in text
        Path("wrong.yaml").write_text(text.replace(old, new, 1))
        told = [problem.code for problem in archgraph.check("wrong.yaml")]
        assert code in told, f"{new}: {told}"


def test_it_sifts_and_rates() -> None:
    with archgraph.open_agent("gardener.yaml") as agent:
        for text in ("I keep seven bees.", "I slept well.", "My mother planted the rose."):
            assert agent.send(text).status == "done"
            agent.work()
        kept = {record.content: record for record in agent.stores["garden"].records.select()}
    assert set(kept) == {"I keep seven bees.", "My mother planted the rose."}
    assert all((record.importance or 0) >= 1 for record in kept.values())
    assert all(record.derived_from for record in kept.values())
