"""The road between a worker and the coordinator: one message out, one back.

A message is a JSON object and any number of byte strings; nothing on this road is unpickled. Both
ends prove that they hold the run's key before a message is read (HMAC, `multiprocessing`'s own
challenge). Used by `coordinator`, `desk` and `worker`; knows no trials.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import AuthenticationError, connection
from typing import Any, Protocol

from archgraph import errors

Message = dict[str, Any]
Answer = tuple[Message, list[bytes]]

_HEAD = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Door:
    """Where a coordinator is found: its address, and the key of its run in hex."""

    host: str
    port: int
    key: str


class Lost(BaseException):
    """The coordinator is gone. No plugin may take that for a failure of its own."""


class Link(Protocol):
    """A worker's road to its coordinator."""

    def ask(self, message: Message, frames: Sequence[bytes] = ()) -> Answer:
        """Send a message and wait for what comes back."""


class Direct:
    """A link within one process; what crosses it is what would cross the wire."""

    def __init__(self, answer: Callable[[Message, Sequence[bytes]], Answer]) -> None:
        self._answer = answer

    def ask(self, message: Message, frames: Sequence[bytes] = ()) -> Answer:
        """Have the message answered by the other side, at once."""
        return unpacked(packed(*self._answer(*unpacked(packed(message, frames)))))


class Wire:
    """A link over a connection."""

    def __init__(self, line: connection.Connection[Any, Any]) -> None:
        self._line = line

    def ask(self, message: Message, frames: Sequence[bytes] = ()) -> Answer:
        """Send and wait.

        Raises:
            Lost: the other side has hung up, or the connection is gone.
        """
        try:
            self._line.send_bytes(packed(message, frames))
            return unpacked(self._line.recv_bytes())
        except (EOFError, OSError) as error:
            raise Lost from error

    def close(self) -> None:
        """Hang up."""
        self._line.close()


def packed(message: Mapping[str, Any], frames: Sequence[bytes] = ()) -> bytes:
    """A message as one byte string."""
    head = json.dumps({**message, "frames": [len(each) for each in frames]}).encode()
    return b"".join((_HEAD.pack(len(head)), head, *frames))


def unpacked(data: bytes) -> Answer:
    """What `packed` made one byte string of."""
    at = _HEAD.size + _HEAD.unpack_from(data)[0]
    message = json.loads(data[_HEAD.size : at])
    frames = []
    for length in message.pop("frames"):
        frames.append(data[at : at + length])
        at += length
    return message, frames


def connect(door: Door) -> Wire:
    """Open a link to a coordinator.

    Raises:
        OSError: nobody is there.
        MachineError: whoever is there has another key.
    """
    try:
        line = connection.Client((door.host, door.port), authkey=bytes.fromhex(door.key))
    except AuthenticationError as error:
        raise errors.MachineError(
            f"{door.host}:{door.port} is not the coordinator of this run"
        ) from error
    _tune(line)
    return Wire(line)


class Listener:
    """Takes connections on a port of its own; each is served in a thread.

    Raises:
        MachineError: the address cannot be listened on.
    """

    def __init__(self, host: str, serve: Callable[[connection.Connection[Any, Any]], None]) -> None:
        self._key = os.urandom(32)
        self._serve = serve
        self._closing = False
        self._lines: set[connection.Connection[Any, Any]] = set()
        try:
            self._listener = connection.Listener((host, 0), "AF_INET", backlog=256)
        except OSError as error:
            raise errors.MachineError(
                f"cannot listen on {host} ({error.strerror}); name an address of this machine"
            ) from error
        threading.Thread(target=self._accept, name="archgraph-door", daemon=True).start()

    def door(self, host: str) -> Door:
        """Where this is, for workers that know this machine as `host`."""
        return Door(host, self._listener.address[1], self._key.hex())

    def close(self) -> None:
        """Take no more connections, and hang up on all."""
        self._closing = True
        host, port = self._listener.address
        with contextlib.suppress(OSError):  # wakes the thread that waits in accept
            socket.create_connection(("127.0.0.1" if host == "0.0.0.0" else host, port), 1).close()
        self._listener.close()
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                _shut(line)

    def _accept(self) -> None:
        while not self._closing:
            try:
                line = self._listener.accept()
            except OSError:
                continue
            if not self._closing:
                threading.Thread(target=self._greet, args=(line,), daemon=True).start()

    def _greet(self, line: connection.Connection[Any, Any]) -> None:
        """Serve whoever knows the key; the challenge runs here, so that it holds up nobody."""
        self._lines.add(line)
        try:
            with contextlib.suppress(EOFError, OSError, AuthenticationError):
                connection.deliver_challenge(line, self._key)
                connection.answer_challenge(line, self._key)
                _tune(line)
                self._serve(line)
        finally:
            self._lines.discard(line)
            line.close()


def _tune(line: connection.Connection[Any, Any]) -> None:
    """Send small messages at once, and notice a host that vanished."""
    with socket.socket(fileno=os.dup(line.fileno())) as plug:
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                plug.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _shut(line: connection.Connection[Any, Any]) -> None:
    """End both directions, so that a thread which waits on the line wakes."""
    with socket.socket(fileno=os.dup(line.fileno())) as plug:
        plug.shutdown(socket.SHUT_RDWR)
