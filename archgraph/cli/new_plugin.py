"""`new plugin`: a package with a memory type of one's own, its tests, an example and a README."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

import click

from archgraph import errors, registry
from archgraph.cli import plugin_files, screen


@click.command()
@click.argument("name")
@click.option(
    "--folder", default=".", type=click.Path(file_okay=False), help="Where to write; here."
)
def plugin(name: str, folder: str) -> None:
    """Write a package that brings a memory type, with its tests and an example.

    NAME becomes the package, as in diary-notes; the type is then called diary_notes.
    """
    package = name.lower().replace("_", "-")
    target = Path(folder) / package
    _refuse(package, target)
    for path, text in plugin_files.made(package).items():
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    _tell(package, target)


def _refuse(package: str, target: Path) -> None:
    """Stop before anything is written where the name cannot be used."""
    module = package.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", package) or len(package) > 60:
        raise errors.InputError(f"{package!r} cannot be a name: small letters and digits, with - "
                                "between words, as in diary-notes")  # fmt: skip
    if module in sys.stdlib_module_names or keyword.iskeyword(module) or module == "archgraph":
        raise errors.InputError(f"{module!r} is a module of Python's; choose another name")
    taken = registry.entries("stores").get(module)
    if taken is not None:
        raise errors.InputError(
            f"there is a store type {module!r} already, of {taken.package} {taken.version}; "
            "choose another name"
        )
    if target.exists():
        raise errors.InputError(f"{target} is there already; choose another name or --folder")


def _tell(package: str, target: Path) -> None:
    out, module = screen.Screen(), package.replace("-", "_")
    out.line(f"wrote {target}: a memory type {module!r} with tests, an example and a README")
    out.line("\nNow:", "dim")
    out.line(f"  cd {target}")
    out.line("  pip install --no-deps --editable .")
    name = f"Test{plugin_files.class_name(module)}"
    out.line(f"  python -m archgraph.testing tests/test_{module}.py:{name}")
    out.line(f"  archgraph chat example/{module}_example.yaml")
