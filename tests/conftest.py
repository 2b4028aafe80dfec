"""What every test gets: an environment without keys, and a home folder of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Shared and busy machines would turn a deadline into a test that fails now and then.
hypothesis.settings.register_profile("archgraph", deadline=None)
hypothesis.settings.load_profile("archgraph")

# A suite that was started in the background inherits an ignored ctrl-C, and so would every
# program that a test starts in order to interrupt it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]

DATA = "ARCHGRAPH_TEST_DATA"

# Endings of variables that would let a test reach a real provider, or a developer's own settings.
PRIVATE = ("_API_KEY", "_API_BASE", "_BASE_URL", "_ACCESS_KEY", "_TOKEN")


@pytest.fixture(scope="session", autouse=True)
def clean_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide keys, settings and the home folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.endswith(PRIVATE) or (name.startswith("ARCHGRAPH_") and name != DATA):
                patch.delenv(name)
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
        patch.setenv("XDG_DATA_HOME", str(home / ".local"))
        patch.setenv("COLUMNS", "100")
        patch.setenv("NO_COLOR", "1")
        patch.delenv("FORCE_COLOR", raising=False)
        yield


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data (LoCoMo, nested key-value, ...) that lies outside this repository."""
    folder = os.environ.get(DATA)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"needs real data; {DATA} names its folder")
    return Path(folder)
