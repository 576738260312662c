"""What one user has done: their samples, perturbations and results. It lives in session state and nowhere else.

Nothing here is cached across users or written to disk; `forget` drops it all.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.common import WidgetMetadata

from cellstate.errors import CellStateError
from cellstate.io import Preview, ReadOptions
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.perturb.search.goal import Goal
from cellstate.samples import Samples
from cellstate.ui.runtime.jobs import DONE, Job
from cellstate.ui.state.history import Entry, History

_KEY = "cellstate"
#: In session state for one run after `forget`.
FORGOTTEN = "cellstate-forgotten"
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
    overrides: ReadOptions = ReadOptions()  # noqa: RUF009 - a frozen value
    is_example: bool = False


@dataclass(frozen=True, eq=False)
class Refused:
    """A file that could not be read.

    Attributes
    ----------
    name : str
    error : CellStateError
    overrides : ReadOptions
        What it was read with.
    source : path or bytes
        Kept as long as the page shows why, so that the user can decide in the reader's place; empty where there is
        nothing to decide.
    preview : Preview or None
        None where there is nothing to decide.
    """

    name: str
    error: CellStateError
    overrides: ReadOptions = ReadOptions()  # noqa: RUF009 - a frozen value
    source: Path | bytes = b""
    preview: Preview | None = None


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
    history : History
        The list of perturbations, and every list before it.
    scenarios : dict of str to tuple of Perturbation
        Perturbations that were saved under a name.
    problem : Refused or None
        The file that the user brought last, if it could not be read.
    labels : dict of str to str
        Group of a sample of `loaded`, by its name: what the user calls them, for example control and treated.
    round : int
        Counts files and forgetting: widgets that carry it start anew.
    groups : dict of str to Loaded
        Files of the experiment page: ``control``, ``treated``.
    refused : dict of str to (str, CellStateError)
        As `problem`, for the files of the experiment page.
    turns : dict of str to int
        What `round` counts, for each file and for the perturbation of the experiment page, and for the files of the
        regulators page.
    reference : Loaded or None
        Samples that a goal leads to.
    gene_sets : GeneSets or None
    goal : Goal or None
        What the regulators page was last asked to reach, for the sample at hand.
    asked : object
        What the search button would begin. Here and not in the button: Streamlit keeps the callbacks of widgets that
        are gone, and what they hold.
    job : Job or None
        The last long run, whatever became of it.
    runs : dict of str to Job
        The last finished run of each kind.
    """

    loaded: Loaded | None = None
    selected: int = 0
    history: History = field(default_factory=History)
    scenarios: dict[str, tuple[Perturbation, ...]] = field(default_factory=dict)
    problem: Refused | None = None
    labels: dict[str, str] = field(default_factory=dict)
    round: int = 0
    groups: dict[str, Loaded] = field(default_factory=dict)
    refused: dict[str, tuple[str, CellStateError]] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reference: Loaded | None = None
    gene_sets: GeneSets | None = None
    goal: Goal | None = None
    asked: Any = None
    job: Job | None = None
    runs: dict[str, Job] = field(default_factory=dict)
    _results: dict[str, tuple[Hashable, Any]] = field(default_factory=dict)

    @property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """Perturbations of the list that are switched on."""
        return tuple(entry.perturbation for entry in self.entries if entry.on)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The list of perturbations, switched on or off."""
        return self.history.now

    def sample(self) -> Samples:
        """Return the selected sample."""
        assert self.loaded is not None
        return self.loaded.samples.take([self.selected])

    def prepared(self, model: Model) -> PreparedSample:
        """Return the selected sample on a model's genes, aligned and imputed once."""
        return self.once("prepared", (self.selected, model.stamp), lambda: prepare_sample(model, self.sample()))

    def load(self, loaded: Loaded) -> None:
        """Put samples in place of those before; perturbations stay."""
        self.loaded, self.selected, self.problem = loaded, 0, None
        self.labels = {}
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
        self.goal, self.asked = None, None
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

    def add(self, *perturbations: Perturbation) -> None:
        """Add perturbations to the list in one step, each in the place of an earlier one of the same gene."""
        entries = {entry.perturbation.gene: entry for entry in self.entries}
        entries |= {one.gene: Entry(one) for one in perturbations}
        self.history.change(tuple(entries.values()))

    def put(self, perturbations: Iterable[Perturbation]) -> None:
        """Replace the whole list; `undo` restores it."""
        self.history.change(tuple(map(Entry, perturbations)))

    def switch(self, gene: str, on: bool) -> None:
        """Switch the perturbation of a gene on or off."""
        self.history.change(tuple(replace(e, on=on) if e.perturbation.gene == gene else e for e in self.entries))

    def remove(self, gene: str) -> None:
        """Remove the perturbation of a gene from the list."""
        self.history.change(tuple(e for e in self.entries if e.perturbation.gene != gene))

    def clear(self) -> None:
        """Empty the list; `undo` brings it back."""
        self.history.change(())

    def undo(self) -> None:
        """Take the last change of the list back."""
        self.history.undo()

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        self.history.redo()

    def once(self, kind: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return a result of this session, made again only when what it depends on has changed."""
        whole_key = (self.round, key)
        if kind not in self._results or self._results[kind][0] != whole_key:
            self._results.pop(kind, None)
            self._results[kind] = (whole_key, make())
        return self._results[kind][1]


def session() -> Session:
    """Return this user's state."""
    return st.session_state.setdefault(_KEY, Session())


def _forget_widgets() -> None:
    """Empty what Streamlit keeps of every widget that was drawn: its options, which may be names of samples, and more.

    Each entry stays, as a callback of the same click may be called after this one; drawing the widget again fills it.
    """
    if (context := get_script_run_ctx()) is not None:
        kept = context.session_state._state._new_widget_state.widget_metadata
        for key, one in kept.items():
            kept[key] = WidgetMetadata(key, lambda value: value, lambda value: value, one.value_type)


def forget() -> None:
    """Drop everything this user brought or made."""
    state = session()
    state.drop_runs()
    # Only the counts stay, so that no widget finds what was chosen for a file that is gone.
    turns = defaultdict(int, {group: n + 1 for group, n in state.turns.items()})
    # Emptied, not replaced: Streamlit keeps the callbacks of widgets that are gone, and with them this very object.
    vars(state).update(vars(Session(round=state.round + 1, turns=turns)))
    st.session_state.clear()
    _forget_widgets()
    st.session_state[_KEY] = state
    st.session_state[FORGOTTEN] = True
