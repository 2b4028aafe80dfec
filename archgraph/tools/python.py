"""Python functions as tools: found by `module:function`, described by signature and docstring.

A module is looked for in the folders of the architecture's files first, then among the installed
packages. Finding it imports it, which runs the user's code; the checks do so to make the schema.
Called by the checks and by the runtime. Knows no agent.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from archgraph import errors
from archgraph.tools import base, outside

_lock = threading.RLock()
_loaded: dict[tuple[str, str], ModuleType] = {}


@dataclass(frozen=True, slots=True)
class Function:
    """A function that can be called, and what it offers to a model."""

    target: str
    call: Callable[..., Any]
    offer: outside.Offer


# Public functions


def load(target: str, folders: Sequence[str]) -> Function:
    """The function of that name, `module:function`, with what it offers to a model.

    Raises:
        Unusable: there is no such module or function, its import failed, or its signature has
            no JSON Schema.
    """
    found = find(target, folders)
    return Function(target, found, _offer(found, target))


def function(target: str, folders: Sequence[str]) -> Callable[..., Any]:
    """The function of that name, whatever its signature.

    Raises:
        Unusable: there is no such module or function, its import failed, or it is no function.
    """
    found = find(target, folders)
    if not callable(found):
        raise outside.Unusable(f"{target} is no function", "name a function")
    return found  # type: ignore[no-any-return]


def find(target: str, folders: Sequence[str]) -> Any:
    """What has that name, `module:function`, whatever it is.

    Raises:
        Unusable: there is no such module or function, or its import failed.
    """
    module, _, name = target.partition(":")
    found: Any = _module(module, folders)
    for part in name.split("."):
        if not hasattr(found, part):
            named = [key for key in vars(found) if not key.startswith("_")]
            functions = [key for key in named if inspect.isfunction(getattr(found, key))]
            message = f"{_place(found, module)} has no function {name!r}"
            raise outside.Unusable(message, errors.suggest(part, functions))
        found = getattr(found, part)
    return found


def call(function: Function, arguments: Mapping[str, Any], call_id: str, seconds: float) -> str:
    """Call a function and give back what it returned, as text.

    Raises:
        ToolError: it raised something or took too long; the text is for the model.
    """
    given = dict(arguments)
    if function.offer.wants_id:
        given[outside.CALL_ID] = call_id
    try:
        value = _in_time(lambda: function.call(**given), seconds, function.target)
    except errors.ToolError:
        raise
    except (Exception, SystemExit) as error:  # the model may mend what it did, or go another way
        raise errors.ToolError(_told(error)) from error
    return outside.text_of(value)


# Private functions


def _in_time(work: Callable[[], Any], seconds: float, what: str) -> Any:
    """Do some work in a thread of its own, and wait for it so long and no longer.

    A thread cannot be killed: what takes too long is left behind, and may still finish. Ctrl-C
    reaches the waiting caller at once.

    Raises:
        ToolError: it took too long.
    """
    done: futures.Future[Any] = futures.Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name=f"archgraph {what}", daemon=True).start()
    try:
        return done.result(seconds)
    except futures.TimeoutError:
        if done.done():
            raise  # the work's own
        raise errors.ToolError(outside.too_slow(what, seconds)) from None


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _module(name: str, folders: Sequence[str]) -> ModuleType:
    top = name.partition(".")[0]
    with _lock:
        for folder in folders:
            if Path(folder, f"{top}.py").is_file() or Path(folder, top).is_dir():
                return _from_folder(name, folder)
        return _imported(name, folders)


def _from_folder(name: str, folder: str) -> ModuleType:
    """Import from a folder, also where another module of that name is known already.

    Two architectures may each have a `my_tools.py` beside them; the one does not hide the other.
    """
    if (folder, name) in _loaded:
        return _loaded[folder, name]
    top = name.partition(".")[0]
    known = {key: sys.modules.pop(key) for key in list(sys.modules) if _within(key, top)}
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        found = _loaded[folder, name] = _imported(name, [folder])
    finally:
        sys.path.remove(folder)
        if known:
            for key in [key for key in sys.modules if _within(key, top)]:
                del sys.modules[key]
            sys.modules.update(known)
    return found


def _within(module: str, top: str) -> bool:
    return module == top or module.startswith(f"{top}.")


def _imported(name: str, folders: Sequence[str]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and _within(name, error.name):
            where = " or ".join(folders) or "the working folder"
            message = f"no Python module {name!r}, neither in {where} nor among installed packages"
            remedy = f"put {name.partition('.')[0]}.py beside the architecture, or install it"
            raise outside.Unusable(message, remedy) from error
        raise outside.Unusable(_failed(name, error), f"pip install {error.name}") from error
    except (Exception, SystemExit) as error:  # a foreign module may raise anything
        raise outside.Unusable(_failed(name, error), "mend the module") from error


def _failed(name: str, error: BaseException) -> str:
    """That an import failed, with the place in the user's own code."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _foreign(each.filename)]
    at = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        return f"importing {name} failed at {error.filename}:{error.lineno}: {error.msg}"
    return f"importing {name} failed{at}: {_told(error)}"


def _foreign(file: str) -> bool:
    return file != __file__ and "importlib" not in file


def _place(found: Any, module: str) -> str:
    file = getattr(found, "__file__", None)
    return f"{module} ({file})" if file else module


def _offer(function: Any, target: str) -> outside.Offer:
    """What a function offers, from its signature and docstring."""
    if not callable(function) or inspect.isclass(function):
        raise outside.Unusable(f"{target} is no function", "name a function")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise outside.Unusable(f"{target} is async", "make it a plain function: `def`")
    try:
        parameters = inspect.signature(function).parameters
        description, schema = base.describe(function)
    except errors.PluginError as error:
        remedy = "use str, int, float, bool, list, dict, Literal, or `X | None`"
        raise outside.Unusable(str(error), remedy) from error
    except Exception as error:  # a signature that cannot be read, an annotation that has no name
        message = f"the signature of {target} cannot be read: {_told(error)}"
        raise outside.Unusable(message, "annotate it with types that exist") from error
    _check(target, parameters, schema)
    wants_id = schema["properties"].pop(outside.CALL_ID, None) is not None
    required = [name for name in schema["required"] if name != outside.CALL_ID]
    verb = base.Verb(outside.PYTHON, description, {**schema, "required": required}, False, False)
    return outside.Offer(verb, wants_id)


def _check(
    target: str, parameters: Mapping[str, inspect.Parameter], schema: Mapping[str, Any]
) -> None:
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise outside.Unusable(f"{target} takes *{name}", "name every argument")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise outside.Unusable(f"{target} takes {name} by position only", "delete the `/`")
    try:
        json.dumps(schema)
    except (TypeError, ValueError) as error:
        message = f"a default of {target} cannot be shown to a model: {error}"
        raise outside.Unusable(message, "use a text, a number, true, false or None") from error
