"""Reader processes: each reads one file that nobody vouches for, within limits that the kernel keeps.

The app starts this module once, as a program, and hands it one end of a socket. It imports the readers and then waits;
for every file it forks, so that a reader is ready at once, knows no other file, and leaves nothing behind. It imports
neither torch nor Streamlit, opens no connection and writes no file.

On the app's socket, 0 asks for a process and comes with the socket that the process shall speak on; the answer is its
number. A number asks to end that process. See `cellstate.ui.runtime.reader_process` for the app's side.
"""

from __future__ import annotations

import ctypes
import gc
import math
import os
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from traceback import format_tb
from typing import Any

from cellstate.errors import CellStateError
from cellstate.io import messages, read_samples

NUMBER = struct.Struct("<q")
PROGRESS, RESULT, ERROR, MISTAKE = "progress", "result", "error", "mistake"
#: Imported before any file is read.
_READERS = ("cellstate.io.formats.h5ad", "cellstate.io.sample_sheet", "pandas", "pyarrow.csv", "pyarrow.ipc",
            "pyarrow.parquet", "python_calamine")  # fmt: skip
#: Read once ahead, so that what readers keep between files is there.
_TABLE = b"gene,a,b\nTP53,5,1\nMYC,3,2\nKRAS,0,7\n"
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
#: Files that a reader may have open; readers import a few modules late.
_MAX_FILES = 64
#: Other users' pages go first.
_NICENESS = 5


@dataclass(frozen=True)
class Request:
    """What to read.

    Attributes
    ----------
    module, function : str
        A public function, such as `read_samples`.
    arguments, options : of `messages.pack_argument`
    has_progress : bool
        Whether the function takes a callable as ``progress``.
    cpu_s, memory_bytes : float
        Limits of the process.
    """

    module: str
    function: str
    arguments: list[tuple[str, Any]]
    options: dict[str, tuple[str, Any]]
    has_progress: bool
    cpu_s: float
    memory_bytes: float


@dataclass(frozen=True)
class Note:
    """What a process sends before its result, or instead of it.

    Attributes
    ----------
    kind : str
        ``progress`` (a step and a fraction), ``result`` (which follows as the next message), ``error`` (the class,
        message, hint and code of a `CellStateError`) or ``mistake`` (the class of another error, and its place in the
        code).
    texts : tuple of str
    fraction : float
    """

    kind: str
    texts: tuple[str, ...] = ()
    fraction: float = 0.0


def serve(app: socket.socket) -> None:
    """Start and end reader processes as the app asks, until it ends."""
    alive: set[int] = set()
    try:
        while True:
            data, [*files], _, _ = socket.recv_fds(app, NUMBER.size, 1)
            if len(data) < NUMBER.size:
                return
            (number,) = NUMBER.unpack(data)
            if files:
                with socket.socket(fileno=files[0]) as connection:
                    number = os.fork()
                    if not number:
                        app.close()
                        _answer_and_end(connection)
                alive.add(number)
            elif number in alive:
                _end(number)
                alive.remove(number)
            app.sendall(NUMBER.pack(number))
    finally:
        for number in alive:
            _end(number)


def _end(number: int) -> None:
    # Nobody else waits for it, so that the number is its own until it is waited for.
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)


def _answer_and_end(connection: socket.socket) -> None:
    """Read one file in this process, answer, and end it."""
    with suppress(BaseException):
        _answer(connection)
    os._exit(0)


def _answer(connection: socket.socket) -> None:
    request: Request = messages.receive(connection, Request)
    set_limits(request.cpu_s, request.memory_bytes)
    arguments = map(messages.unpack_argument, request.arguments)
    options = {name: messages.unpack_argument(value) for name, value in request.options.items()}
    if request.has_progress:
        options["progress"] = lambda step, fraction: messages.send(connection, Note(PROGRESS, (step,), fraction))
    try:
        result = getattr(import_module(request.module), request.function)(*arguments, **options)
    except messages.ClosedError:
        return
    except (CellStateError, MemoryError) as raised:
        error = too_much_memory() if isinstance(raised, MemoryError) else raised
        note = Note(ERROR, (type(error).__name__, error.message, error.hint, error.code))
    except Exception as error:
        # The place in the code, without the message: that may hold a sample's name or values.
        note = Note(MISTAKE, (type(error).__name__, "".join(format_tb(error.__traceback__))))
    else:
        messages.send(connection, Note(RESULT))
        messages.send(connection, result)
        return
    messages.send(connection, note)


def too_much_memory() -> CellStateError:
    """Return the error for a file that needs more memory than a reader may take."""
    return CellStateError(
        "Reading this file needs more memory than the server allows.", "Upload fewer samples at a time."
    )


def set_limits(cpu_s: float, memory_bytes: float) -> None:
    """Limit this process for good: processor time, memory, open files; it writes no file and leaves no core dump."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limits = {
        resource.RLIMIT_CPU: math.ceil(used.ru_utime + used.ru_stime + cpu_s),
        resource.RLIMIT_AS: int(memory_bytes),
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _MAX_FILES,
    }
    for kind, most in limits.items():
        with suppress(ValueError, OSError):  # a lower limit is set already, or this system has none of the kind
            resource.setrlimit(kind, (most, most))
    with suppress(OSError):
        os.nice(_NICENESS)


def leave_network() -> None:
    """Give up the network, where the system allows it; no reader opens a connection in any case."""
    with suppress(OSError, AttributeError):
        unshare = ctypes.CDLL(None).unshare
        # One without privileges may do so as the root of a name space of users that is its own.
        unshare(_NEW_USER | _NEW_NETWORK) and unshare(_NEW_NETWORK)


def main() -> None:
    """Serve on the socket whose file number is the program's argument."""
    leave_network()
    for name in _READERS:
        import_module(name)
    read_samples(_TABLE)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as app:
        serve(app)


if __name__ == "__main__":
    main()
