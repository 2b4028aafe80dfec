"""Find and render prompt templates (jinja2, sandboxed).

Called by the graph's checks (to find them and the names they use) and by the runtime (to render
what a model is sent). Names that are not given are errors. A template of a thread sees: each store
of the thread's context by its name (its text), `tools` (objects with `name`, `verb` and
`description`, in the thread's order), `rules` (its tool rules as a list), `thread` (its name),
`now` (the agent's time as text) and `counts` (store name to its number of records); a `say`
template of a trigger sees `event` (the event's payload) as well. `{% if persona is defined %}` asks
whether a store is there: so a prompt lives on when a node is ablated.

Knows neither stores nor threads.
"""

from __future__ import annotations

import functools
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph import clock, errors

if TYPE_CHECKING:
    import jinja2
    from jinja2 import sandbox

NAMES = frozenset({"tools", "rules", "thread", "now", "counts"})
"""What every template of a thread sees besides the stores of its context."""
SAY_NAMES = NAMES | {"event"}
"""What a trigger's `say` template sees besides the stores."""
SHIPPED = Path(__file__).parent / "_shipped" / "prompts"
CHECKOUT = Path(__file__).parents[1] / "prompts"

_GLOBALS = frozenset({"range", "dict", "lipsum", "cycler", "joiner", "namespace"})


_SAME_ITEMS = frozenset({"selectattr", "rejectattr", "select", "reject", "sort", "list", "reverse"})
_UNCLOSED = re.compile(r"the block '(\w+)' is not closed")
_UNKNOWN = re.compile(r"No (filter|test) named '(\w+)'")
_ENDLESS = re.compile(r"Unexpected end of template.* needs to be closed is '(\w+)'")
_CURES = (
    ("unexpected '}'", "end each {{ with }} and each {% with %}"),
    ("end of print statement", "end each {{ with }}"),
    ("end of statement block", "end each {% with %}"),
    ("Missing end of comment", "end each {# with #}"),
    ("of another template", "write its text here: a template stands alone"),
    ("Encountered unknown tag", "use a tag of jinja2, and close blocks in the order of opening"),
)


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that a template takes from outside; `line` is where it is first used.

    `guarded`: the template asks `is defined`, or has a default, before it relies on the name.
    """

    name: str
    line: int
    guarded: bool


class Lines(str):
    """A text that a template may print as a whole; a loop over it goes line by line."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return iter(self.splitlines())


# Public functions


def find(name: str, folders: Sequence[Path] = ()) -> Path:
    """The file of a template.

    Args:
        name: for example `memgpt/main.jinja2`.
        folders: where the architecture's files lie; `prompts/` in and beside each is looked in
            first, then `./prompts`, the wheel's and the checkout's.

    Raises:
        TemplateError: there is none; the message offers the nearest name.
    """
    homes = search(folders)
    for home in homes:
        path = home / name
        if path.is_file() and path.resolve().is_relative_to(home.resolve()):
            return path
    known = {str(p.relative_to(home)) for home in homes for p in home.rglob("*.jinja2")}
    looked = ", ".join(str(home) for home in homes) or "no folder `prompts`"
    remedy = errors.suggest(name, known) if len(known) < 200 else ""
    raise errors.TemplateError(f"no template {name!r} in {looked}; {remedy}")


def search(folders: Sequence[Path] = ()) -> list[Path]:
    """The existing folders in which templates are looked for, in order."""
    own = [home for folder in folders for home in (folder / "prompts", folder.parent / "prompts")]
    every = [*own, Path("prompts"), SHIPPED, CHECKOUT]
    return list(dict.fromkeys(home for home in every if home.is_dir()))


