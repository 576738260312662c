"""The server: foreign pages are refused, modules are imported ahead, and private Streamlit APIs stay in one file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from cellstate.errors import CellStateError
from cellstate.ui import streamlit_compat
from cellstate.ui.runtime import server
from cellstate.ui.runtime.web_security import content_security_policy
from tests.e2e.serving import REPOSITORY, serve

#: Parts of Streamlit that are public, beside the name `streamlit` itself.
PUBLIC = {"streamlit.errors", "streamlit.delta_generator"}


def test_a_foreign_page_is_refused_and_no_address_is_looked_up(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        address = f"ws://{urlsplit(served.address).netloc}/_stcore/stream"
        with pytest.raises(InvalidStatus, match="403"), connect(address, origin=Origin("http://elsewhere.example")):
            pass
        assert served.wrong() == []
        assert {*served.recorded("socket.getaddrinfo", "socket.gethostbyname")} <= {urlsplit(served.address).hostname}
        with connect(address, origin=Origin(served.address)):
            pass


def test_the_first_page_does_not_import_what_only_others_need() -> None:
    first = ", ".join(server._FIRST_PAGE)
    command = f"import sys, {first}; print(*({{'sklearn', 'scipy.stats', 'gseapy', 'anndata'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_rest_is_imported_once_the_first_page_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = threading.Event()
    imported: list[str] = []
    monkeypatch.setattr(server, "first_drawn", drawn)
    monkeypatch.setattr(server, "import_module", imported.append)
    ahead = threading.Thread(target=server._import_ahead)
    ahead.start()
    ahead.join(0.3)
    try:
        assert imported == [*server._FIRST_PAGE]
    finally:
        drawn.set()
        ahead.join()
    assert imported == [*server._FIRST_PAGE, *server._OTHER_PAGES]


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports from."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}


def test_only_one_module_imports_from_inside_streamlit() -> None:
    files = [*REPOSITORY.glob("cellstate/**/*.py"), *REPOSITORY.glob("pages/*.py"), REPOSITORY / "app.py"]
    inside = {
        path.relative_to(REPOSITORY).as_posix()
        for path in files
        if any(name.startswith(("streamlit.", "starlette")) for name in imports(path) - PUBLIC)
    }
    assert inside == {"cellstate/ui/streamlit_compat.py"}


@pytest.mark.parametrize(
    "version, supported", [("1.66.9", False), ("1.67.0", True), ("1.80.1", True), ("2.0.0", False), ("0.99", False)]
)
def test_supported_versions_of_streamlit(version: str, supported: bool) -> None:
    assert streamlit_compat.is_supported(version) is supported


@pytest.mark.parametrize("missing", [False, True])
def test_another_streamlit_is_refused_with_one_error(missing: bool) -> None:
    change = "sys.modules['streamlit.runtime.pages_manager'] = None" if missing else "streamlit.__version__ = '1.60.0'"
    script = f"import sys, streamlit; {change}; import cellstate.ui"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 1
    version = streamlit.__version__ if missing else "1.60.0"
    assert CellStateError.__name__ in done.stderr.splitlines()[-1] and f"Streamlit {version}" in done.stderr


def test_the_policy_knows_the_scripts_that_stand_in_streamlits_page() -> None:
    scripts = re.findall(r"<script>(.*?)</script>", streamlit_compat.index_page(), re.DOTALL)
    policy = content_security_policy(streamlit_compat.index_page())
    assert scripts
    for script in scripts:
        assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert "unsafe-eval'" not in policy.replace("'wasm-unsafe-eval'", "")


def test_no_origin_may_steer_the_app_by_messages() -> None:
    assert streamlit.get_option("client.allowedOrigins") == []
