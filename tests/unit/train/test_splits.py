"""No series and no group of near-duplicates on two sides, whatever they are; and the shares are near."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.errors import DataError
from train.ingest.splits import Shares, assign, components, series_of
from train.store import SPLITS

COLLECTIONS = st.lists(
    st.tuples(st.lists(st.integers(0, 40), max_size=3), st.integers(0, 60), st.sampled_from([",", ", ", ";", "\t"])),
    min_size=1,
    max_size=120,
)


def _described(collection):
    series = [mark.join(f"GSE{i}" for i in numbers) for numbers, _, mark in collection]
    groups = [f"D{group}" if group < 30 else "" for _, group, _ in collection]
    return series, groups, [f"GSM{i}" for i in range(len(collection))]


@pytest.mark.slow
@given(COLLECTIONS, st.integers(0, 5), st.tuples(st.floats(0.1, 1), st.floats(0, 1), st.floats(0, 1)))
def test_no_series_and_no_group_is_in_two_splits(collection, seed, parts):
    series, groups, names = _described(collection)
    split = assign(components(series, groups), names, Shares(*parts), seed)
    assert set(split) <= set(SPLITS)
    for labels in ([series_of(text) for text in series], [[group] if group else [] for group in groups]):
        side = {}
        for sample, of_sample in enumerate(labels):
            for label in of_sample:
                assert side.setdefault(label, split[sample]) == split[sample]


@pytest.mark.slow
@given(COLLECTIONS, st.integers(0, 5))
def test_sizes_miss_the_shares_by_less_than_the_largest_component(collection, seed):
    series, groups, names = _described(collection)
    component = components(series, groups)
    split = assign(component, names, Shares(80, 10, 10), seed)
    largest = np.bincount(component).max()
    targets = Shares(80, 10, 10).targets(len(names))
    for name, target in zip(SPLITS, targets, strict=True):
        assert (split == name).sum() - target <= largest


@pytest.mark.slow
@given(COLLECTIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(collection, random):
    series, groups, names = _described(collection)
    split = dict(zip(names, assign(components(series, groups), names, Shares(), 3), strict=True))
    order = list(range(len(names)))
    random.shuffle(order)
    series, groups, names = ([values[i] for i in order] for values in (series, groups, names))
    assert dict(zip(names, assign(components(series, groups), names, Shares(), 3), strict=True)) == split


def test_samples_are_connected_through_others():
    series = ["GSE1", "GSE1,GSE2", "GSE2; GSE3", "GSE4", "", "GSE5", " GSE5\tGSE6"]
    component = components(series, ["", "", "", "a", "a", "", ""])
    assert component[0] == component[1] == component[2]
    assert component[3] == component[4]
    assert component[5] == component[6]
    assert len(set(component)) == 3
    # A series and a group of the same name are two things.
    assert len(set(components(["x", ""], ["", "x"]))) == 2


def test_many_series_come_near_the_shares_and_the_seed_decides():
    rng = np.random.default_rng(0)
    series = np.repeat([f"GSE{i}" for i in range(900)], rng.geometric(1 / 20, 900)).tolist()
    names = [f"GSM{i}" for i in range(len(series))]
    component = components(series, [""] * len(series))
    splits = [assign(component, names, Shares(), seed) for seed in (0, 0, 1)]
    assert (splits[0] == splits[1]).all() and (splits[0] != splits[2]).any()
    shares = [(splits[0] == name).mean() for name in SPLITS]
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.005)
    # Series of every size are on every side: large ones are not kept for training.
    sizes = np.bincount(component)[component]
    means = [sizes[splits[0] == name].mean() for name in SPLITS]
    assert max(means) < 1.5 * min(means)


def test_given_splits_are_kept_and_followed():
    series = ["A", "A", "B", "C", "C"]
    split = assign(components(series, [""] * 5), list("vwxyz"), Shares(), 0, ["", "test", "", "validation", ""])
    assert split.tolist()[:2] == ["test", "test"] and split.tolist()[3:] == ["validation", "validation"]


def test_given_splits_that_cut_a_series_are_refused():
    with pytest.raises(DataError, match=r"Samples w and v share a series .* splits test and train"):
        assign(components(["A", "A"], ["", ""]), ["v", "w"], Shares(), 0, ["train", "test"])
    with pytest.raises(DataError, match="no split 'older_test'"):
        assign(components(["A"], [""]), ["v"], Shares(), 0, ["older_test"])


@pytest.mark.parametrize("text", ["80,20", "a,b,c", "", "0,50,50", "80,-10,30", "nan,1,1", "inf,1,1"])
def test_bad_shares_are_refused(text):
    with pytest.raises(DataError) as refusal:
        Shares.parse(text)
    assert "80,10,10" in refusal.value.hint


def test_a_share_of_nothing_gets_nothing():
    names = [f"s{i}" for i in range(50)]
    split = assign(components(names, [""] * 50), names, Shares.parse("90,10,0"))
    assert {name: int((split == name).sum()) for name in SPLITS} == {"train": 45, "validation": 5, "test": 0}
