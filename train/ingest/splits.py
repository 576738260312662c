"""Splits into training, validation and test: samples that share a series or are near-duplicates stay together.

Shape suffixes: S samples.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cellstate.errors import DataError

from ..store import SPLITS

_SEPARATOR = re.compile(r"[,;\t]")


@dataclass(frozen=True)
class Shares:
    """Sizes of the splits in any unit: 80, 10, 10 or 0.8, 0.1, 0.1."""

    train: float = 0.8
    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        parts = (self.train, self.validation, self.test)
        if not all(np.isfinite(part) and part >= 0 for part in parts) or not self.train > 0:
            raise DataError("The shares of a split are numbers that are not negative.", "Write --split 80,10,10.")

    @classmethod
    def parse(cls, text: str) -> Shares:
        """Read ``80,10,10``: training, validation, test."""
        try:
            train, validation, test = (float(part) for part in text.split(","))
        except ValueError as error:
            raise DataError(f"{text!r} is no three shares.", "Write --split 80,10,10.") from error
        return cls(train, validation, test)

    def targets(self, n_samples: int) -> np.ndarray:
        """Return the wanted size of each split, in the order of `SPLITS`."""
        parts = np.array([self.train, self.validation, self.test])
        return n_samples * parts / parts.sum()


def series_of(text: str) -> list[str]:
    """Return the series of one sample; several are separated by comma, semicolon or tab."""
    return [name for part in _SEPARATOR.split(text) if (name := part.strip())]


def components(series_S: Sequence[str], groups_S: Sequence[str]) -> np.ndarray:
    """Give a number to each set of samples connected by a series or a group of near-duplicates, int, shape (S,).

    Parameters
    ----------
    series_S : sequence of str
        The series of each sample, none, one or several.
    groups_S : sequence of str
        Its group of near-duplicates, empty where it has none.
    """
    links = [(sample, ("series", name)) for sample, text in enumerate(series_S) for name in series_of(text)]
    links += [(sample, ("group", group)) for sample, group in enumerate(groups_S) if group]
    n_samples = len(series_S)
    node = {name: n_samples + i for i, name in enumerate(dict.fromkeys(name for _, name in links))}
    size = n_samples + len(node)
    ends = np.array([(sample, node[name]) for sample, name in links], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(size, size))
    return connected_components(graph, directed=False)[1][:n_samples]


def assign(
    component_S: np.ndarray,
    names_S: Sequence[str],
    shares: Shares,
    seed: int = 0,
    given_S: Sequence[str] | None = None,
) -> np.ndarray:
    """Assign every component to one split, so that the splits' sizes come near the shares; returns str, shape (S,).

    Components that are large relative to the smallest split come first, by size; the others follow in an order drawn
    from the seed. Each is assigned to the split that lacks most samples. The order of the samples does not matter.

    Parameters
    ----------
    names_S : sequence of str
        Names of the samples, each once.
    given_S : sequence of str, optional
        Splits that are decided already, empty where not; a component follows its decided samples.

    Raises
    ------
    DataError
        An unknown split is given, or one component is given two.
    """
    table = pd.DataFrame({"component": component_S, "name": names_S, "given": "" if given_S is None else given_S})
    _check_given(table)
    whole = table.groupby("component").agg(n=("name", "size"), key=("name", "min"), given=("given", "max"))
    targets = shares.targets(len(table))
    large = whole["n"] > 0.1 * targets[targets > 0].min()
    whole["first"] = -whole["n"].where(large, 0)
    whole["draw"] = [hashlib.sha256(f"{seed}\n{key}".encode()).hexdigest() for key in whole["key"]]
    # Decided components come first.
    whole["free"] = whole["given"] == ""
    wanting, chosen = targets.copy(), {}
    for row in whole.sort_values(["free", "first", "draw"]).itertuples():
        split = SPLITS.index(row.given) if row.given else int(np.argmax(wanting))
        wanting[split] -= row.n
        chosen[row.Index] = SPLITS[split]
    return table["component"].map(chosen).to_numpy(dtype=object)


def _check_given(table: pd.DataFrame) -> None:
    decided = table[table["given"] != ""]
    if unknown := sorted(set(decided["given"]) - set(SPLITS)):
        raise DataError(f"There is no split {unknown[0]!r}.", f"The splits are {', '.join(SPLITS)}.")
    one = decided.drop_duplicates(["component", "given"])
    if (twice := one[one["component"].duplicated(keep=False)].sort_values(["component", "given"])).size:
        (a, split_a), (b, split_b) = twice[["name", "given"]].to_numpy()[:2]
        raise DataError(
            f"Samples {a} and {b} share a series or are near-duplicates, and are given the splits {split_a} and "
            f"{split_b}.",
            "Give both the same split, or leave the column split out.",
        )
