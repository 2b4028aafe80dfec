"""The reference pages name all that exists, and nothing that does not."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path

import click
import pydantic
import pytest

from archgraph import errors, registry
from archgraph.spec import architecture, codes, load
from archgraph.storage import migrations
from archgraph.stores import base as stores
from tests import gallery_pages, pages, reference
from tests.conftest import ROOT

PACKAGE = ROOT / "archgraph"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def section(page: str, title: str) -> str:
    found = pages.sections(pages.REFERENCE / page)
    assert title in found, f"docs/reference/{page} has no heading `{title}`"
    return found[title]


# fmt: off
WORDS = (
    "agent", "architecture", "block", "collection", "command", "due", "gateway", "graph",
    "heartbeat", "journal", "log", "passage", "plan", "queue", "step", "store", "thread", "tick",
    "tool", "trigger", "turn", "verb",
)
# fmt: on


@pytest.mark.parametrize("page", pages.all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_parts_made_from_the_code_are_up_to_date(page: Path) -> None:
    source = pages.text_of(page)
    assert source == reference.renewed(source), "run `make reference`"


# Commands


def all_commands() -> dict[str, click.Command]:
    """All commands, and those of groups as `group command`."""
    return commands_of(reference.root_command(), "")


def commands_of(group: click.Group, before: str) -> dict[str, click.Command]:
    context, found = click.Context(group), dict[str, click.Command]()
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found[before + name] = command
        if isinstance(command, click.Group):
            found |= commands_of(command, f"{before}{name} ")
    return found


def options_of(command: click.Command) -> set[str]:
    return {
        flag
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for flag in [*parameter.opts, *parameter.secondary_opts]
        if flag.startswith("--") and flag != "--help"
    }


@pytest.mark.parametrize("name", all_commands())
def test_command_is_documented(name: str) -> None:
    text = section("commands.md", f"archgraph {name}")
    shown = set(re.findall(r"--[a-z][\w-]*", text))
    assert shown - {"--help"} == options_of(all_commands()[name])


def test_no_command_is_invented() -> None:
    titles = pages.sections(pages.REFERENCE / "commands.md")
    found = [t for t in titles if t.startswith("archgraph ") and "--" not in t]
    documented = {title.partition(" ")[2] for title in found}
    assert documented == set(all_commands())


# The gallery


@pytest.mark.parametrize(
    "page", sorted(gallery_pages.PAGES.glob("*.md")), ids=lambda page: str(page.stem)
)
def test_page_of_the_gallery_has_its_graph(page: Path) -> None:
    source = pages.text_of(page)
    assert source == gallery_pages.with_mark(page, source), "run `make reference`"
    assert page.stem in load.names(), "no architecture has that name"
    for match in gallery_pages.GRAPH.finditer(source):
        assert gallery_pages.chart(match["name"]) in match[0]


def test_the_gallery_lists_every_architecture() -> None:
    told = section("gallery.md", "Gallery")
    assert [name for name in load.names() if f"| [{name}](" not in told] == []


# Stores, verbs and the language


@pytest.mark.parametrize("name", registry.names("stores"))
def test_store_type_is_documented(name: str) -> None:
    store = registry.get("stores", name)
    assert section("stores.md", name)
    shown = pages.words_in_code(pages.text_of(pages.REFERENCE / "stores.md"))
    parts = {*keys_of(store.Options), *store.events, *store.measures, *stores.verbs(store)}
    assert parts - shown == set()


@pytest.mark.parametrize("name", registry.names("stores"))
def test_verbs_are_documented(name: str) -> None:
    for verb, described in stores.verbs(registry.get("stores", name)).items():
        shown = pages.words_in_code(section("verbs.md", f"{name}: {verb}"))
        assert set(described.parameters["properties"]) - shown == set()


def test_no_verb_is_invented() -> None:
    titles = pages.sections(pages.REFERENCE / "verbs.md")
    real = {
        f"{name}: {verb}"
        for name in registry.names("stores")
        for verb in stores.verbs(registry.get("stores", name))
    }
    assert {title for title in titles if re.fullmatch(r"\w+: \w+", title)} == real


def keys_of(model: type[pydantic.BaseModel], seen: tuple[type, ...] = ()) -> set[str]:
    """The YAML keys of a model and of the models inside it."""
    if model in seen:
        return set()
    keys = set()
    for name, field in model.model_fields.items():
        keys.add(field.alias or name)
        for inner in reference.models_in(field.annotation):
            keys |= keys_of(inner, (*seen, model))
    return keys


def test_every_key_of_the_language_is_documented() -> None:
    models = [
        value
        for value in vars(architecture).values()
        if isinstance(value, type) and issubclass(value, pydantic.BaseModel)
    ]
    keys = {key for model in models for key in keys_of(model)}
    shown = pages.words_in_code(pages.text_of(pages.REFERENCE / "language.md"))
    assert keys
    assert keys - shown == set()


# Problems, extras, plugin groups, variables


def strings(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def test_every_problem_code_is_used() -> None:
    table = Path(codes.__file__)
    used = {text for file in PACKAGE.rglob("*.py") if file != table for text in strings(file)}
    assert set(codes.CODES) - used == set()


def test_every_exception_is_documented() -> None:
    shown = pages.words_in_code(pages.text_of(pages.REFERENCE / "errors.md"))
    assert {name for name in errors.__all__ if name[0].isupper()} - shown == set()


def test_every_extra_is_documented() -> None:
    shown = pages.words_in_code(pages.text_of(pages.REFERENCE / "extras.md"))
    assert set(PROJECT["optional-dependencies"]) - shown == set()


def test_every_plugin_kind_with_built_ins_is_documented() -> None:
    shown = pages.words_in_code(pages.text_of(pages.REFERENCE / "extras.md"))
    for group, built_in in PROJECT["entry-points"].items():
        assert {group, *built_in} - shown == set(), group


def test_installed_entry_points_are_those_of_the_project() -> None:
    """A stale installation would make the tests above compare with yesterday's names."""
    for group, expected in PROJECT["entry-points"].items():
        points = metadata.entry_points(group=group)
        ours = {p.name: p.value for p in points if p.dist and p.dist.name == "archgraph"}
        assert ours == expected, "run `make dev` again"


