"""Messages between the app and its reader processes: MessagePack, with arrays as buffers of their own.

A reader process has parsed a file that nobody vouches for, so its answers are data and never code: the app builds the
one type that it waits for, and checks every field.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from cellstate.expression.reading import ReadOptions, ReadWarning
from cellstate.io.containers import MAX_BYTES

#: Buffers of a message, besides itself: samples have two arrays.
_MAX_BUFFERS = 16
_COUNT, _SIZE = struct.Struct("<I"), struct.Struct("<Q")
_DTYPES = ("<f4", "<f8")
#: Kinds of arguments.
_PATH, _OPTIONS, _PLAIN = "path", "options", "plain"


class ClosedError(Exception):
    """The other side has ended."""


def pack_argument(value: Any) -> tuple[str, Any]:
    """Return an argument of a reader as plain data, with its kind."""
    if isinstance(value, Path):
        return _PATH, str(value)
    if isinstance(value, ReadOptions):
        return _OPTIONS, vars(value)
    return _PLAIN, value


def unpack_argument(packed: tuple[str, Any]) -> Any:
    """Return the argument of `pack_argument`."""
    kind, value = packed
    return Path(value) if kind == _PATH else ReadOptions(**value) if kind == _OPTIONS else value


def send(connection: socket.socket, message: Any) -> None:
    """Send plain data, dataclasses and float arrays.

    Raises
    ------
    ClosedError
        If the other side has ended.
    """
    buffers: list[np.ndarray] = []

    def encode(value: Any) -> Any:
        if isinstance(value, ReadWarning):
            return [str(value), value.code]
        if isinstance(value, np.ndarray) and value.dtype.str in _DTYPES:
            buffers.append(np.ascontiguousarray(value))
            return [len(buffers) - 1, value.dtype.str, list(value.shape)]
        raise NotImplementedError(f"{type(value).__name__} cannot be sent")

    parts: list[Any] = [msgspec.msgpack.encode(message, enc_hook=encode)]
    parts += [buffer.view(np.uint8).data.cast("B") if buffer.size else b"" for buffer in buffers]
    try:
        connection.sendall(_COUNT.pack(len(parts)) + b"".join(_SIZE.pack(len(part)) for part in parts))
        for part in parts:
            connection.sendall(part)
    except OSError as error:
        raise ClosedError from error


def receive(
    connection: socket.socket, kind: Any, *, wait: Callable[[], None] = lambda: None, limit: int = MAX_BYTES
) -> Any:
    """Receive a message of a type.

    Parameters
    ----------
    connection : socket
        With a time-out, after which `wait` is called.
    kind : type
        Plain types, dataclasses, ``ndarray`` and `ReadWarning`, also inside each other.
    wait : callable, optional
        Called again and again while nothing arrives; it gives up by raising.
    limit : int, optional
        The most bytes of a message.

    Raises
    ------
    ClosedError
        If the other side has ended, or sends something else.
    """
    (n_parts,) = _COUNT.unpack(_take(connection, _COUNT.size, wait))
    if not 0 < n_parts <= 1 + _MAX_BUFFERS:
        raise ClosedError
    sizes = [size for (size,) in _SIZE.iter_unpack(_take(connection, n_parts * _SIZE.size, wait))]
    if sum(sizes) > limit:
        raise ClosedError
    message, *buffers = (_take(connection, size, wait) for size in sizes)

    def decode(wanted: Any, value: Any) -> Any:
        if wanted is ReadWarning:
            text, code = value
            return ReadWarning(str(text), str(code))
        number, dtype, shape = value
        if wanted is not np.ndarray or dtype not in _DTYPES:
            raise ValueError(f"no {wanted} can be received")
        return np.frombuffer(buffers[number], dtype).reshape(shape)

    try:
        return msgspec.msgpack.decode(message, type=kind, dec_hook=decode)
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
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
