"""Record every connection that a process tries, every file that it opens to write, and every program that it starts.

Python runs this file at its start if its folder is on PYTHONPATH. Each event is a line of JSON in the file that the
environment names.
"""

import json
import os
import sys

VARIABLE = "CELLSTATE_TEST_WATCH"
_CONNECTIONS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"}
_NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
_PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"}
_FILES = {"os.rename", "os.link", "os.symlink", "os.truncate", "os.mkdir"}
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _value(event: str, arguments: tuple) -> object:
    """Return what is recorded of an event, or ``None``."""
    if event == "open":
        path, mode, flags = arguments
        opened_to_write = flags & _TO_WRITE if isinstance(flags, int) else set(mode or "") & set("wax+")
        return os.fsdecode(path) if opened_to_write and not isinstance(path, int) else None
    if event in _CONNECTIONS:
        return arguments[1]
    if event in _NAMES:
        return arguments[0]
    if event in _PROGRAMS or event in _FILES:
        return [str(argument)[:200] for argument in arguments[:2]]
    return None


def _begin(path: str) -> None:
    # The hook must make no event itself: the file is opened once, and a low-level write is none.
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def hook(event: str, arguments: tuple) -> None:
        if (value := _value(event, arguments)) is not None:
            os.write(log, (json.dumps([event, value], default=str) + "\n").encode())

    sys.addaudithook(hook)


if VARIABLE in os.environ:
    _begin(os.environ[VARIABLE])
