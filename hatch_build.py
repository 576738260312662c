"""Put what is not code of a package inside the wheel, where cellstate/resources.py looks for it.

An editable install reads the same files from the checkout, so it gets no copy.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("app.py", "pages", "models", "data/genes", "data/examples", ".streamlit/config.toml")


class ShippedFiles(BuildHookInterface):
    """Adds the shipped files to a wheel; a path that is missing stops the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"] |= {path: f"cellstate/_shipped/{path}" for path in SHIPPED}