def read(path: Path) -> str:
    """A template's source.

    Raises:
        TemplateError: the file is not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.TemplateError(f"{path} cannot be read as UTF-8 text: {error}") from error


def render(source: str, values: Mapping[str, Any]) -> str:
    """Render a template's source.

    Raises:
        TemplateError: it uses a name that is not given, or cannot be parsed or rendered.
    """
    import jinja2

    try:
        return _compiled(source).render(values)
    except jinja2.TemplateError as error:
        line = f" (line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise errors.TemplateError(f"a template cannot be rendered: {error}{line}") from error
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        text = f"{error!r}{_line_of(error)}"
        raise errors.TemplateError(f"a template cannot be rendered: {text}") from error


def variables(source: str) -> set[str]:
    """The names that a template takes from outside.

    Raises:
        TemplateError: it cannot be parsed; the message names the line.
    """
    return {each.name for each in uses(source)}


def uses(source: str) -> list[Variable]:
    """The names that a template takes from outside, with lines, in order of their first use.

    Raises:
        TemplateError: it cannot be parsed; the message names the line.
    """
    return list(_uses(source))


def shown(source: str) -> dict[str, int]:
    """How often a template prints each name that it takes from outside.

    Raises:
        TemplateError: it cannot be parsed; the message names the line.
    """
    from jinja2 import nodes

    counts: dict[str, int] = {}
    for output in _parsed(source).find_all(nodes.Output):
        for name in output.find_all(nodes.Name):
            counts[name.name] = counts.get(name.name, 0) + 1
    return counts


def attributes(source: str, owner: str, *, each: bool = False) -> list[Variable]:
    """What a template asks of an outside name: `human` of `counts` in `counts.human`.

    With `each`, what it asks of the items when it loops over that name.

    Raises:
        TemplateError: it cannot be parsed; the message names the line.
    """
    from jinja2 import nodes

    parsed = _parsed(source)
    owned = _loops(parsed, owner) if each else [(owner, parsed)]
    asked = [node for node in _asked(parsed) if isinstance(node, nodes.Getattr)]
    found = [
        Variable(use.attr, use.lineno, use in asked)
        for name, part in owned
        for use in part.find_all(nodes.Getattr)
        if isinstance(use.node, nodes.Name) and use.node.name == name
    ]
    return list(dict.fromkeys(found))


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """The value of a jinja2 expression, such as `verdict.success and facts`.

    Raises:
        TemplateError: it uses a name that is not given, or cannot be parsed or computed.
    """
    import jinja2

    try:
        return _defined(_expression(expression)(**values))
    except jinja2.TemplateError as error:
        raise errors.TemplateError(f"`{expression}` cannot be computed: {error}") from error
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise errors.TemplateError(f"`{expression}` cannot be computed: {error!r}") from error


def names_in(expression: str) -> set[str]:
    """The names that a jinja2 expression takes from outside.

    Raises:
        TemplateError: it cannot be parsed.
    """
    return variables("{{ " + expression + " }}")


def syntax_error(source: str) -> tuple[int, str, str] | None:
    """Line (from 1), text and cure of a template's first syntax error; None if it can be parsed."""
    import jinja2

    try:
        _parsed(source)
    except errors.TemplateError as error:
        cause = error.__cause__
        assert isinstance(cause, jinja2.TemplateSyntaxError)
        text = str(cause.message).rstrip(".")
        ended = _ENDLESS.search(text)
        text = f"the block {ended[1]!r} is not closed" if ended else text
        return cause.lineno, text, _cure(text)
    return None


def prose(source: str) -> list[tuple[int, str]]:
    """The text of a template outside of its expressions and comments: line and text."""
    parts: list[tuple[int, str]] = []
    for line, kind, text in _environment().lex(source):
        if kind == "data":
            parts += [(line + offset, each) for offset, each in enumerate(text.split("\n"))]
    return parts


# Private functions


def _defined(value: Any) -> Any:
    """A value in full: what filters would give one by one is a list, and nothing is undefined."""
    import jinja2

    if isinstance(value, jinja2.Undefined):
        str(value)  # raises, and says what is undefined
    if isinstance(value, Mapping):
        for part in value.values():
            _defined(part)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_defined(part) for part in value]
    return value


