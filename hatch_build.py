"""Adds files from outside the package to a wheel: app, pages, models and data, and the trainer with its configs.

cellstate/files.py looks for the files, cellstate/cli/train.py for the trainer. An editable install reads both from
the checkout, so it gets no copy.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = (
    "app.py",
    "pages",
    "models",
    "data/genes",
    "data/examples",
    "data/gene_sets",
    "data/corpora",
    "data/targets",
    ".streamlit/config.toml",
)


#: Where `cellstate train` finds the trainer in a wheel; its modules import each other relatively.
TRAINER = {"train": "cellstate/_train"}


class ShippedFiles(BuildHookInterface):
    """Adds the shipped files and the trainer to a wheel; a path that is missing stops the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            shipped = {path: f"cellstate/_shipped/{path}" for path in SHIPPED}
            build_data["force_include"] |= shipped | TRAINER
