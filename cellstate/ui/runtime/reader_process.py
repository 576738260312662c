"""Read a file in a process of its own, which is ended when it takes too long or when nobody waits any more.

A damaged or hostile file can keep a library busy for ever, crash it, or make it take all memory; here it ends a process
that holds nothing else. `cellstate.io.reader_child` is that process's side. The bytes of a file go through a socket and
never to disk.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import cellstate
from cellstate import errors
from cellstate.errors import CellStateError, ReadError
from cellstate.io import ProgressCallback, messages
from cellstate.io.reader_child import MISTAKE, NUMBER, PROGRESS, RESULT, Note, Request
from cellstate.ui.runtime.limits import machine_bytes

#: Seconds of processor time that a file may take, and more for each MB; and seconds until then on a busy machine.
CPU_S, CPU_S_PER_MB = 7.0, 1.5
WAIT_S, WAIT_S_PER_MB = 9.0, 5.0
#: Share of the machine's memory that one reader may take; two read at once, beside the server.
MEMORY_SHARE = 0.3
#: What a reader needs by itself is mapped memory for the most part.
_LEAST_MEMORY = 4_000_000_000
_POLL_S = 0.1
#: Code of the error for a file that its reader crashed on or took too long for.
READER_FAILED = "reader_failed"
#: The libraries are imported in a second or two; a busy machine needs longer.
_START_S = 60.0
_MODULE = "cellstate.io.reader_child"
#: Of the environment, which may hold a server's secrets, a reader gets these.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
T = TypeVar("T")
_log = logging.getLogger("cellstate.app")


class ReaderProcess:
    """Starts reader processes, each from one that has imported the readers; it is started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._program: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def warm_up(self) -> None:
        """Start the program that imports the readers, without waiting for it or for anybody who does."""
        if self._lock.acquire(blocking=False):
            try:
                self._started()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End all reader processes."""
        with self._lock:
            self._end()

    def __call__(
        self, function: Callable[..., T], *arguments: Any, progress: ProgressCallback | None = None, **options: Any
    ) -> T:
        """Return what a function of `cellstate.io` returns, called in a process of its own.

        Parameters
        ----------
        function : callable
            A public function of a module.
        *arguments, **options
            Its arguments; the length of those that are bytes sets the limit of time.
        progress : callable, optional
            Passed to the function, and called again and again while it runs. It stops the process by raising.

        Raises
        ------
        CellStateError
            As the function; also if it takes too long or too much memory, crashes, or makes a mistake.
        """
        megabytes = sum(map(_size, (*arguments, *options.values()))) / 1e6
        request = Request(
            function.__module__,
            function.__qualname__,
            [messages.pack_argument(value) for value in arguments],
            {name: messages.pack_argument(value) for name, value in options.items()},
            progress is not None,
            CPU_S + CPU_S_PER_MB * megabytes,
            max(MEMORY_SHARE * machine_bytes(), _LEAST_MEMORY),
        )
        with self._process() as connection:
            last, end = ("", 0.0), time.monotonic() + WAIT_S + WAIT_S_PER_MB * megabytes

            def wait() -> None:
                if progress is not None:
                    progress(*last)
                if time.monotonic() > end:
                    raise messages.ClosedError

            try:
                messages.send(connection, request)
                connection.settimeout(_POLL_S)
                while (note := messages.receive(connection, Note, wait=wait)).kind == PROGRESS:
                    last = (note.texts[0], note.fraction)
                    wait()
                if note.kind == RESULT:
                    result: T = messages.receive(connection, get_type_hints(function)["return"], wait=wait)
                    return result
                raise _error_of(note)
            except (messages.ClosedError, IndexError, ValueError):
                raise ReadError(
                    "Reading this file failed or took too long, so it is probably damaged.",
                    "Write it again, or export the table as CSV or TSV text.",
                    code=READER_FAILED,
                ) from None

    @contextmanager
    def _process(self) -> Iterator[socket.socket]:
        """Start a process; yield the socket to speak with it, and end it afterwards in any case."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                number = self._ask(0, theirs)
            try:
                yield ours
            finally:
                with suppress(CellStateError):
                    self._ask(number)

    def _ask(self, number: int, connection: socket.socket | None = None) -> int:
        """Ask for a process, or for the end of one; returns its number."""
        with self._lock:
            # The system may have ended the program for want of memory: it is started again once.
            for _ in range(2):
                channel = self._started()
                try:
                    if connection is None:
                        channel.sendall(NUMBER.pack(number))
                    else:
                        socket.send_fds(channel, [NUMBER.pack(0)], [connection.fileno()])
                    if len(answer := channel.recv(NUMBER.size)) == NUMBER.size:
                        return int(NUMBER.unpack(answer)[0])
                except OSError:
                    pass
                self._end()
                if connection is None:  # it has ended with the program
                    return number
        raise CellStateError("The server could not start a reader for this file.", "Try it again in a while.")

    def _started(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            ours.settimeout(_START_S)
            root = str(Path(cellstate.__file__).parents[1])
            environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
            threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
            with theirs:
                self._program = subprocess.Popen(
                    [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    # A library may print what it found in a file.
                    stderr=subprocess.DEVNULL,
                    env={**environment, **threads, "PYTHONPATH": root},
                    pass_fds=[theirs.fileno()],
                    # An interrupt typed in the terminal ends the server, which ends its readers.
                    start_new_session=True,
                )
            self._socket = ours
        return self._socket

    def _end(self) -> None:
        if self._socket is not None and self._program is not None:
            self._socket.close()
            self._program.kill()
            self._program.wait()
        self._socket = self._program = None


def _error_of(note: Note) -> CellStateError:
    if note.kind == MISTAKE:
        _log.error("%s while reading\n%s", *note.texts[:2])
        return CellStateError("Something went wrong here: our mistake, not yours.", "Try it again.")
    name, message, hint, code = note.texts[:4]
    kind = getattr(errors, name, None)
    known = kind if isinstance(kind, type) and issubclass(kind, CellStateError) else CellStateError
    return known(message, hint, code=code)


def _size(argument: Any) -> int:
    if isinstance(argument, Path):
        return argument.stat().st_size if argument.is_file() else 0
    if isinstance(argument, bytes):
        return len(argument)
    return sum(map(_size, argument)) if isinstance(argument, list | tuple) else 0


#: The one of this server.
read_apart = ReaderProcess()
