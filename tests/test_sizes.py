"""No file, function or signature grows past what a reader can hold, and growth is noticed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

FILE_LINES = 400
FUNCTION_LINES = 50
PARAMETERS = 7


def too_large(path: Path) -> Iterator[str]:
    """Say what in one file passes a limit."""
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    if lines > FILE_LINES:
        yield f"{path}: {lines} lines, at most {FILE_LINES}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path}:{node.lineno} {node.name}: {length} lines, at most {FUNCTION_LINES}"
            count = parameters(node.args)
            if count > PARAMETERS:
                yield f"{path}:{node.lineno} {node.name}: {count} parameters, at most {PARAMETERS}"


def parameters(arguments: ast.arguments) -> int:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    if named and named[0].arg in ("self", "cls"):
        named = named[1:]
    return len(named) + bool(arguments.vararg) + bool(arguments.kwarg)


def test_nothing_is_too_large() -> None:
    files = sorted((ROOT / "archgraph").rglob("*.py"))
    assert len(files) > 20
    assert [fault for file in files for fault in too_large(file)] == []


def test_a_large_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "large.py"
    file.write_text("x = 1\n" * FILE_LINES)
    assert list(too_large(file)) == []
    file.write_text("x = 1\n" * (FILE_LINES + 1))
    assert "401 lines" in next(too_large(file))


def test_a_large_function_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "large.py"
    file.write_text("def long():\n" + "    x = 1\n" * (FUNCTION_LINES - 1))
    assert list(too_large(file)) == []
    file.write_text("class A:\n  async def long():\n" + "    x = 1\n" * FUNCTION_LINES)
    assert "long: 51 lines" in next(too_large(file))


def test_a_wide_signature_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "wide.py"
    file.write_text("class A:\n  def f(self, a, b, /, c, d, *, e, f, g): ...\n")
    assert list(too_large(file)) == []
    file.write_text("def wide(a, b, c, d, *args, e, f, **kwargs): ...\n")
    assert "wide: 8 parameters" in next(too_large(file))
