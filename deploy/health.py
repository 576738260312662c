"""The image's health check: asks the app whether it is well, and ends it where it does not answer for too long.

Docker only notes that a container is unhealthy. A container whose server was ended is started again, by the restart
policy of compose.yaml; its first process is an init, so that the server can be ended whatever it is doing.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

ADDRESS = "http://127.0.0.1:8501/_stcore/health"
#: Seconds for an answer; failures in a row after which the server is ended. It is asked every 30 seconds.
PATIENCE_S, MOST_FAILURES = 4, 4
#: How often it did not answer since it last did; not there before it first did, as it may still be starting.
COUNT = Path(tempfile.gettempdir()) / "cellstate-health"
#: The server's command line ends with this, see the Containerfile.
SERVER = "cellstate.cli\0app\0"


def main(address: str = ADDRESS, count: Path = COUNT) -> int:
    """Return the exit status: 0 for a server that answers."""
    try:
        urlopen(address, timeout=PATIENCE_S).close()
    except OSError:
        if not count.exists():
            return 1
        failures = int(count.read_text() or 0) + 1
        count.write_text(str(failures))
        if failures >= MOST_FAILURES:
            count.unlink()
            for process in servers():
                os.kill(process, signal.SIGKILL)
        return 1
    count.write_text("0")
    return 0


def servers() -> list[int]:
    """Return the ids of the processes that serve the app."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_text(errors="replace")
        except OSError:  # it has ended
            continue
        if SERVER in text and int(path.parent.name) not in (1, os.getpid()):
            found.append(int(path.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
