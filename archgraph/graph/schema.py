"""The JSON Schema of an architecture file, made from the models and the registry.

Called by `archgraph schema`. Installed plugins' store types and verbs are in it, so that editors
complete them too. It judges what a file says on its own; references between nodes are for `check`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pydantic

from archgraph import registry
from archgraph.spec import architecture, outside, triggers
from archgraph.stores import base as stores
from archgraph.tools import messaging

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PARAMETER = {"type": "string", "pattern": r"\$\{[^{}]+\}"}
_NAME = {"type": "string", "pattern": architecture.NAME}
_SHORT: Mapping[str, Schema] = {
    "ContextItem": _NAME,
    "Trigger": {"const": "user_message"},
    "Field": {
        "anyOf": [
            {"enum": ["text", "texts", "integer", "number", "boolean", "date"]},
            {"type": "array", "items": {"type": "string"}},
        ]
    },
}
"""Short forms: a text, or a list of them, that stands for a mapping."""
_CONDITIONS: Mapping[str, list[Schema]] = {
    "Tool": [{"oneOf": [{"required": [kind]} for kind in outside.KINDS]}],
    "Mcp": [{"oneOf": [{"required": ["command"]}, {"required": ["url"]}]}],
    "ContextItem": [
        {"not": {"required": ["since", "search"]}},
        {"dependentRequired": {"of": ["since"]}},
    ],
    "Trigger": [
        {"oneOf": [{"required": [kind]} for kind in triggers.KINDS]},
        {
            "if": {"properties": {"every": {"type": "integer"}}, "required": ["every"]},
            "then": {"required": ["of"]},
        },
        {
            "if": {"required": ["of"]},
            "then": {
                "properties": {"every": {"not": {"type": "string", "pattern": triggers.DURATION}}},
                "required": ["every"],
            },
        },
    ],
}
"""What the models check beyond the types of their keys."""
_MERGED = ("Tool", "Mcp")
"""Mappings of which a layer may give a part, so that only the whole fulfils its conditions."""

# Public functions


def schema() -> Schema:
    """The schema of a whole file: complete, or with `extends` a layer over another."""
    definitions: Schema = {"parameter": _PARAMETER}
    whole = _file(definitions, layer=False)
    layer = _file(definitions, layer=True)
    return {
        "$schema": DIALECT,
        "title": "An archgraph architecture",
        "if": {"required": ["extends"]},
        "then": layer,
        "else": whole,
        "$defs": definitions,
    }


# Private functions


def _file(definitions: Schema, *, layer: bool) -> Schema:
    """A file's schema; in a layer nothing is required, and null removes."""
    prefix = "layer." if layer else ""
    _definition(architecture.Head, f"{prefix}head", definitions, layer=layer)
    found: Schema = definitions.pop(f"{prefix}head")

    found["properties"] |= {
        "extends": {"type": "string", "description": "The architecture that this one changes."},
        "params": _section(
            {"type": ["string", "number", "boolean", "array"], "not": _PARAMETER},
            "What `--set` or a suite may vary: name to default. `${name}` stands for the value.",
            layer=layer,
        ),
        "stores": _section(_store(definitions, layer=layer), "What keeps state.", layer=layer),
        "tools": _section(_tool(definitions, layer=layer), "What a model may call.", layer=layer),
        "threads": _section(
            _thread(definitions, layer=layer),
            "What thinks: a prompt, a context window and triggers.",
            layer=layer,
        ),
    }
    return found


def _section(entry: Schema, about: str, *, layer: bool) -> Schema:
    values = {"anyOf": [entry, {"type": "null"}]} if layer else entry
    return {
        "description": about,
        "type": ["object", "null"],
        "propertyNames": {
            "pattern": architecture.NAME,
            "not": {"enum": list(architecture.RESERVED)},
        },
        "additionalProperties": values,
    }


def _store(definitions: Schema, *, layer: bool) -> Schema:
    """One of the registered store types, told apart by `type`."""
    prefix = "layer." if layer else ""
    branches: list[Schema] = []
    for name, store_type in registry.working("stores").items():
        ref = _definition(store_type.Options, f"{prefix}store.{name}", definitions, layer=layer)
        found = definitions[f"{prefix}store.{name}"]
        found["properties"] = {"type": {"const": name}, **found.get("properties", {})}
        found["description"] = _about(store_type)
        if not layer:
            found["required"] = ["type", *found.get("required", [])]
        branches.append(ref)
    unknown = {"properties": {"type": {"$ref": "#/$defs/parameter"}}, "required": ["type"]}
    kinds = {"anyOf": branches} if layer else {"oneOf": branches}
    key = next(iter(kinds))
    return {"type": "object", key: [*kinds[key], unknown]}


