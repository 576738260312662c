import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.errors import ModelError
from cellstate.model import ModelConfig, preset
from cellstate.model.network import AutoEncoder


def test_poster_is_the_published_network():
    poster = preset("poster")
    assert poster.widths == (19383, 20000, 8000, 4000, 2000, 1000, 2000, 4000, 8000, 20000, 19383)
    assert poster.n_parameters == 1_179_408_383
    assert (poster.n_latent, poster.latent_index) == (1000, 5)


@given(st.lists(st.integers(4, 40), min_size=0, max_size=3), st.integers(5, 60))
def test_counted_parameters_are_those_of_the_network(hidden, genes):
    config = ModelConfig("any", (genes, *hidden, 3, *hidden, genes))
    assert config.n_parameters == sum(p.numel() for p in AutoEncoder(config).parameters())
    assert ModelConfig.from_dict(json.loads(config.to_json())) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "x", "widths": (5, 2, 6)}, "are its genes"),
        ({"name": "x", "widths": (5, 5)}, "at least three"),
        ({"name": "x", "widths": (5, 0, 5)}, "at least three"),
        ({"name": "x", "widths": (5, 8, 5)}, "inside"),
        ({"name": "x", "widths": (5, 2, 5), "activation": "swish"}, "no activation"),
        ({"name": "x", "widths": (5, 2, 5), "residual": 1}, "`residual` is true or false"),
        ({"name": "x", "widths": (5, 4, 2, 4, 5), "embedding": "yes"}, "`embedding` is true or false"),
        ({"name": "x", "widths": (5, 2, 5), "embedding": True}, "the same width behind"),
        ({"name": "x", "widths": (5, 4, 2, 3, 5), "embedding": True}, "the same width behind"),
        ({"name": "x", "widths": (5, 2, 5), "depth": 3}, "unknown entries: depth"),
        ({"name": "x"}, "not complete"),
    ],
)
def test_a_config_that_cannot_be_is_named(values, words):
    with pytest.raises(ModelError, match=words):
        ModelConfig.from_dict(values)


def test_an_unknown_preset_is_named():
    with pytest.raises(ModelError, match="no preset 'huge'"):
        preset("huge")
