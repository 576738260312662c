"""The files of deploy/ fit the app: what is copied is there, what is set exists, and limits agree."""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import platform
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from streamlit import config

from cellstate.ui.runtime import limits
from cellstate.ui.runtime.sign_in import VARIABLE, providers

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
CADDYFILE = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")


#: Threads that take and free memory as pages do. First something large, which teaches the C library to keep more; then
#: 12 MB in each thread, all at once so that each has a heap of its own. Prints how many MB of these are left when they
#: are freed, while the threads still live: the heap of a thread that ended may serve the next one, or not.
_KEPT = """
import threading
import numpy as np
def resident():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000
np.ones(20_000_000, np.uint8)
together = threading.Barrier(9)
def work():
    together.wait()
    piece = np.ones(12_000_000, np.uint8)
    together.wait()
    del piece
    together.wait()
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
before = resident()
for _ in range(3):
    together.wait()
print(resident() - before)
together.wait()
"""


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def copied() -> list[str]:
    """What the Containerfile takes out of the checkout."""
    lines = re.findall(r"^COPY (.+)$", CONTAINERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_everything_that_is_copied_is_there() -> None:
    assert [path for path in copied() if not (REPOSITORY / path).exists()] == []


def test_image_holds_all_that_a_wheel_ships() -> None:
    lists = ast.parse((REPOSITORY / "hatch_build.py").read_text(encoding="utf-8")).body
    shipped = next(ast.literal_eval(node.value) for node in lists if isinstance(node, ast.Assign))
    assert len(shipped) > 3 and set(shipped) <= set(copied())
    assert {"cellstate", "requirements.txt", "LICENSE"} <= set(copied())
    assert not {"tests", "train", "data", "."} & set(copied())


def test_image_runs_as_an_ordinary_user_and_asks_the_health_endpoint() -> None:
    assert re.search(r"^USER 10001$", CONTAINERFILE, re.MULTILINE)
    assert "VOLUME" not in CONTAINERFILE
    assert 'CMD ["python", "health.py"]' in CONTAINERFILE
    assert "/_stcore/health" in (DEPLOY / "health.py").read_text(encoding="utf-8")
    assert CONTAINERFILE.index("USER 10001") > CONTAINERFILE.index("RUN python -m pip")


def kept_mb(settings: dict[str, str]) -> float:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", _KEPT]
    return float(subprocess.run(command, env=bare | settings, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about the C library of Linux")
def test_memory_of_threads_goes_back() -> None:
    settings = dict(re.findall(r"\b(MALLOC_\w+)=(\d+)", CONTAINERFILE))
    assert kept_mb(settings) < 6
    assert kept_mb({}) > 60, "the C library keeps nothing by itself: the settings are not needed any more"


def test_every_streamlit_setting_exists() -> None:
    known = {option.env_var for option in config._config_options_template.values()}
    text = "\n".join(path.read_text(encoding="utf-8") for path in DEPLOY.iterdir() if path.is_file())
    named = set(re.findall(r"STREAMLIT_[A-Z_]+", text))
    assert {"STREAMLIT_SERVER_ADDRESS", "STREAMLIT_SERVER_ALLOWED_HOSTS"} <= named
    assert named <= known


def test_every_setting_of_the_app_exists() -> None:
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^\| `(CELLSTATE_\w+)` \| ([\d%]+)", readme, re.MULTILINE))
    assert VARIABLE in readme
    assert defaults[limits.SESSION_VARIABLE] == f"{limits.SESSION_MB:g}"
    assert defaults[limits.SERVER_VARIABLE] == f"{limits.SERVER_SHARE:.0%}"
    assert defaults[limits.RUN_VARIABLE] == f"{limits.RUN_MINUTES:g}"


def test_app_has_no_way_out_and_nothing_to_write_to() -> None:
    app = compose()["services"]["app"]
    assert app["networks"] == ["inside"] and compose()["networks"]["inside"] == {"internal": True}
    assert app["read_only"] is True and "volumes" not in app and "ports" not in app
    assert [mount.split(":")[0] for mount in app["tmpfs"]] == ["/tmp"]
    assert app["cap_drop"] == ["ALL"] and app["mem_limit"] == app["memswap_limit"]


def test_sign_in_is_required_where_it_is_laid_over() -> None:
    app = compose("compose.sign-in.yaml")["services"]["app"]
    assert app["environment"] == {VARIABLE: "required"}
    assert app["volumes"][0].endswith("/app/.streamlit/secrets.toml:ro")


def test_example_of_secrets_holds_none() -> None:
    auth = tomllib.loads((DEPLOY / "secrets.example.toml").read_text(encoding="utf-8"))["auth"]
    assert providers(auth) == []
    assert set(auth) == {"redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"}
    assert all("<" in value and ">" in value for value in auth.values())
    assert "secrets.toml" in (DEPLOY / ".gitignore").read_text(encoding="utf-8").split()


def test_proxy_lets_uploads_of_the_apps_size_through() -> None:
    with (REPOSITORY / ".streamlit" / "config.toml").open("rb") as file:
        upload_mb = tomllib.load(file)["server"]["maxUploadSize"]
    limit = re.search(r"max_size (\d+)MB", CADDYFILE)
    # Streamlit counts in 1,048,576 bytes.
    assert limit and int(limit[1]) * 1e6 >= upload_mb * 1_048_576


@pytest.mark.parametrize("opened, closed", ["{}"])
def test_caddyfile_is_balanced_and_asks_for_the_host(opened: str, closed: str) -> None:
    assert CADDYFILE.count(opened) == CADDYFILE.count(closed)
    assert set(re.findall(r"\{\$(\w+)", CADDYFILE)) == {"CELLSTATE_HOST", "CELLSTATE_APP"}
    assert "CELLSTATE_HOST" in compose()["services"]["proxy"]["environment"]


def test_lock_pins_what_the_program_runs_on_by_checksum() -> None:
    listed = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==(\S+)", listed, re.MULTILINE)
    pinned = {name.lower().replace("_", "-"): version for name, version in found}
    text = (DEPLOY / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
    locked = {entry.partition("==")[0]: entry.partition("==")[2].split()[0] for entry in entries}
    assert len(pinned) > 50 and pinned.items() <= locked.items()
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}$", entry, re.MULTILINE) for entry in entries)


def test_unhealthy_server_is_ended_and_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("health", DEPLOY / "health.py")
    assert spec is not None and spec.loader is not None
    health = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(health)
    count, is_well = tmp_path / "count", True

    def urlopen(*_: object, timeout: float) -> io.BytesIO:
        if not is_well:
            raise OSError("timed out")
        return io.BytesIO(b"ok")

    monkeypatch.setattr(health, "urlopen", urlopen)
    # Its command line is that of the server; it does something else.
    command = ["-c", "import time; time.sleep(600)", "-m", "cellstate.cli", "app", "--port=1"]
    with subprocess.Popen([sys.executable, *command]) as server:
        monkeypatch.setattr(
            health, "servers", lambda found=health.servers: [pid for pid in found() if pid == server.pid]
        )
        while health.servers() != [server.pid]:
            assert server.poll() is None
        is_well = False
        # One that is still starting is left alone.
        assert [health.main(count=count) for _ in range(9)] == [1] * 9 and server.poll() is None
        is_well = True
        assert health.main(count=count) == 0
        is_well = False
        assert [health.main(count=count) for _ in range(health.MOST_FAILURES)] == [1] * health.MOST_FAILURES
        assert server.wait(timeout=30) == -signal.SIGKILL
    app = compose()["services"]["app"]
    assert app["init"] is True and app["restart"] == "unless-stopped"
    assert health.SERVER.rstrip("\0").split("\0") == ast.literal_eval(CONTAINERFILE.rpartition("\nCMD ")[2])[2:4]
    assert int(re.search(r"HEALTHCHECK .*--timeout=(\d+)s", CONTAINERFILE)[1]) > health.PATIENCE_S  # type: ignore[index]


def test_proxy_ends_slow_requests() -> None:
    assert set(re.findall(r"^\t\t\t(read_header|read_body) \d+[sm]$", CADDYFILE, re.MULTILINE)) == {
        "read_header",
        "read_body",
    }
    assert "Content-Security-Policy" not in CADDYFILE, "the app says it itself"
