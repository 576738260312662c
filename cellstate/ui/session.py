"""What one user has done: their samples, edits and results. It lives in session state and nowhere else.

Nothing here is cached across users or written to disk; `forget` drops it all.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.expression import Samples
from cellstate.io import Overrides
from cellstate.perturb import Edit
from cellstate.perturb.goals import Goal
from cellstate.ui.jobs import DONE, Job

_KEY = "cellstate"
#: Kind of result that the experiment page keeps.
COMPARISON = "comparison"
#: Files of the regulators page, as `Session.turns` and `Session.refused` name them.
REFERENCE, GENE_SETS = "reference", "gene-sets"


@dataclass(frozen=True, eq=False)
class Loaded:
    """Samples with what they were read from, so that they can be read again with other decisions."""

    samples: Samples
    source: Path | bytes
    name: str
    overrides: Overrides = Overrides()  # noqa: RUF009 - a frozen value
    is_example: bool = False


@dataclass(frozen=True, eq=False)
class GeneSets:
    """Gene sets of a file: its name, and the genes of each set."""

    name: str
    sets: Mapping[str, tuple[str, ...]]


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
        As `round`, for each file and for the edit of the experiment page, and for the files of the regulators page.
    reference : Loaded or None
        Samples that a goal leads to.
    gene_sets : GeneSets or None
    goal : Goal or None
        What the regulators page was last asked to reach, for the sample at hand.
    job : Job or None
        The last long run, whatever became of it.
    runs : dict of str to Job
        The last finished run of each kind.
    """

    loaded: Loaded | None = None
    selected: int = 0
    history: list[tuple[Edit, ...]] = field(default_factory=lambda: [()])
    problem: tuple[str, CellStateError] | None = None
    round: int = 0
    groups: dict[str, Loaded] = field(default_factory=dict)
    refused: dict[str, tuple[str, CellStateError]] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reference: Loaded | None = None
    gene_sets: GeneSets | None = None
    goal: Goal | None = None
    job: Job | None = None
    runs: dict[str, Job] = field(default_factory=dict)
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
        self.drop_runs()

    def select(self, position: int) -> None:
        """Work with another sample of the file."""
        if position != self.selected:
            self.selected = position
            self.drop_runs()

    def load_reference(self, loaded: Loaded | None) -> None:
        """Put the samples that a goal leads to in place of those before, or take them away."""
        self.reference = loaded
        self._turn(REFERENCE)

    def load_gene_sets(self, sets: GeneSets | None) -> None:
        """Put gene sets in place of those before, or take them away."""
        self.gene_sets = sets
        self._turn(GENE_SETS)

    def _turn(self, file: str) -> None:
        self.refused.pop(file, None)
        self.turns[file] += 1

    def run(self, job: Job) -> None:
        """Begin a long run, unless one is going on."""
        self._keep()
        if self.job is None or self.job.has_ended:
            self.job = job.start()
            # A user who closes the page leaves no run behind. The job itself must not be held here: its result would
            # outlive the next one.
            weakref.finalize(self, job.stop.set).atexit = False

    def drop_runs(self) -> None:
        """Stop the run that is going on, and forget its goal and every result of one."""
        self.goal = None
        if self.job is not None:
            self.job.cancel()
        self.job = None
        self.runs.clear()

    def finished(self, kind: str, key: Hashable) -> Job | None:
        """Return the last finished run of a kind, if it is about `key`."""
        self._keep()
        job = self.runs.get(kind)
        return job if job is not None and job.key == key else None

    def _keep(self) -> None:
        if self.job is not None and self.job.state == DONE:
            self.runs[self.job.kind] = self.job

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

    def put(self, edits: Iterable[Edit]) -> None:
        """Put edits in place of those in force; `undo` brings these back."""
        self._change(tuple(edits))

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
    session().drop_runs()
    rounds, turns = session().round + 1, session().turns
    st.session_state.clear()
    st.session_state[_KEY] = Session(round=rounds)
    # Only the counts stay, so that no widget finds what was chosen for a file that is gone.
    for group, n in turns.items():
        st.session_state[_KEY].turns[group] = n + 1
