"""The card: written from the metrics, whole or not at all."""

from __future__ import annotations

import pytest

from cellstate.report import markdown, sections
from train.package import card, write_card


def test_the_card_holds_every_section_of_the_page(small_model):
    text = card(small_model, small_model.metrics)
    assert text.startswith("# Model card: small\n") and text.endswith("`history.jsonl`.\n")
    for section in sections(small_model.metrics):
        assert markdown(section) in text
    assert "research use only" in text and "hypotheses" in text


def test_an_older_card_stays_where_a_new_one_fails(small_model, tmp_path):
    path = tmp_path / "MODEL_CARD.md"
    write_card(path, small_model, small_model.metrics)
    before = path.read_text()
    with pytest.raises(KeyError):
        write_card(path, small_model, {})
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["MODEL_CARD.md"]
