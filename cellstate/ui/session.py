"""What one user has done: their samples, edits and results. It lives in session state and nowhere else.

Nothing here is cached across users or written to disk; `forget` drops it all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.expression import Samples
from cellstate.io import Overrides
from cellstate.perturb import Edit

_KEY = "cellstate"
#: Kind of result that the experiment page keeps.
COMPARISON = "comparison"


@dataclass(frozen=True, eq=False)
class Loaded:
    """Samples with what they were read from, so that they can be read again with other decisions."""

    samples: Samples
    source: Path | bytes
    name: str
    overrides: Overrides = Overrides()  # noqa: RUF009 - a frozen value
    is_example: bool = False


@dataclass
class Session:
    """State of one user.

    Attributes
    ----------
    loaded : Loaded or None
    selected : int
        Position of the sample in the file.
    history : list of tuple of Edit
        Every state of the edits, the newest last.
    problem : (str, CellStateError) or None
        A file that could not be read, and why.
    round : int
        Counts files and forgetting: widgets that carry it start anew.
    groups : dict of str to Loaded
        Files of the experiment page: ``control``, ``treated``.
    refused : dict of str to (str, CellStateError)
        As `problem`, for the files of the experiment page.
    turns : dict of str to int
        As `round`, for each file and for the edit of the experiment page.
    """

    loaded: Loaded | None = None
    selected: int = 0
    history: list[tuple[Edit, ...]] = field(default_factory=lambda: [()])
    problem: tuple[str, CellStateError] | None = None
    round: int = 0
    groups: dict[str, Loaded] = field(default_factory=dict)
    refused: dict[str, tuple[str, CellStateError]] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _results: dict[str, tuple[Hashable, Any]] = field(default_factory=dict)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Edits in force."""
        return self.history[-1]

    def sample(self) -> Samples:
        """Return the selected sample."""
        assert self.loaded is not None
        return self.loaded.samples.take([self.selected])

    def load(self, loaded: Loaded) -> None:
        """Put samples in place of those before; edits stay."""
        self.loaded, self.selected, self.problem = loaded, 0, None
        self.round += 1
        self._results.clear()

    def load_group(self, group: str, loaded: Loaded | None) -> None:
        """Put a file of the experiment page in place of the one before, or take it away."""
        self.groups.pop(group, None)
        self.refused.pop(group, None)
        if loaded is not None:
            self.groups[group] = loaded
        self.turns[group] += 1
        self._results.pop(COMPARISON, None)

    def refuse(self, group: str, name: str, error: CellStateError) -> None:
        """Remember why a file of the experiment page could not be read; the one before stays."""
        self.refused[group] = (name, error)
        self.turns[group] += 1

    def add(self, edit: Edit) -> None:
        """Add an edit, in place of an earlier one of the same gene."""
        self._change((*(e for e in self.edits if e.gene != edit.gene), edit))

    def remove(self, gene: str) -> None:
        """Remove the edit of a gene."""
        self._change(tuple(e for e in self.edits if e.gene != gene))

    def clear(self) -> None:
        """Remove every edit; `undo` brings them back."""
        self._change(())

    def undo(self) -> None:
        """Take the last change of the edits back."""
        if len(self.history) > 1:
            self.history.pop()

    def once(self, kind: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return a result of this session, made again only when what it depends on has changed."""
        whole_key = (self.round, key)
        if kind not in self._results or self._results[kind][0] != whole_key:
            self._results.pop(kind, None)
            self._results[kind] = (whole_key, make())
        return self._results[kind][1]

    def _change(self, edits: tuple[Edit, ...]) -> None:
        if edits != self.edits:
            self.history.append(edits)


def session() -> Session:
    """Return this user's state."""
    return st.session_state.setdefault(_KEY, Session())


def forget() -> None:
    """Drop everything this user brought or made."""
    rounds, turns = session().round + 1, session().turns
    st.session_state.clear()
    st.session_state[_KEY] = Session(round=rounds)
    # Only the counts stay, so that no widget finds what was chosen for a file that is gone.
    for group, n in turns.items():
        st.session_state[_KEY].turns[group] = n + 1
