"""One version everywhere, and fragments of the changelog that a release will find."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from cellstate import __version__
from cellstate.files import read_checksums
from cellstate.model.folder import CARD, WEIGHTS, shipped_models

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_version_stands_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert PROJECT["project"]["dynamic"] == ["version"] and "version" not in PROJECT["project"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "cellstate/__init__.py"
    citation = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (\S+)$", citation, re.MULTILINE) == [__version__]


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    settings = PROJECT["tool"]["towncrier"]
    before, marker, after = (
        (REPOSITORY / settings["filename"]).read_text(encoding="utf-8").partition(settings["start_string"])
    )
    assert marker and "## [" not in before
    assert re.findall(r"^## \[([\d.]+)\]", after, re.MULTILINE)[0] == __version__


def test_every_fragment_of_the_changelog_is_of_a_known_kind() -> None:
    kinds = {kind["directory"] for kind in PROJECT["tool"]["towncrier"]["type"]}
    folder = REPOSITORY / PROJECT["tool"]["towncrier"]["directory"]
    fragments = [path for path in folder.iterdir() if path.name != "README.md"]
    assert [p.name for p in fragments if not re.fullmatch(rf"[\w-]+\.({'|'.join(kinds)})\.md", p.name)] == []
    assert [p.name for p in fragments if not p.read_text(encoding="utf-8").strip()] == []


def test_every_shipped_card_names_the_checksum_of_its_weights() -> None:
    for folder in shipped_models().values():
        assert read_checksums(folder)[WEIGHTS] in (folder / CARD).read_text(encoding="utf-8")
