"""The JSON Schema of a suite file, made from the models and the registry.

Called by `archgraph schema suite`. The options of installed plugins' datasets and scorers are in
it, so that editors complete them too. What names name is for `load`.
"""

from __future__ import annotations

import re
from typing import Any

import pydantic

from archgraph import registry
from archgraph.graph import schema as graphs
from archgraph.suites.planning import spec

Schema = dict[str, Any]


def schema() -> Schema:
    """The schema of a whole file; with `extends` nothing but the name is required."""
    made = spec.SuiteSpec.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    definitions: Schema = made.pop("$defs", {})
    properties = made["properties"]
    properties["datasets"] = _list(properties["datasets"], _entries("datasets", definitions))
    properties["scorers"] = _list(properties["scorers"], _entries("scorers", definitions))
    for name in ("architectures", "models"):
        found = properties[name]
        listed = {key: found[key] for key in ("type", "items", "minItems") if key in found}
        properties[name] = _list(found, listed["items"])
    required = [name for name in made.pop("required", []) if name != "suite"]
    return {
        "$schema": graphs.DIALECT,
        "title": "An archgraph suite",
        "type": "object",
        "properties": _flat(properties),
        "additionalProperties": False,
        "required": ["suite"],
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": required},
        "$defs": _flat(definitions),
    }


# Private functions


def _list(found: Schema, entry: Schema) -> Schema:
    """One entry, or a list of them."""
    about = {key: found[key] for key in ("description",) if key in found}
    listed = {"type": "array", "items": entry}
    if found.get("minItems"):
        listed["minItems"] = found["minItems"]
    return {**about, "anyOf": [entry, listed]}


def _entries(kind: str, definitions: Schema) -> Schema:
    """A registered name, or the name with its options; any `module:Class` for scorers."""
    classes = registry.working(kind)
    names: list[Schema] = [{"enum": list(classes)}]
    options: Schema = {}
    for name, found in classes.items():
        ref = _definition(found.Options, f"{kind}.{name}", definitions, found)
        short = getattr(found.Options, "short", "")
        options[name] = {"anyOf": [ref, {"type": ["string", "number", "boolean", "array"]}]} \
            if short else ref  # fmt: skip
    one: Schema = {
        "type": "object", "properties": options, "additionalProperties": False,
        "minProperties": 1, "maxProperties": 1,
    }  # fmt: skip
    if kind == "scorers":
        names.append({"type": "string", "pattern": ":"})
        one |= {"patternProperties": {":": True}}
    return {"anyOf": [*names, one]}


def _definition(
    model: type[pydantic.BaseModel], name: str, definitions: Schema, found: type
) -> Schema:
    made = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{name}.{{model}}")
    for part, inner in made.pop("$defs", {}).items():
        definitions[f"{name}.{part}"] = inner
    made["description"] = (found.__doc__ or "").strip().split("\n")[0]
    definitions[name] = made
    return {"$ref": f"#/$defs/{name}"}


def _flat(found: Any) -> Any:
    """Without titles, and with every description on one line."""
    if isinstance(found, list):
        return [_flat(each) for each in found]
    if not isinstance(found, dict):
        return found
    out = {}
    for key, value in found.items():
        if key == "title" and isinstance(value, str):
            continue
        text = key == "description" and isinstance(value, str)
        out[key] = re.sub(r"\s+", " ", value) if text else _flat(value)
    return out
