"""`new architecture`: a commented YAML file and its prompts, which pass `check` and run at once."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archgraph import errors, registry
from archgraph.cli import screen

if TYPE_CHECKING:
    from archgraph.cli import blueprint

PRESETS = {
    "window": ("log:recall,queue:window", "main"),
    "memory": ("block:human,log:recall,queue:window,collection:archival", "main"),
    "background": ("block:human,log:recall,queue:window,collection:archival", "main,tender"),
}
"""Stores and threads of each preset."""
_PRESET = "memory"


@click.command()
@click.argument("name")
@click.option("--extends", "parent", metavar="ARCH", help="Change this one; all else stays.")
@click.option("--stores", metavar="TYPE:NAME,...", help="For example block:human,log:recall.")
@click.option("--threads", metavar="NAME,...", help="The first talks, others tend the memory.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="window: the newest messages; memory: also a block and an archive (the usual one); "
    "background: also a thread that tends them.",
)
@click.option(
    "--folder", default=".", type=click.Path(file_okay=False), help="Where to write; here."
)
def architecture(
    name: str,
    parent: str | None,
    stores: str | None,
    threads: str | None,
    preset: str | None,
    folder: str,
) -> None:
    """Write an architecture and its prompts: commented, free of faults, ready to run.

    On a terminal and without options it asks. Files that exist are never overwritten.
    """
    name = name.removesuffix(".yaml")
    _refuse(name, Path(folder))
    if not any((parent, stores, threads, preset)) and screen.Screen().terminal:
        parent, stores, threads = _ask()
    usual = PRESETS[preset or _PRESET]
    if parent:
        made = _extending(name, parent, _stores(stores or "", whole=False))
    else:
        made = _own(name, _stores(stores or usual[0]), _names(threads or usual[1]))
    _check(made, name)
    written = _write(made, Path(folder))
    _tell(written, name, Path(folder))


# Private functions: what is wanted


def _ask() -> tuple[str | None, str | None, str | None]:
    """What a person says; a wrong answer is asked for again."""
    parent = click.prompt("Change an architecture that exists? Its name, or Enter", default="",
                          show_default=False, value_proc=_sure(_parent))  # fmt: skip
    if parent:
        return parent, None, None
    stores, threads = PRESETS[_PRESET]
    click.echo(f"Store types: {', '.join(registry.names('stores'))}")
    stores = click.prompt("Stores, as type:name", default=stores, value_proc=_sure(_stores))
    threads = click.prompt("Threads; the first talks, others tend the memory", default=threads,
                           value_proc=_sure(_names))  # fmt: skip
    return None, stores, threads


def _sure(look: Callable[[str], object]) -> Callable[[str], str]:
    """An answer as it was given, if it can be used."""

    def answer(text: str) -> str:
        text = text.strip()
        try:
            if text:
                look(text)
        except errors.SpecError as error:
            raise click.UsageError("; ".join(str(each) for each in error.problems)) from None
        except errors.InputError as error:
            raise click.UsageError(str(error)) from None
        return text

    return answer


def _stores(text: str, *, whole: bool = True) -> dict[str, str]:
    """Store names and types; a log is added where there is none, if a thread needs one."""
    found: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        kind, colon, name = part.partition(":")
        if not colon:
            raise errors.InputError(f"--stores: {part!r} is not TYPE:NAME, as in block:human")
        if kind not in registry.names("stores"):
            raise errors.UnknownName("store type", kind, registry.names("stores"))
        _sound(name)
        if name in found:
            raise errors.InputError(f"--stores: two stores are called {name!r}")
        found[name] = kind
    return {"recall": "log", **found} if whole and "log" not in found.values() else found


def _names(text: str) -> list[str]:
    found = [each.strip() for each in text.split(",") if each.strip()]
    for name in found:
        _sound(name)
    return list(dict.fromkeys(found))


def _sound(name: str) -> None:
    from archgraph.spec import architecture as specs

    if not re.match(specs.NAME, name) or name in specs.RESERVED:
        raise errors.InputError(f"{name!r} cannot be a name: letters, digits and _, and not "
                                f"{', '.join(specs.RESERVED)}")  # fmt: skip


def _refuse(name: str, folder: Path) -> None:
    """Stop before anything is asked where the name cannot be used."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", name):
        raise errors.InputError(f"{name!r} cannot be a name: letters, digits, and _ . - after them")
    for path in (folder / f"{name}.yaml", folder / "prompts" / name):
        if path.exists():
            raise errors.InputError(f"{path} is there already; choose another name")


# Private functions: making


def _own(name: str, stores: Mapping[str, str], threads: Sequence[str]) -> dict[str, str]:
    from archgraph.cli import blueprint

    return blueprint.files(blueprint.Wish(name, stores, threads))


def _extending(name: str, parent: str, stores: Mapping[str, str]) -> dict[str, str]:
    from archgraph.cli import blueprint

    return blueprint.extending(blueprint.Wish(name, stores), _parent(parent))


def _parent(name: str) -> blueprint.Parent:
    from archgraph import api
    from archgraph.cli import blueprint

    plan = api.compile(name)
    thread = next((each for each in plan.threads.values() if each.prompt), None)
    if thread is None:
        raise errors.InputError(f"{name} has no thread with a prompt: copy its file instead")
    source = plan.source["threads"][thread.name]
    return blueprint.Parent(
        name, plan.source.get("params") or {}, thread.name, plan.prompts[thread.prompt],
        source.get("context") or [], thread.tools, not thread.tools and not thread.heartbeat.when,
    )  # fmt: skip


def _check(made: Mapping[str, str], name: str) -> None:
    """Check the files before anybody sees them.

    Raises:
        InputError: a store type needs more than can be guessed, for example.
    """
    from archgraph import api

    with tempfile.TemporaryDirectory() as folder:
        for path, text in made.items():
            place = Path(folder) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        found = [each for each in api.check(Path(folder) / f"{name}.yaml")
                 if each.severity == "error"]  # fmt: skip
    if found:
        told = "; ".join(f"{each.path}: {each.message}" for each in found)
        raise errors.InputError(f"nothing was written, for the file would not pass check: {told}")


def _write(made: Mapping[str, str], folder: Path) -> list[Path]:
    """Write the files; when that is cut short, take back those that were written."""
    from archgraph.cli import blueprint
    from archgraph.graph import schema

    texts = dict(made)
    if not (folder / blueprint.SCHEMA).exists():
        texts[blueprint.SCHEMA] = json.dumps(schema.schema(), indent=1) + "\n"
    written: list[Path] = []
    folders: list[Path] = []
    try:
        for path, text in texts.items():
            place = folder / path
            folders += [each for each in place.parents if not each.exists()]
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x", encoding="utf-8") as file:
                written.append(place)
                file.write(text)
    except BaseException:
        for place in written:
            place.unlink(missing_ok=True)
        for each in sorted(set(folders), key=lambda each: len(each.parts), reverse=True):
            if each.exists() and not any(each.iterdir()):
                each.rmdir()
        raise
    return written


def _tell(written: Sequence[Path], name: str, folder: Path) -> None:
    out = screen.Screen()
    for path in written:
        out.line(f"wrote {path}")
    file = folder / f"{name}.yaml"
    out.line(f"\nNow: archgraph show {file}\n     archgraph chat {file}", "dim")
