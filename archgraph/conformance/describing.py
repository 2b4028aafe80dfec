"""Checks of what a type says of itself: docstrings, options, verbs, events, measures.

They run without an agent, save those that look at how an object is made.
"""

from __future__ import annotations

import functools
import inspect
import re
from pathlib import Path
from typing import Any

import pydantic

from archgraph import errors
from archgraph.conformance import kit
from archgraph.stores import base

_WORD = re.compile(r"[a-z][a-z0-9_]*")
_KINDS = {"string", "integer", "number", "boolean", "array", "object"}
LONGEST_NAME = 64
"""Characters of a tool's name that providers accept."""


class Describing(kit.Ground):
    """A type describes itself to people, editors and models."""

    @kit.check("description", "give the class a docstring of one sentence")
    def test_it_describes_itself(self) -> None:
        """The class has a docstring."""
        kit.must((self.store_type.__doc__ or "").strip(), "the class has no docstring")

    @kit.check("options", "let the class's `Options` inherit from `base.Options`")
    def test_its_options_are_ours(self) -> None:
        """`Options` inherits from `base.Options`."""
        known = issubclass(self.store_type.Options, base.Options)
        kit.must(known, "`Options` does not inherit from `base.Options`")

    @kit.check("options", "use types that pydantic can put into a JSON Schema")
    def test_its_options_have_a_schema(self) -> None:
        """Editors complete and check its keys."""
        schema = self.store_type.Options.model_json_schema()
        kit.must(schema.get("type") == "object", "the schema of `Options` is no object")
        _check_schema(schema, "`Options`")

    @kit.check("options", "write a text in quotes below the option")
    def test_its_options_are_explained(self) -> None:
        """Every option has a text below it, which the schema and the docs show."""
        for name, field in self.store_type.Options.model_fields.items():
            kit.must(field.description, f"the option {name!r} has no text below it")

    @kit.check("options", "keep `extra='forbid'`, which `base.Options` sets")
    def test_it_refuses_unknown_options(self) -> None:
        """A misspelt key is an error, not a silence."""
        try:
            self.store_type.Options(**{**self.options, "no_such_key": 1})
        except pydantic.ValidationError:
            return
        raise kit.Fault("it takes the unknown key 'no_such_key' without a word")

    @kit.check("options", "keep `frozen=True`, which `base.Options` sets")
    def test_its_options_are_frozen(self) -> None:
        """Nothing changes the options of an open agent."""
        chosen = self.store_type.Options(**self.options)
        for name in type(chosen).model_fields:
            try:
                setattr(chosen, name, getattr(chosen, name))
            except pydantic.ValidationError:
                continue
            raise kit.Fault(f"the option {name!r} can be changed after the file was read")

    @kit.check("options", "make validators idempotent, and types that JSON can hold")
    def test_its_options_survive_the_plan(self) -> None:
        """Options that went through JSON (a plan is kept so) are the same."""
        chosen = self.store_type.Options(**self.options)
        kept = chosen.model_dump_json(by_alias=True, exclude_unset=True)
        again = self.store_type.Options.model_validate_json(kept)
        kit.same(chosen, again, "options differ after a way through JSON")

    @kit.check("options", "return a whole number of tokens from `token_cap()`; 0 if it never shows")
    def test_its_cap_is_a_number(self) -> None:
        """`token_cap` is what the budget proof counts with."""
        cap: Any = self.store_type.Options(**self.options).token_cap()
        fine = isinstance(cap, int) and not isinstance(cap, bool) and cap >= 0
        kit.must(fine, f"token_cap() is {cap!r}, not a number of tokens")

    @kit.check("options", "return {option: name of the store} from `references()`")
    def test_its_references_are_edges(self) -> None:
        """Other stores that the options name become edges of the graph."""
        chosen = self.store_type.Options(**self.options)
        for path, name in chosen.references().items():
            known = path.split(".")[0] in type(chosen).model_fields and isinstance(name, str)
            kit.must(known, f"references() names {path!r}: {name!r}, which is no option")

    @kit.check("options", "return one sentence each from `doubts()`")
    def test_its_doubts_are_sentences(self) -> None:
        """What a reader of the file should be warned of."""
        doubts: Any = self.store_type.Options(**self.options).doubts()
        fine = isinstance(doubts, list) and all(isinstance(d, str) and d.strip() for d in doubts)
        kit.must(fine, f"doubts() is {doubts!r}, not a list of sentences")

    @kit.check(
        "options", "tell each guarantee in `doubts()`, so that `check` shows it", "lost guarantee"
    )
    def test_it_tells_what_is_lost(self) -> None:
        """What the type cannot guarantee, `archgraph check` tells the user."""
        doubts = " ".join(self.store_type.Options(**self.options).doubts())
        for each in sorted(self.lost - {"readers"}):
            kit.must(kit.LOST[each] in doubts, f"it cannot give {each!r}, and doubts() is silent")

    @kit.check("verbs", "give the method a docstring: the model reads its first paragraph", "verb")
    def test_its_verbs_are_described(self) -> None:
        """Every verb has a docstring."""
        for name, verb in base.verbs(self.store_type).items():
            kit.must(verb.description.strip(), f"the verb {name!r} has no docstring")

    @kit.check("verbs", "add a line for it under `Args:` in the docstring", "argument")
    def test_its_arguments_are_described(self) -> None:
        """Every argument of a verb is described to the model."""
        for name, verb in base.verbs(self.store_type).items():
            for argument, schema in verb.parameters["properties"].items():
                said = schema.get("description")
                kit.must(said, f"the docstring of {name!r} says nothing of {argument!r}")

    @kit.check("verbs", "remove it from the docstring or add it to the signature", "verb")
    def test_its_docstrings_name_no_other_arguments(self) -> None:
        """A docstring describes no argument that the verb does not take."""
        for name, verb in base.verbs(self.store_type).items():
            doc = inspect.getdoc(getattr(self.store_type, name)) or ""
            part = re.search(r"^Args:\n((?:\s+.*\n?)*)", doc, re.MULTILINE)
            told = re.findall(r"^\s{4}(\w+):", part.group(1), re.MULTILINE) if part else []
            for argument in told:
                known = argument in verb.parameters["properties"]
                kit.must(known, f"the docstring of {name!r} tells of {argument!r}; it has none")

    @kit.check("verbs", "use str, int, float, bool, list, dict or Literal", "verb")
    def test_its_verbs_have_a_schema(self) -> None:
        """The parameters of a verb are a JSON Schema that providers accept."""
        for name, verb in base.verbs(self.store_type).items():
            parameters = verb.parameters
            kit.must(parameters["type"] == "object", f"the parameters of {name!r} are no object")
            for argument, schema in parameters["properties"].items():
                fine = schema.get("type") in _KINDS
                kit.must(fine, f"{argument!r} of {name!r} has the type {schema.get('type')!r}")
            missing = set(parameters["required"]) - set(parameters["properties"])
            kit.must(not missing, f"{name!r} requires {missing}, which it does not describe")
            _check_schema(dict(parameters), f"the verb {name!r}")

    @kit.check("verbs", "rename it: small letters, digits and _, at most 64 of them", "verb")
    def test_its_verbs_have_good_names(self) -> None:
        """Verbs become tools: their names must be accepted by providers, and not be ours."""
        for name in base.verbs(self.store_type):
            fine = _WORD.fullmatch(name) and len(name) <= LONGEST_NAME
            kit.must(fine, f"{name!r} is no name for a tool")
            hides = hasattr(base.Store, name) and name != "start"  # `start` on an empty store
            kit.must(not hides, f"the verb {name!r} hides a method of Store")

    @kit.check("verbs", "mark it with @verb(reads=True), @verb(writes=True) or both", "verb")
    def test_its_writing_verbs_say_so(self, tmp_path: Path) -> None:
        """A verb that is not marked as writing does not write."""
        with self._filled(tmp_path, 3) as (db, store):
            for name, verb in base.verbs(self.store_type).items():
                if verb.writes:
                    continue
                given = self._given(verb)
                store.prepare(name, given)
                before = self._rows(db)
                self._attempt(db, store, functools.partial(getattr(store, name), **given))
                same = self._rows(db) == before
                kit.must(same, f"the verb {name!r} writes, but is not marked with writes=True")

    @kit.check("events", "name it in `events`: small letters and _, each once, with 'write'")
    def test_its_events_have_good_names(self) -> None:
        """Events can be named by triggers."""
        _names("event", self.store_type.events)
        kit.must("write" in self.store_type.events, "`events` lacks 'write'")

    @kit.check("measures", "name it in `measures`: small letters and _, each once")
    def test_its_measures_have_good_names(self) -> None:
        """Measures can be named by `crosses` triggers and `while`."""
        _names("measure", self.store_type.measures)

    @kit.check("measures", "end `measure` with `return super().measure(name)`")
    def test_it_refuses_unknown_measures(self, tmp_path: Path) -> None:
        """A measure that it lacks is an error that names the known ones."""
        with self._agent(tmp_path) as (_, store):
            try:
                got = store.measure("no_such_measure")
            except errors.UnknownName:
                return
            raise kit.Fault(f"measure('no_such_measure') gave {got!r}")


def _names(kind: str, names: Any) -> None:
    kit.must(isinstance(names, tuple), f"`{kind}s` is no tuple of names")
    for name in names:
        kit.must(_WORD.fullmatch(name), f"{name!r} is no name for a {kind}")
        kit.must(names.count(name) == 1, f"the {kind} {name!r} stands there twice")


def _check_schema(schema: dict[str, Any], whose: str) -> None:
    """Against the rules of JSON Schema itself, where the package for it is installed."""
    try:
        import jsonschema  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise kit.Fault(f"{whose} has no valid JSON Schema: {error.message}") from error
