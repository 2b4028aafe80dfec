"""The user's files: found, hashed, compared with the published ones, and checked row by row.

Called by every dataset that reads a file. Published data is not shipped; what is missing is told
with the place where it can be had, and its licence. Knows no schema.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic

from archgraph import errors
from archgraph.suites.datasets import base

Row = TypeVar("Row", bound=pydantic.BaseModel)

_MOST = 10
"""Problems that are told; the others are counted."""


class Options(base.Options):
    """Keys of every dataset that reads a published file."""

    path: str
    """The file (a folder for `beam`)."""
    unverified: bool = False
    """Take a file whose sha256 is none of the published ones; tables then say so."""


class Shape(pydantic.BaseModel):
    """A row of a published file: fields that are not named here are never read."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)


def _worded(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else value


Text = Annotated[str, pydantic.BeforeValidator(_worded)]
"""A text, or a number taken as one: some published answers are numbers."""


@dataclass(frozen=True, slots=True)
class Published:
    """Data that its authors publish: `files` maps the sha256 of each known file to what it is."""

    dataset: str
    files: Mapping[str, str]
    where: str
    licence: str

    def get_it(self) -> str:
        """Where to get it, in words."""
        return f"get it from {self.where} (licence: {self.licence})"


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows came from. `known` says which published file it is, empty if none."""

    path: str
    sha256: str
    known: str = ""

    def provenance(self, **more: Any) -> dict[str, Any]:
        """For manifest and tables."""
        told = {"file": Path(self.path).name, "sha256": self.sha256, "verified": bool(self.known)}
        return {**told, **({"published as": self.known} if self.known else {}), **more}


def find(published: Published, path: str) -> Path:
    """The user's file or folder.

    Raises:
        InputError: it is not there; the message says where to get it.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise errors.InputError(
            f"{published.dataset}: there is no {path}; {published.get_it()}, and give its place as "
            f"`path`"
        )
    return place


def verified(published: Published, path: str, sha256: str, unverified: bool) -> Source:
    """The source of a file with that digest.

    Raises:
        InputError: it is none of the published ones, and `unverified` was not asked for.
    """
    known = published.files.get(sha256, "")
    if not known and not unverified:
        listed = "; ".join(f"{name} {digest[:12]}…" for digest, name in published.files.items())
        raise errors.InputError(
            f"{published.dataset}: {path} has sha256 {sha256}, which is no published file that is "
            f"known here ({listed or 'none is'}); {published.get_it()}, or set `unverified: true` "
            f"to take it as it is, which tables then say"
        )
    return Source(path, sha256, known)


def read(published: Published, path: str, unverified: bool) -> tuple[bytes, Source]:
    """A file's bytes, once its digest is known or `unverified` was asked for."""
    data = content(published.dataset, find(published, path))
    return data, verified(published, path, hashlib.sha256(data).hexdigest(), unverified)


def content(dataset: str, place: Path) -> bytes:
    """A file's bytes.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return place.read_bytes()
    except OSError as error:
        raise errors.InputError(f"{dataset}: cannot read {place}: {error}") from error


def digest_of_files(places: Iterable[tuple[str, bytes]]) -> str:
    """One sha256 for several files: of the lines `sha256  name` that sha256sum would print."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in places]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def json_of(dataset: str, path: str, data: bytes) -> Any:
    """The JSON value that a file holds.

    Raises:
        InputError: it is not JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise errors.InputError(f"{dataset}: {path} is not JSON: {error}") from error


def json_lines(dataset: str, path: str, data: bytes) -> Iterator[tuple[int, Any]]:
    """The JSON value of each line that is not empty, with its number from 1.

    Raises:
        InputError: names the first line that is not JSON.
    """
    for number, line in enumerate(_decoded(dataset, path, data).split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise errors.InputError(f"{dataset}: {path}:{number}: not JSON: {error}") from error


def json_items(dataset: str, path: str, data: bytes) -> Iterator[Any]:
    """The items of a JSON list, one at a time, so that a few of a large file cost little.

    Raises:
        InputError: it is no list, or not JSON where it was read.
    """
    text, decoder = _decoded(dataset, path, data), json.JSONDecoder()
    at = _next(text, 0)
    if text[at : at + 1] != "[":
        raise errors.InputError(f"{dataset}: {path} does not hold a JSON list")
    at = _next(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            item, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise errors.InputError(f"{dataset}: {path} is not JSON: {error}") from error
        yield item
        at = _next(text, end)
        mark = text[at : at + 1]
        at = _next(text, at + 1) if mark == "," else at
        if mark not in (",", "]") or (mark == "," and text[at : at + 1] == "]"):
            raise errors.InputError(f"{dataset}: {path} ends in the middle of its list")


def checked(dataset: str, model: type[Row], rows: Sequence[tuple[str, Any]]) -> list[Row]:
    """Rows in their shape; `rows` are pairs of a place (`file:line`) and what stands there.

    Raises:
        InputError: names every row and field that is wrong, up to ten.
    """
    found, wrong = [], []
    for place, row in rows:
        try:
            found.append(model.model_validate(row))
        except pydantic.ValidationError as error:
            wrong += [f"{place}: {problem}" for problem in problems(error)]
    report(dataset, wrong)
    return found


def problems(error: pydantic.ValidationError) -> list[str]:
    """Each problem that pydantic found: the field's path, and what is wrong with it."""
    told = []
    for each in error.errors(include_url=False):
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in each["loc"])
        message = each["msg"].removeprefix("Value error, ")
        told.append(f"{path.removeprefix('.') or 'the row'}: {message[:1].lower()}{message[1:]}")
    return told


def report(dataset: str, wrong: Sequence[str]) -> None:
    """Raise what is wrong, if anything is.

    Raises:
        InputError: the first ten problems, one a line.
    """
    if wrong:
        more = [f"and {len(wrong) - _MOST:,} more"] if len(wrong) > _MOST else []
        raise errors.InputError("\n".join([*(f"{dataset}: {w}" for w in wrong[:_MOST]), *more]))


def _next(text: str, at: int) -> int:
    """The next place that is no white space."""
    while text[at : at + 1] in tuple(" \t\r\n"):
        at += 1
    return at


def _decoded(dataset: str, path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise errors.InputError(f"{dataset}: {path} is not UTF-8: {error}") from error
