"""The files of a new plugin, as text: what `archgraph new plugin` writes. Knows no disk."""

from __future__ import annotations

STORE = '''\
"""The memory type `@module@` for archgraph: notes, the last few of them."""

import pydantic
from archgraph import errors
from archgraph.stores import base


class @Class@(base.Store):
    """Short notes; the oldest goes when there are too many."""

    class Options(base.Options):
        """Keys of a `@module@` store."""

        keep: int = pydantic.Field(default=20, gt=0)
        """How many notes are kept."""
        note_cap: int = pydantic.Field(default=50, gt=0)
        """The most tokens of a note; more is cut with a visible mark."""

        def token_cap(self) -> int:
            """What it takes in a context window at most, for the budget proof."""
            return self.keep * (self.note_cap + 3)

    @base.verb(writes=True)
    def note(self, text: str) -> str:
        """Note something that is worth remembering.

        Args:
            text: What to remember, in one sentence.
        """
        if not text.strip():
            raise errors.ToolError("the text is empty; nothing was noted")
        kept = base.cut(text, self.options.note_cap, self.context.count)
        self.records.add(base.Record(content=kept, tokens=self.context.count(kept)))
        for old in self.records.select()[: -self.options.keep]:
            self.records.remove(old)
        self.wrote()
        return "Noted."

    def render(self, view: base.View) -> str:
        """The notes, one a line, as a context window shows them."""
        text = "\\n".join(f"- {record.content}" for record in self.records.select())
        return base.cut(text, view.cap or self.options.token_cap(), self.context.count)
'''

PROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "@package@"
version = "0.1.0"
description = "A memory type for archgraph"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["archgraph"]

[project.entry-points."archgraph.stores"]
@module@ = "@module@:@Class@"

[tool.hatch.build.targets.wheel]
packages = ["src/@module@"]
"""

TESTS = '''\
"""The memory type keeps what archgraph's conformance suite asks of every type."""

from archgraph import testing

from @module@ import @Class@


class Test@Class@(testing.StoreContract):
    store_type = @Class@

    def write(self, store, i):
        store.note(self.text(i))
'''

EXAMPLE = """\
archgraph: 1
name: @module@_example
about: An agent that notes what it is told, with the memory type @module@.
stores:
  notes:  {type: @module@, keep: 20}
  recall: {type: log}
  window: {type: queue, over: recall}
tools:
  note:         {verb: note, stores: notes}
  send_message: {verb: reply}
threads:
  main:
    model: offline/extractive     # --model provider/name for a real one
    context_window: 8192
    prompt: @module@_example.jinja2
    context: [notes, window]
    tools: all
    triggers: [user_message]
    heartbeat: {when: [called, failed], until: send_message}
"""

PROMPT = """\
You remember what you are told. Note what is worth keeping, then answer.

Your notes so far:
{{ notes }}
"""

README = """\
# @package@

A memory type for archgraph: `type: @module@`.

    pip install --no-deps --editable .  # where archgraph is installed
    archgraph list plugins              # names it, with its package and module
    python -m archgraph.testing tests/test_@module@.py:Test@Class@   # its promises, as a table
    python -m pytest                    # the same as tests (pip install pytest hypothesis)
    archgraph check example/@module@_example.yaml
    archgraph chat example/@module@_example.yaml

The type is `src/@module@/__init__.py`: its `Options` are its keys in YAML, its methods marked
`@base.verb` what a tool can do. Change both, and the tests tell which promise breaks. `write` in
the tests says how a text gets into the store; change it along. While it is installed as editable,
no new installation is needed.
"""

FILES = {
    "pyproject.toml": PROJECT,
    "README.md": README,
    "src/@module@/__init__.py": STORE,
    "tests/test_@module@.py": TESTS,
    "example/@module@_example.yaml": EXAMPLE,
    "example/prompts/@module@_example.jinja2": PROMPT,
}
"""Text by path, with the names of the plugin to be filled in."""


def class_name(module: str) -> str:
    """What the class of a module is called."""
    return "".join(word.capitalize() for word in module.split("_"))


def made(package: str) -> dict[str, str]:
    """The files of a plugin by path; `package` is its name with hyphens."""
    module = package.replace("-", "_")
    names = {"@package@": package, "@module@": module, "@Class@": class_name(module)}
    found = {}
    for path, text in FILES.items():
        for mark, word in names.items():
            path, text = path.replace(mark, word), text.replace(mark, word)
        found[path] = text
    return found
