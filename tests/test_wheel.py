"""The built wheel works in an empty environment, from any folder."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SHIPPED = ("architectures", "prompts", "suites")


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command as a user would, away from the checkout; its output, or a failed test."""
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    # The tests' HOME is empty; without the real cache every run would fetch 200 MB again.
    environ.setdefault("PIP_CACHE_DIR", str(Path(pwd.getpwuid(os.getuid()).pw_dir, ".cache/pip")))
    result = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", target, ROOT, cwd=target)
    return next(target.glob("archgraph-*.whl"))


def environment(folder: Path) -> Path:
    """An empty environment; its Python."""
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def use(python: Path, folder: Path) -> None:
    """What a new user does first, from a folder that has nothing to do with the checkout."""
    command = python.with_name("archgraph")
    assert "chat" in run(command, "--help", cwd=folder)
    assert "memgpt" in run(command, "list", cwd=folder)
    run(command, "check", "memgpt", cwd=folder)
    origin = run(python, "-c", "import archgraph; print(archgraph.__file__)", cwd=folder)
    assert Path(origin.strip()).is_relative_to(python.parent.parent)


def test_wheel_holds_what_is_shipped(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for section in SHIPPED:
        files = [path for path in (ROOT / section).rglob("*") if path.is_file()]
        shipped = {path for path in files if path.suffix in (".yaml", ".jinja2")}
        assert shipped or section == "suites", f"{section}/ is empty"
        missing = {
            path for path in shipped if f"archgraph/_shipped/{path.relative_to(ROOT)}" not in held
        }
        assert missing == set()
    assert not any(name.startswith(("tests/", "benchmarks/", "docs/")) for name in held)


def test_wheel_works_in_another_folder(wheel: Path, tmp_path: Path) -> None:
    """Our own files come from the wheel, the dependencies from the tests' environment."""
    python = environment(tmp_path / "env")
    run(python, "-m", "pip", "install", "-q", "--no-deps", wheel, cwd=tmp_path)
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    (site / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    use(python, tmp_path)


def test_wheel_installs_with_its_dependencies(wheel: Path, tmp_path: Path) -> None:
    """The real road: pip, an empty environment, and whatever the registry gives today."""
    python = environment(tmp_path / "env")
    run(python, "-m", "pip", "install", "-q", wheel, cwd=tmp_path)
    run(python, "-m", "pip", "check", cwd=tmp_path)
    use(python, tmp_path)
