"""What the judge takes: a matrix of effects, candidates by genes, and the methods that give one.

Shape suffixes: C candidates, G genes, A genes of the benchmark's axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from cellstate.errors import DataError
from cellstate.perturb.effects import LOG2_PER_SD


@dataclass(frozen=True, eq=False)
class Effects:
    """What a rise of each candidate does to each gene.

    Attributes
    ----------
    candidates : tuple of str, length C
    symbols : tuple of str, length G
    effect_CG : ndarray of float32, shape (C, G)
        Change per SD of a rise; a candidate's effect on itself is 0.
    unit : str
    """

    candidates: tuple[str, ...]
    symbols: tuple[str, ...]
    effect_CG: np.ndarray
    unit: str = LOG2_PER_SD

    def __post_init__(self) -> None:
        if self.effect_CG.shape != (len(self.candidates), len(self.symbols)):
            raise ValueError(f"effects of shape {self.effect_CG.shape} do not fit their names")


class Method(Protocol):
    """A prediction method under test.

    Attributes
    ----------
    name : str
    is_nested : bool
        Whether something was learned or chosen from the benchmark's own targets; then every target is judged by
        effects that were made without it and without the targets that share its controls.
    """

    @property
    def name(self) -> str: ...

    @property
    def is_nested(self) -> bool: ...

    def effects(self, left_out: frozenset[str]) -> Effects:
        """Return the effects, learned without the targets that are left out."""


@dataclass(frozen=True, eq=False)
class Fixed:
    """A method that learned nothing from the benchmark's targets."""

    name: str
    found: Effects
    is_nested: bool = False

    def effects(self, left_out: frozenset[str]) -> Effects:
        """Return the same effects whatever is left out."""
        return self.found


def make_effects(candidates: Sequence[str], symbols: Sequence[str], effect_CG: np.ndarray) -> Effects:
    """Return effects without a candidate's effect on itself; values that are not finite become 0."""
    effect_CG = np.nan_to_num(np.asarray(effect_CG, np.float32), posinf=0, neginf=0)
    position = {symbol: g for g, symbol in enumerate(symbols)}
    for c, name in enumerate(candidates):
        if name in position:
            effect_CG[c, position[name]] = 0
    return Effects(tuple(candidates), tuple(symbols), effect_CG)


def unit_rows(effect_CG: np.ndarray) -> np.ndarray:
    """Return rows of mean 0 and length 1; a row without variation becomes 0."""
    rows_CG = effect_CG - effect_CG.mean(axis=1, keepdims=True)
    length_C1 = np.sqrt(np.square(rows_CG).sum(axis=1, keepdims=True))
    return (rows_CG / np.where(length_C1 > 0, length_C1, np.inf)).astype(np.float32)


def fuse(*parts: Effects, weights: Sequence[float] | None = None) -> Effects:
    """Return the weighted mean of several effects on what they have in common, each row at length 1."""
    known = set.intersection(*(set(part.candidates) for part in parts))
    measured = set.intersection(*(set(part.symbols) for part in parts))
    candidates = [c for c in parts[0].candidates if c in known]
    symbols = [s for s in parts[0].symbols if s in measured]
    total_CG = np.zeros((len(candidates), len(symbols)), np.float32)
    for part, weight in zip(parts, weights or [1.0] * len(parts), strict=True):
        row = {c: i for i, c in enumerate(part.candidates)}
        column = {s: i for i, s in enumerate(part.symbols)}
        taken_CG = part.effect_CG[[row[c] for c in candidates]][:, [column[s] for s in symbols]]
        total_CG += np.float32(weight) * unit_rows(taken_CG)
    return make_effects(candidates, symbols, total_CG)


def read_effects(path: Path) -> Effects:
    """Read an ``effects`` file: an npz with the arrays candidates, symbols, effect and, optionally, unit.

    Raises
    ------
    DataError
        When the file cannot be read or an array is missing or does not fit.
    """
    hint = "Write it with `cellstate effects --out FILE.npz`, or with numpy.savez: candidates, symbols, effect."
    try:
        with np.load(path, allow_pickle=False) as stored:
            candidates, symbols = ([str(name) for name in stored[key]] for key in ("candidates", "symbols"))
            unit = str(stored["unit"]) if "unit" in stored else LOG2_PER_SD
            effect_CG = np.nan_to_num(stored["effect"].astype(np.float32), posinf=0, neginf=0)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} is no file of effects: {error}", hint) from error
    if effect_CG.shape != (len(candidates), len(symbols)):
        raise DataError(f"{path} holds effects of shape {effect_CG.shape}, which does not fit its names.", hint)
    return Effects(tuple(candidates), tuple(symbols), effect_CG, unit)