def _tool(definitions: Schema, *, layer: bool) -> Schema:
    name = "layer.tool" if layer else "tool"
    ref = _definition(architecture.Tool, name, definitions, layer=layer)
    known = set(messaging.VERBS)
    for store_type in registry.working("stores").values():
        known |= set(stores.verbs(store_type))
    about = definitions[name]["properties"]["verb"].get("description", "")
    enum: Schema = {"enum": sorted(known)}
    definitions[name]["properties"]["verb"] = {"description": about, **_or_parameter(enum)}
    return ref


def _thread(definitions: Schema, *, layer: bool) -> Schema:
    """A thread of either kind; a pipeline says so."""
    prefix = "layer." if layer else ""
    agent = _definition(architecture.Thread, f"{prefix}thread", definitions, layer=layer)
    pipeline = _definition(architecture.Pipeline, f"{prefix}pipeline", definitions, layer=layer)
    keys = definitions[f"{prefix}pipeline"]["properties"]
    about = keys["steps"].get("description", "")
    listed = {"type": "array", "minItems": 1, "items": _step(definitions)}
    keys["steps"] = {"description": about, **_or_parameter(listed, layer=layer)}
    if layer:  # what a layer changes may be of either kind
        return {"anyOf": [agent, pipeline]}
    chosen = {"properties": {"kind": {"const": "pipeline"}}, "required": ["kind"]}
    return {"if": chosen, "then": pipeline, "else": agent}


def _step(definitions: Schema) -> Schema:
    """A step of a pipeline: one of the registered operators, and what may stand beside it."""
    _definition(architecture.Modifiers, "step", definitions, layer=False)
    beside = definitions.pop("step")["properties"]
    properties, branches = dict(beside), []
    for name, operator in registry.working("operators").items():
        entry = _definition(operator.Options, f"operator.{name}", definitions, layer=False)
        definitions[f"operator.{name}"]["description"] = _about(operator)
        short = [{"type": "string"}] if operator.Options.short else []
        properties[name] = {"anyOf": [entry, *short]} if short else entry
        branches.append({"required": [name]})
    return {
        "type": "object", "properties": properties, "additionalProperties": False,
        "oneOf": branches,
    }  # fmt: skip


def _about(store_type: type) -> str:
    return (store_type.__doc__ or "").strip().split("\n")[0]


def _definition(
    model: type[pydantic.BaseModel], name: str, definitions: Schema, *, layer: bool
) -> Schema:
    """Put a model's schema under `$defs`, with all that it needs; a reference to it."""
    made = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{name}.{{model}}")
    inner = made.pop("$defs", {})
    for part, found in inner.items():
        definitions[f"{name}.{part}"] = _finished(part, found, layer=layer)
    definitions[name] = _finished(model.__name__, made, layer=layer)
    return {"$ref": f"#/$defs/{name}"}


def _finished(name: str, found: Schema, *, layer: bool) -> Schema:
    out: Schema = _walked(found, layer=layer)
    if name in _CONDITIONS and not (layer and name in _MERGED):
        out["allOf"] = _CONDITIONS[name]
    if name in _SHORT:
        about = {"description": out.pop("description", "")}
        out = {**about, "anyOf": [_SHORT[name], out]}
    return out


def _walked(found: Any, *, layer: bool) -> Any:
    """A schema in which every value may also be a parameter, and in a layer null."""
    if isinstance(found, list):
        return [_walked(each, layer=layer) for each in found]
    if not isinstance(found, dict):
        return found
    out: Schema = {}
    for key, value in found.items():
        if key == "properties":
            out[key] = {name: _value(each, layer=layer) for name, each in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            out[key] = _value(value, layer=layer and key != "items")
        elif key in ("title", "discriminator") or (key == "required" and layer):
            continue
        elif key == "description":
            out[key] = re.sub(r"\s+", " ", value)
        elif key in ("anyOf", "oneOf", "allOf"):
            out[key] = [_walked(each, layer=layer) for each in value if each != {"type": "null"}]
        else:
            out[key] = value
    return out


def _value(found: Schema, *, layer: bool) -> Schema:
    inner = _walked(found, layer=layer)
    outer = {key: inner.pop(key) for key in ("description", "default") if key in inner}
    if outer.get("default", 0) is None:
        del outer["default"]
    return {**outer, **_or_parameter(inner, layer=layer)}


def _or_parameter(inner: Schema, *, layer: bool = False) -> Schema:
    if not inner:
        return inner
    if not layer and inner == {"type": "string"}:
        return inner
    more: list[Schema] = [{"$ref": "#/$defs/parameter"}]
    more += [{"type": "null"}] if layer else []
    branches = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
    return {"anyOf": [*branches, *more]}
