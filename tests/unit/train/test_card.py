"""The card: written from the record, whole or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellstate.errors import ModelError
from cellstate.model import ModelRecord
from cellstate.report.sections import markdown, sections
from train.package import card, write_card


def test_the_card_holds_every_section_of_the_page(small_model):
    text = card(small_model)
    assert text.startswith("# Model card: small\n") and text.endswith("`evidence.json`.\n")
    for section in sections(small_model.record):
        assert markdown(section) in text
    assert "research use only" in text and "hypotheses" in text


def test_an_older_card_stays_where_a_new_one_fails(small_model, tmp_path):
    path = tmp_path / "MODEL_CARD.md"
    write_card(path, small_model)
    before = path.read_text()
    with pytest.raises(ModelError, match="random weights"):
        write_card(path, replace(small_model, record=ModelRecord()))
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["MODEL_CARD.md"]
