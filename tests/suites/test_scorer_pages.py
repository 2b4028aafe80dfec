"""The page of scorers has every scorer and option; the scorer of the how-to page is installed."""

import tomllib

import pytest

from archgraph import registry
from archgraph.suites import plan, record
from archgraph.suites.datasets import case
from archgraph.suites.scoring import run
from tests import pages, plugins, reference

PAGE = pages.REFERENCE / "scorers.md"
HOWTO = pages.DOCS / "howto" / "write-a-scorer.md"


def ours():
    return [name for name, entry in registry.entries("scorers").items()
            if entry.package == "archgraph"]  # fmt: skip


@pytest.mark.parametrize("name", ours())
def test_every_scorer_and_option_has_its_place_on_the_page(name):
    section = pages.sections(PAGE)[name]
    kind = registry.get("scorers", name)
    for key, field in kind.Options.model_fields.items():
        assert f"| `{field.alias or key}` |" in section
        assert (field.description or "").strip(), f"{name}.{key} has no docstring"


def test_the_page_has_no_scorer_that_does_not_exist():
    marked = {match["name"].strip() for match in reference.PART.finditer(pages.text_of(PAGE))
              if match["kind"] == "scorer_options"}  # fmt: skip
    assert marked == set(ours())


def test_the_page_is_up_to_date():
    assert reference.renewed(pages.text_of(PAGE)) == pages.text_of(PAGE)


def test_the_scorer_of_the_howto_page_works_as_a_package(tmp_path):
    files = {block.option("title"): block.text for block in pages.blocks(HOWTO)}
    points = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]
    with plugins.installed(tmp_path, {"brevity": files["brevity.py"]}, points):
        made = run.made([plan.ScorerPlan("brevity", "brevity", {"words": 2})])
        of = record.Outcome(case.Case("q", "t", (), "?", ()), "one two three", "done")
        found = run.score_all(of, "d", made, lambda system, question: "")["brevity"]
        assert (found.value, found.note) == (0.0, "3 words")
        assert registry.get("scorers", "brevity").Options.short == "words"
