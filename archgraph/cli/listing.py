"""`list`: what there is to build with."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import click

from archgraph import errors, registry
from archgraph.cli import options, screen

Row = dict[str, Any]


@click.command(name="list")
@click.argument(
    "kind",
    type=click.Choice(["architectures", "stores", "verbs", *registry.GROUPS[1:], "plugins"]),
    default="architectures",
)
@options.as_json
def list_(kind: str, as_json: bool) -> None:
    """List what there is of a kind; architectures, if none is named."""
    out = screen.Screen()
    rows = _KINDS[kind]()
    if as_json:
        out.json(rows)
        return
    if not rows:
        out.line(f"there are no {kind}")
        return
    out.table(list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])
    if kind == "architectures":
        out.line("\nOne of them: archgraph show NAME. More lists: archgraph list --help", "dim")


def _architectures() -> list[Row]:
    from archgraph.spec import load

    found = []
    for name in load.names():
        loaded = load.read(name)
        broken = any(problem.severity == "error" for problem in loaded.problems)
        about = f"has problems: archgraph check {name}" if broken else loaded.spec.about
        found.append({"name": name, "about": " ".join(about.split())})
    return found


def _types(kind: str) -> list[Row]:
    found = []
    for name, entry in registry.entries(kind).items():
        package = entry.package if entry.package == "archgraph" else _package(entry)
        found.append({"name": name, "about": _about(entry), "package": package})
    return found


def _stores() -> list[Row]:
    from archgraph.stores import base

    rows = _types("stores")
    for row in rows:
        try:
            row["verbs"] = list(base.verbs(registry.get("stores", row["name"])))
        except errors.PluginError:
            row["verbs"] = []
    return [{k: row[k] for k in ("name", "verbs", "about", "package")} for row in rows]


def _verbs() -> list[Row]:
    from archgraph.stores import base
    from archgraph.tools import messaging

    groups = {name: base.verbs(kind) for name, kind in registry.working("stores").items()}
    groups["(none)"] = messaging.VERBS
    return [
        {
            "verb": name,
            "store": store,
            "arguments": list(verb.parameters["properties"]),
            "about": verb.description.split("\n")[0],
        }
        for store, verbs in groups.items()
        for name, verb in verbs.items()
    ]


def _plugins() -> list[Row]:
    claimed = {kind: dict(registry.duplicates(kind)) for kind in registry.GROUPS}
    return [
        {
            "kind": kind,
            "name": entry.name,
            "package": _package(entry),
            "class": entry.target,
            "state": _state(entry, claimed[kind].get(entry.name, [])),
        }
        for kind in registry.GROUPS
        for entry in registry.entries(kind).values()
    ]


def _state(entry: registry.Entry, claimants: list[registry.Entry]) -> str:
    """Whether it can be used, and who else claims its name and is not used."""
    others = [f"{_package(each)} ({each.target})" for each in claimants if each != entry]
    doubled = f"; not used, for they claim the same name: {', '.join(others)}" if others else ""
    try:
        entry.load()
    except errors.PluginError as error:
        return f"{error}{doubled}"
    return f"ok{doubled}"


def _about(entry: registry.Entry) -> str:
    """The first sentence of a class's docstring."""
    try:
        text = inspect.getdoc(entry.load()) or ""
    except errors.PluginError as error:
        return str(error)
    return " ".join(text.split("\n\n")[0].split())


def _package(entry: registry.Entry) -> str:
    return f"{entry.package} {entry.version}"


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


_KINDS: dict[str, Callable[[], list[Row]]] = {
    "architectures": _architectures,
    "stores": _stores,
    "verbs": _verbs,
    **{kind: functools.partial(_types, kind) for kind in registry.GROUPS[1:]},
    "plugins": _plugins,
}
