"""The figure of shares of the ceiling holds its values, and says them."""

from __future__ import annotations

from cellstate.viz.model import ceiling_bars

BINS = ("0–2.5", "2.5 and more")


def test_bars_hold_the_shares() -> None:
    shares: dict[str, list[float | None]] = {
        "autoencoder": [0.5, 0.7],
        "conditional_mode": [0.625, None],
        "pca": [0.4, 0.7],
    }
    drawn = ceiling_bars(shares, BINS, patients="Same sequencer")
    assert [list(bar.y) for bar in drawn.figure.data] == [[50, 70], [62.5, None], [40, 70]]
    assert [bar.name for bar in drawn.figure.data] == ["Autoencoder", "Autoencoder, conditional mode", "PCA"]


def test_predictors_of_one_colour_differ_in_filling() -> None:
    drawn = ceiling_bars({"autoencoder": [0.5], "conditional_mode": [0.6]}, BINS[:1], patients="")
    looks = [(bar.marker.line.color, bar.marker.color) for bar in drawn.figure.data]
    assert looks[0][0] == looks[1][0] and looks[0][1] != looks[1][1]


def test_the_sentence_says_the_same() -> None:
    drawn = ceiling_bars({"autoencoder": [0.5, None], "pca": [0.4, None]}, BINS, patients="Older sequencer")
    assert "Older sequencer. 0–2.5 TPM: Autoencoder 50%, PCA 40%." in drawn.alt
    assert "2.5 and more" not in drawn.alt