def test_every_environment_variable_is_documented() -> None:
    used = {
        name
        for file in PACKAGE.rglob("*.py")
        for name in re.findall(r"\bARCHGRAPH_[A-Z_]+\b", file.read_text(encoding="utf-8"))
    }
    shown = pages.words_in_code(pages.text_of(pages.REFERENCE / "commands.md"))
    assert used - shown == set()


def test_every_table_of_the_agent_file_is_documented() -> None:
    text = pages.text_of(pages.REFERENCE / "files.md")
    documented = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    tables = set(re.findall(r"CREATE TABLE (\w+)", migrations.TABLES))
    assert documented == tables | set(migrations.BOOKKEEPING)


# Pages


def test_links_lead_somewhere() -> None:
    dead = []
    for page in pages.all_pages():
        for link in pages.links(page):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (anchor and anchor not in pages.anchors(target)):
                dead.append(f"{page.relative_to(ROOT)}: {link}")
    assert dead == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    queue = [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        queue += [(page.parent / link.partition("#")[0]).resolve() for link in pages.links(page)]
    assert set(pages.all_pages()) - reached == set()


def test_readme_opens_with_the_two_commands() -> None:
    opening = pages.text_of(ROOT / "README.md")[:800]
    assert opening.index("make demo") < opening.index("make test")


def test_glossary_holds_every_word_of_the_design() -> None:
    text = pages.text_of(pages.DOCS / "glossary.md")
    assert set(WORDS) - set(re.findall(r"\*\*([\w ]+)\*\*", text)) == set()