def _line_of(error: BaseException) -> str:
    """Where in a template something was raised; jinja2 puts its lines into the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<template>"]
    return f" (line {lines[-1]})" if lines else ""


def _refuse_others(parsed: jinja2.nodes.Template) -> None:
    """A template stands alone, so that what a prompt was made of is one text."""
    import jinja2
    from jinja2 import nodes

    others = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
    for use in parsed.find_all(others):
        name = {"FromImport": "from"}.get(type(use).__name__, type(use).__name__.lower())
        raise jinja2.TemplateSyntaxError(f"{name!r} of another template", use.lineno)


def _refuse_unknown(parsed: jinja2.nodes.Template) -> None:
    """Within a condition jinja2 itself looks for filters and tests only when it renders."""
    import jinja2
    from jinja2 import nodes

    for use in parsed.find_all((nodes.Filter, nodes.Test)):
        kind = type(use).__name__.lower()
        known = _environment().filters if kind == "filter" else _environment().tests
        if use.name not in known:
            raise jinja2.TemplateSyntaxError(f"No {kind} named {use.name!r}", use.lineno)


def _cure(text: str) -> str:
    """What to do about a syntax error."""
    if unclosed := _UNCLOSED.search(text):
        return f"write {{% end{unclosed[1]} %}}"
    if unknown := _UNKNOWN.search(text):
        known = _environment().filters if unknown[1] == "filter" else _environment().tests
        meant = errors.nearest(unknown[2], known)
        return f'did you mean "{meant}"?' if meant else f"use a {unknown[1]} of jinja2"
    return next((cure for sign, cure in _CURES if sign in text), "correct it")


def _asked(parsed: jinja2.nodes.Template) -> list[jinja2.nodes.Node]:
    """What a template asks about (`is defined`) or has a default for before it relies on it."""
    from jinja2 import nodes

    tests = [test for test in parsed.find_all(nodes.Test) if test.name in ("defined", "undefined")]
    defaults = [each for each in parsed.find_all(nodes.Filter) if each.name in ("default", "d")]
    return [each.node for each in (*tests, *defaults) if each.node is not None]


def _loops(parsed: jinja2.nodes.Template, owner: str) -> list[tuple[str, jinja2.nodes.Node]]:
    """The loops over an outside name or a selection of it, with their variables."""
    from jinja2 import nodes

    found: list[tuple[str, jinja2.nodes.Node]] = []
    for loop in parsed.find_all(nodes.For):
        listed = loop.iter
        while isinstance(listed, nodes.Filter) and listed.node and listed.name in _SAME_ITEMS:
            listed = listed.node
        named = isinstance(listed, nodes.Name) and listed.name == owner
        if named and isinstance(loop.target, nodes.Name):
            found.append((loop.target.name, loop))
    return found


@functools.cache
def _environment() -> sandbox.SandboxedEnvironment:
    import jinja2
    from jinja2 import sandbox

    found = sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        cache_size=0,
    )
    found.filters["later"] = clock.later
    return found


@functools.lru_cache(maxsize=512)
def _compiled(source: str) -> jinja2.Template:
    return _environment().from_string(source)


@functools.lru_cache(maxsize=512)
def _expression(source: str) -> Any:
    return _environment().compile_expression(source, undefined_to_none=False)


@functools.lru_cache(maxsize=512)
def _uses(source: str) -> tuple[Variable, ...]:
    """Found once per source: each step of each fork asks again."""
    from jinja2 import meta, nodes

    parsed = _parsed(source)
    outside = meta.find_undeclared_variables(parsed) - _GLOBALS
    lines: dict[str, int] = {}
    for name in parsed.find_all(nodes.Name):
        if name.name in outside:
            lines[name.name] = min(name.lineno, lines.get(name.name, name.lineno))
    guarded = {node.name for node in _asked(parsed) if isinstance(node, nodes.Name)}
    found = [Variable(name, line, name in guarded) for name, line in lines.items()]
    return tuple(sorted(found, key=lambda each: (each.line, each.name)))


@functools.lru_cache(maxsize=512)
def _parsed(source: str) -> jinja2.nodes.Template:
    import jinja2

    try:
        parsed = _environment().parse(source)
        _refuse_others(parsed)
        _refuse_unknown(parsed)
        _environment().compile(source, raw=True)  # finds, for example, a block that is there twice
        return parsed
    except jinja2.TemplateSyntaxError as error:
        raise errors.TemplateError(f"line {error.lineno}: {error.message}") from error
