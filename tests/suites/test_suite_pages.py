"""The page of the suite language names every key that exists, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pydantic
import yaml

from archgraph.suites.planning import load, spec, written
from tests import pages, reference

PAGE = pages.REFERENCE / "suites.md"


def models() -> list[type[pydantic.BaseModel]]:
    return [
        value for value in vars(spec).values()
        if isinstance(value, type) and issubclass(value, pydantic.BaseModel)
        and value.model_fields
    ]  # fmt: skip


def keys() -> set[str]:
    return {field.alias or name for model in models() for name, field in model.model_fields.items()}


def documented() -> set[str]:
    """The first cells of the tables of keys."""
    text = pages.text_of(PAGE)
    parts = re.findall(r"<!-- reference: keys \S+ -->(.*?)<!-- end -->", text, re.DOTALL)
    return set(re.findall(r"^\| `(\w+)` \|", "".join(parts), re.MULTILINE))


def test_every_key_is_documented_and_none_is_invented() -> None:
    assert documented() == keys()


def test_the_tables_are_made_from_the_code() -> None:
    source = pages.text_of(PAGE)
    assert source == reference.renewed(source), "run `make reference`"


def test_every_key_says_what_it_is() -> None:
    for model in models():
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_every_shipped_suite_is_named() -> None:
    assert {*written.names()} <= pages.words_in_code(pages.text_of(PAGE))


def test_suites_of_the_pages_are_sound(tmp_path: Path) -> None:
    """Every YAML block with a `suite:` that names no file of somebody's own can be loaded."""
    for page in (PAGE, pages.DOCS / "howto" / "compare-architectures.md"):
        blocks = [each for each in pages.blocks(page) if each.language == "yaml"]
        for each in blocks:
            (tmp_path / each.option("title")).write_text(each.text, encoding="utf-8")
        for each in blocks:
            name = each.option("title")
            assert load.suite(tmp_path / name).spec.suite == yaml.safe_load(each.text)["suite"]
