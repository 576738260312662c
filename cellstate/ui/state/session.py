"""One user's state: samples, perturbations and results. It lives in Streamlit's session state and nowhere else.

Nothing here is cached across users or written to disk; `delete_my_data` drops it all.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.expression.reading import ReadReport
from cellstate.io import GeneTable, Preview, ReadOptions
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.perturb.search.goal import Goal
from cellstate.samples import Samples
from cellstate.ui.runtime.jobs import DONE, Job
from cellstate.ui.runtime.uploads import drop_uploads
from cellstate.ui.state.history import Entry, History
from cellstate.ui.streamlit_compat import clear_widget_metadata

_KEY = "cellstate"
#: In session state for one run after `delete_my_data`.
DELETED = "cellstate-deleted"
#: Kind of the cached result of the validation page.
COMPARISON = "comparison"
#: Kinds of searches in `Session.runs`.
SCREEN, PAIRS, COMBINATION, DRIVERS = "screen", "pairs", "combination", "drivers"
#: Kind of the search over every sample of the file, which the selected sample does not matter to.
COHORT = "cohort"
#: Name of the goal in `Session.turns`, and key of the cached goal.
GOAL = "goal"
#: Names of files in `Session.turns` and `Session.refused`.
SAMPLE, REFERENCE, GENE_SETS, GENE_TABLE = "sample", "reference", "gene-sets", "gene-table"


@dataclass(frozen=True, eq=False)
class Loaded:
    """Samples with the file that they were read from, so that it can be read again with other settings."""

    samples: Samples
    source: Path | bytes
    name: str
    overrides: ReadOptions = ReadOptions()  # noqa: RUF009 - a frozen value
    is_example: bool = False


@dataclass(frozen=True, eq=False)
class FailedUpload:
    """A file that could not be read.

    Attributes
    ----------
    name : str
    error : CellStateError
    overrides : ReadOptions
        The settings that it was read with.
    source : path or bytes
        Kept while the page shows the error, so that the user can override settings; empty where none would help.
    preview : Preview or None
        None where no setting would help.
    report : ReadReport or None
        Of a file that was read, but with decisions that the user must confirm before it is used.
    """

    name: str
    error: CellStateError
    overrides: ReadOptions = ReadOptions()  # noqa: RUF009 - a frozen value
    source: Path | bytes = b""
    preview: Preview | None = None
    report: ReadReport | None = None


@dataclass(frozen=True, eq=False)
class DoubtfulFile:
    """A file, other than the sample's, whose reading the user must confirm before it is used."""

    name: str
    data: bytes
    report: ReadReport


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
    failed_upload : FailedUpload or None
        The last sample file, if it could not be read.
    labels : dict of str to str
        Group of a sample of `loaded`, by the sample's name, for example control or treated.
    round : int
        Counts readings of sample files and deletions; part of the keys of widgets that start anew with each.
    groups : dict of str to Loaded
        Files of the validation page: ``control``, ``treated``.
    refused : dict of str to (str, CellStateError)
        Names and errors of other files that could not be read.
    doubtful : dict of str to DoubtfulFile
        Other files that wait for the user's answer.
    turns : dict of str to int
        Counts files of each kind, and deletions.
    reference : Loaded or None
        Samples that define a goal.
    gene_sets : GeneSets or None
    gene_table : GeneTable or None
        What the user knows of genes, shown beside candidates.
    model : str or None
        The shipped model that the user chose; None for the one that fits the sample.
    goal : Goal or None
        The goal of the selected sample's last search.
    pending_search : object
        The search that the button would start. Streamlit keeps the callbacks of widgets that are gone, and their
        arguments, so the button's callback reads it here.
    job : Job or None
        The last search, in any state.
    runs : dict of str to Job
        The last finished search of each kind.
    """

    loaded: Loaded | None = None
    selected: int = 0
    history: History = field(default_factory=History)
    scenarios: dict[str, tuple[Perturbation, ...]] = field(default_factory=dict)
    failed_upload: FailedUpload | None = None
    labels: dict[str, str] = field(default_factory=dict)
    round: int = 0
    groups: dict[str, Loaded] = field(default_factory=dict)
    refused: dict[str, tuple[str, CellStateError]] = field(default_factory=dict)
    doubtful: dict[str, DoubtfulFile] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reference: Loaded | None = None
    gene_sets: GeneSets | None = None
    gene_table: GeneTable | None = None
    model: str | None = None
    goal: Goal | None = None
    pending_search: Any = None
    job: Job | None = None
    runs: dict[str, Job] = field(default_factory=dict)
    _cache: dict[str, tuple[Hashable, Any]] = field(default_factory=dict)

    @property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """The perturbations of the list that are switched on."""
        return tuple(entry.perturbation for entry in self.entries if entry.on)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The list of perturbations, with those that are switched off."""
        return self.history.now

    @property
    def is_searching(self) -> bool:
        """Whether a search is waiting or running."""
        return self.job is not None and not self.job.has_ended

    @property
    def has_data(self) -> bool:
        """Whether there is anything to delete: a file, a perturbation, a scenario or a search."""
        files = (self.loaded, self.failed_upload, self.reference, self.gene_sets, self.gene_table, self.job)
        others = (self.groups, self.doubtful, self.entries, self.scenarios)
        return any(file is not None for file in files) or any(others)

    def sample(self) -> Samples:
        """Return the selected sample."""
        assert self.loaded is not None
        return self.loaded.samples.take([self.selected])

    def prepared(self, model: Model) -> PreparedSample:
        """Return the selected sample on a model's genes, aligned and imputed once."""
        return self.cached("prepared", (self.selected, model.stamp), lambda: prepare_sample(model, self.sample()))

    def cached(self, kind: str, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return a result of this session; it is computed again when the key or the sample file has changed."""
        cache_key = (self.round, key)
        if kind not in self._cache or self._cache[kind][0] != cache_key:
            self._cache.pop(kind, None)  # the old result is freed before the new one is computed
            self._cache[kind] = (cache_key, compute())
        return self._cache[kind][1]

    def load(self, loaded: Loaded) -> None:
        """Replace the samples; perturbations stay."""
        if self.loaded is None or self.loaded.source is not loaded.source:
            self.turns[SAMPLE] += 1
        self.loaded, self.selected, self.failed_upload = loaded, 0, None
        self.labels = {}
        self.round += 1
        self._cache.clear()
        self.drop_runs()

    def select(self, position: int) -> None:
        """Select another sample of the file."""
        if position != self.selected:
            self.selected = position
            self.drop_runs(keep=COHORT)

    def load_reference(self, loaded: Loaded | None) -> None:
        """Replace or remove the samples that define a goal."""
        self.reference = loaded
        self._file_changed(REFERENCE)

    def load_gene_sets(self, sets: GeneSets | None) -> None:
        """Replace or remove the gene sets."""
        self.gene_sets = sets
        self._file_changed(GENE_SETS)

    def load_gene_table(self, table: GeneTable | None) -> None:
        """Replace or remove the user's own table about genes."""
        self.gene_table = table
        self._file_changed(GENE_TABLE)

    def load_group(self, group: str, loaded: Loaded | None) -> None:
        """Replace or remove a file of the validation page."""
        self.groups.pop(group, None)
        if loaded is not None:
            self.groups[group] = loaded
        self._cache.pop(COMPARISON, None)
        self._file_changed(group)

    def refuse(self, file: str, name: str, error: CellStateError) -> None:
        """Keep the error of a file that could not be read; the file before stays."""
        self._file_changed(file)
        self.refused[file] = (name, error)

    def ask_about(self, file: str, doubtful: DoubtfulFile) -> None:
        """Keep a file until the user confirms how it is read; the file before stays."""
        self._file_changed(file)
        self.doubtful[file] = doubtful

    def _file_changed(self, file: str) -> None:
        self.refused.pop(file, None)
        self.doubtful.pop(file, None)
        self.turns[file] += 1

    def run(self, job: Job) -> None:
        """Start a search, unless one is running."""
        self._keep_finished()
        if not self.is_searching:
            self.job = job.start()
            # The search of a user who closed the page is stopped. The job itself must not be referred to here: its
            # result would outlive the next one.
            weakref.finalize(self, job.stop.set).atexit = False

    def drop_runs(self, keep: str = "") -> None:
        """Stop the running search, and drop its goal and the results of all searches, but for one kind."""
        self.goal, self.pending_search = None, None
        if self.job is not None and self.job.kind != keep:
            self.job.cancel()
            self.job = None
        for kind in self.runs.keys() - {keep}:
            del self.runs[kind]

    def finished(self, kind: str, key: Hashable) -> Job | None:
        """Return the last finished search of a kind, if it has this key."""
        self._keep_finished()
        job = self.runs.get(kind)
        return job if job is not None and job.key == key else None

    def _keep_finished(self) -> None:
        if self.job is not None and self.job.state == DONE:
            self.runs[self.job.kind] = self.job

    def add(self, *perturbations: Perturbation) -> None:
        """Add perturbations to the list in one step, each in the place of an earlier one of the same gene."""
        entries = {entry.perturbation.gene: entry for entry in self.entries}
        self.history.change(tuple((entries | {new.gene: Entry(new) for new in perturbations}).values()))

    def put(self, perturbations: Iterable[Perturbation]) -> None:
        """Replace the whole list."""
        self.history.change(tuple(map(Entry, perturbations)))

    def switch(self, gene: str, on: bool) -> None:
        """Switch the perturbation of a gene on or off."""
        self.history.change(tuple(replace(e, on=on) if e.perturbation.gene == gene else e for e in self.entries))

    def remove(self, gene: str) -> None:
        """Remove the perturbation of a gene from the list."""
        self.history.change(tuple(entry for entry in self.entries if entry.perturbation.gene != gene))

    def clear(self) -> None:
        """Empty the list."""
        self.history.change(())

    def undo(self) -> None:
        """Undo the last change of the list."""
        self.history.undo()

    def redo(self) -> None:
        """Repeat the change that was undone last."""
        self.history.redo()


def session() -> Session:
    """Return this user's state."""
    return st.session_state.setdefault(_KEY, Session())


def delete_my_data() -> None:
    """Drop everything that this user uploaded or computed."""
    state = session()
    state.drop_runs()
    drop_uploads()
    # The counts stay, so that no widget finds what was chosen for a file that is gone.
    turns = defaultdict(int, {file: n + 1 for file, n in state.turns.items()})
    # Emptied, not replaced: Streamlit keeps the callbacks of widgets that are gone, and with them this very object.
    vars(state).update(vars(Session(round=state.round + 1, turns=turns)))
    st.session_state.clear()
    clear_widget_metadata()
    st.session_state[_KEY] = state
    st.session_state[DELETED] = True
