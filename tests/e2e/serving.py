"""The app served as a user serves it, with a record of its connections, files and programs."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from tests.e2e.watch.sitecustomize import VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
WATCH = Path(__file__).resolve().parent / "watch"
#: A server answers within so many seconds; it is asked again after the second figure.
START_S, _RETRY_S = 60, 0.1
#: All that the server may open to write, or make, in its HOME. gseapy imports matplotlib, which keeps a list of this
#: machine's fonts; nothing of a user's is in it.
_MAY_WRITE = (
    r"/dev/null|HOME/(\.config(/matplotlib)?|\.cache(/matplotlib(/fontlist-v[\d.]+json(\.matplotlib-lock)?)?)?)"
)
#: Addresses at which it listens; at ::1 urllib3, imported by gseapy, tries whether the machine knows IPv6.
_MAY_LISTEN = {"127.0.0.1", "::1"}
#: Programs that it starts: PyTorch for the processor's name, matplotlib for the fonts, and the one that reads uploads,
#: which can neither write nor connect: see tests/app/test_reader_process.py.
_MAY_CALL, _READER = {"uname", "fc-list"}, "'cellstate.io.reader_child'"
#: The peer of a socket that only listens; this machine itself, as Linux writes it.
_NO_PEER, LOOPBACK = "00000000", "0100007F"


@dataclass(frozen=True)
class Server:
    """A server whose events are recorded.

    Attributes
    ----------
    address : str
        ``http://127.0.0.1:PORT``.
    process : Popen
    events : Path
        The record of `tests.e2e.watch.sitecustomize`.
    log : Path
        Everything that the server printed.
    temporary, home : Path
        Its folder for temporary files and its user's home, empty at the start.
    """

    address: str
    process: subprocess.Popen
    events: Path
    log: Path
    temporary: Path
    home: Path

    def recorded(self, *events: str) -> list:
        """Return the recorded values of some kinds of event."""
        lines = map(json.loads, self.events.read_text().splitlines())
        return [value for event, value in lines if event in events]

    def wrong(self) -> list:
        """Return all recorded events that are not allowed: connections, written files, started programs."""
        may_write = re.compile(_MAY_WRITE.replace("HOME", re.escape(str(self.home))))
        written = self.recorded("open") + [folder[0] for folder in self.recorded("os.mkdir")]
        return [
            *self.recorded("socket.connect", "socket.sendto", "socket.sendmsg"),
            *(address for address in self.recorded("socket.bind") if address[0] not in _MAY_LISTEN),
            *(path for path in written if not may_write.fullmatch(path)),
            *self.recorded("os.rename", "os.link", "os.symlink", "os.truncate"),
            *(
                program
                for program in self.recorded("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")
                if program[0] not in _MAY_CALL and _READER not in program[1]
            ),
            *map(str, self.temporary.iterdir()),
        ]

    def peers(self) -> set[str]:
        """Return the addresses that the process is connected with, as Linux lists them."""
        mine = {os.readlink(link) for link in _links(f"/proc/{self.process.pid}/fd")}
        found = set()
        for protocol in ("tcp", "udp", "tcp6", "udp6"):
            for line in Path(f"/proc/{self.process.pid}/net/{protocol}").read_text().splitlines()[1:]:
                _, _, remote, _, _, _, _, _, _, inode, *_ = line.split()
                if f"socket:[{inode}]" in mine:
                    found.add(remote.partition(":")[0])
        return found - {_NO_PEER}

    def written_bytes(self) -> int:
        """Return how many bytes the process has sent to a disk, as Linux counts them."""
        lines = Path(f"/proc/{self.process.pid}/io").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


@contextmanager
def serve(folder: Path, secrets: str = "") -> Iterator[Server]:
    """Serve the app on a free port until the block ends; the record is kept in a folder.

    With ``secrets``, the text of a ``secrets.toml`` in which ``ADDRESS`` stands for the server's own address.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    temporary, home = folder / "tmp", folder / "home"
    for new in (temporary, home):
        new.mkdir()
    address = f"http://127.0.0.1:{port}"
    if secrets:
        (home / ".streamlit").mkdir()
        (home / ".streamlit" / "secrets.toml").write_text(secrets.replace("ADDRESS", address))
    command = [sys.executable, "-m", "cellstate.cli", "app", "--no-browser", "--port", str(port)]
    paths = os.pathsep.join(filter(None, [str(WATCH), str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    watched = {"PYTHONPATH": paths, VARIABLE: str(folder / "events.jsonl"), "TMPDIR": str(temporary), "HOME": str(home)}
    # Compiled modules hold no data, and are written or not as the machine was used before.
    watched |= {"PYTHONDONTWRITEBYTECODE": "1"}
    # Every sample is taken to the colorectal model, made-up ones too.
    watched |= {"CELLSTATE_MODEL": str(REPOSITORY / "models" / "coadread")}
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | watched, stdout=out, stderr=out)
    server = Server(address, process, folder / "events.jsonl", log, temporary, home)
    try:
        wait_for(server.address, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def _links(folder: str) -> list[Path]:
    # A file may be closed while the list is read.
    return [path for path in Path(folder).iterdir() if path.is_symlink()]


def wait_for(address: str, process: subprocess.Popen) -> None:
    """Wait until a server answers; fails if its process ends."""
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=START_S).close()
            return
        except URLError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_RETRY_S)
                raise AssertionError("the server ended at its start") from None
