"""The page of datasets names every dataset and every key, and nothing that does not exist."""

from __future__ import annotations

import pytest

from archgraph import registry
from archgraph.suites.datasets import base, rows
from tests import pages, reference

PAGE = pages.REFERENCE / "datasets.md"
OTHERS = {"Keys of all datasets", "Files", "A dataset of your own kind", "Datasets"}


def test_every_dataset_has_a_section_and_no_other_has() -> None:
    assert set(pages.sections(PAGE)) - OTHERS == set(registry.names("datasets"))


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_every_key_of_a_dataset_is_documented(name: str) -> None:
    kind = registry.get("datasets", name)
    own = set(kind.Options.model_fields) - set(base.Options.model_fields)
    section = pages.sections(PAGE)[name]
    assert own - pages.words_in_code(section) == set()
    assert f"<!-- reference: dataset_options {name} -->" in section
    for field in kind.Options.model_fields.values():
        assert field.description, "the table says what a key means"


def test_the_common_keys_and_those_of_rows_are_documented() -> None:
    shown = pages.words_in_code(pages.text_of(PAGE))
    assert set(base.Options.model_fields) - shown == set()
    for model in (rows.HistoryRow, rows.QuestionRow, rows.CaseRow, rows.ItemRow):
        assert set(model.model_fields) - shown == set()


def test_the_tables_are_those_of_the_code() -> None:
    source = pages.text_of(PAGE)
    assert reference.renewed(source) == source, "run `make reference`"


def test_a_table_leaves_out_the_common_keys() -> None:
    made = reference.dataset_options("locomo")
    assert "`adversarial`" in made and "`categories`" not in made
    assert "CC BY-NC 4.0" in made and "Scorers: `locomo`, " in made
