"""Messages between the app and its reader processes: pickles whose arrays travel beside them, without a copy.

A reader process has parsed a file that nobody vouches for, so the app unpickles known classes alone.
"""

from __future__ import annotations

import io
import pickle
import socket
import struct
from collections.abc import Callable
from typing import Any

from cellstate.io.limits import MAX_BYTES

#: Buffers of a message: samples have two arrays.
_MAX_BUFFERS = 64
_COUNT, _SIZE = struct.Struct("<I"), struct.Struct("<Q")
#: Classes and functions of an answer, by module. All of `cellstate.errors` are plain.
_KNOWN = {
    "cellstate.samples": {"Samples", "ReadReport", "ReadWarning", "Decision"},
    "cellstate.io.preview": {"Preview"},
    "cellstate.io.raw_table": {"ReadOptions"},
    "cellstate.io.sample_sheet": {"SampleSheet"},
    "numpy": {"ndarray", "dtype"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
}
_ERRORS = "cellstate.errors"


class ClosedError(Exception):
    """The other side has ended."""


class _KnownClasses(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _KNOWN.get(module, ()) or (module == _ERRORS and name.isidentifier() and name.endswith("Error")):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of an answer")


def send(connection: socket.socket, message: Any) -> None:
    """Send a message.

    Raises
    ------
    ClosedError
        If the other side has ended.
    """
    buffers: list[pickle.PickleBuffer] = []
    parts: list[Any] = [pickle.dumps(message, protocol=5, buffer_callback=buffers.append)]
    parts += [buffer.raw() for buffer in buffers]
    try:
        connection.sendall(_COUNT.pack(len(parts)) + b"".join(_SIZE.pack(len(part)) for part in parts))
        for part in parts:
            connection.sendall(part)
    except OSError as error:
        raise ClosedError from error


def receive(
    connection: socket.socket, *, wait: Callable[[], None] = lambda: None, trust: bool = False, limit: int = MAX_BYTES
) -> Any:
    """Receive a message.

    Parameters
    ----------
    connection : socket
        With a time-out, after which `wait` is called.
    wait : callable, optional
        Called again and again while nothing arrives; it gives up by raising.
    trust : bool, optional
        Whether any class is unpickled.
    limit : int, optional
        The most bytes of a message.

    Raises
    ------
    ClosedError
        If the other side has ended, or sends something else.
    """
    (n_parts,) = _COUNT.unpack(_take(connection, _COUNT.size, wait))
    if not 0 < n_parts <= _MAX_BUFFERS:
        raise ClosedError
    sizes = [size for (size,) in _SIZE.iter_unpack(_take(connection, n_parts * _SIZE.size, wait))]
    if sum(sizes) > limit:
        raise ClosedError
    payload, *buffers = (_take(connection, size, wait) for size in sizes)
    load = pickle.Unpickler if trust else _KnownClasses
    try:
        return load(io.BytesIO(payload), buffers=buffers).load()
    except Exception as error:  # a damaged pickle fails in any way
        raise ClosedError from error


def _take(connection: socket.socket, size: int, wait: Callable[[], None]) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        try:
            n = connection.recv_into(view)
        except TimeoutError:
            wait()
            continue
        except OSError as error:
            raise ClosedError from error
        if not n:
            raise ClosedError
        view = view[n:]
    return data
