"""The list of perturbations: undo and redo against a plain record of all lists."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.state import history
from cellstate.ui.state.history import Entry, History
from cellstate.ui.state.session import Session

GENES = ("TP53", "MYC", "KRAS")
a_gene = st.sampled_from(GENES)
a_perturbation = st.builds(Perturbation, a_gene, st.just("multiply"), st.sampled_from([0.5, 2.0, 3.0]))


class UndoAndRedo(RuleBasedStateMachine):
    """The list is always the one at the cursor of the record."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Session()
        self.record: list[tuple[Entry, ...]] = [()]
        self.cursor = 0

    def wrote(self, entries: tuple[Entry, ...]) -> None:
        if entries != self.record[self.cursor]:
            self.record = [*self.record[: self.cursor + 1], entries]
            self.cursor += 1

    @rule(new=st.lists(a_perturbation, max_size=3, unique_by=lambda item: item.gene))
    def add(self, new: list[Perturbation]) -> None:
        expected = list(self.record[self.cursor])
        for item in new:
            places = [i for i, entry in enumerate(expected) if entry.perturbation.gene == item.gene]
            if places:
                expected[places[0]] = Entry(item)
            else:
                expected.append(Entry(item))
        self.state.add(*new)
        self.wrote(tuple(expected))

    @rule(gene=a_gene, on=st.booleans())
    def switch(self, gene: str, on: bool) -> None:
        self.state.switch(gene, on)
        now = self.record[self.cursor]
        self.wrote(tuple(Entry(e.perturbation, on if e.perturbation.gene == gene else e.on) for e in now))

    @rule(gene=a_gene)
    def remove(self, gene: str) -> None:
        self.state.remove(gene)
        self.wrote(tuple(e for e in self.record[self.cursor] if e.perturbation.gene != gene))

    @rule(new=st.lists(a_perturbation, max_size=2, unique_by=lambda item: item.gene))
    def put(self, new: list[Perturbation]) -> None:
        self.state.put(new)
        self.wrote(tuple(map(Entry, new)))

    @rule()
    def clear(self) -> None:
        self.state.clear()
        self.wrote(())

    @rule()
    def undo(self) -> None:
        self.state.undo()
        self.cursor = max(0, self.cursor - 1)

    @rule()
    def redo(self) -> None:
        self.state.redo()
        self.cursor = min(len(self.record) - 1, self.cursor + 1)

    @invariant()
    def agrees(self) -> None:
        now = self.record[self.cursor]
        assert self.state.entries == now
        assert self.state.perturbations == tuple(entry.perturbation for entry in now if entry.on)
        assert bool(self.state.history.past) == (self.cursor > 0)
        assert bool(self.state.history.future) == (self.cursor < len(self.record) - 1)
        assert len(self.state.history) == self.cursor + 1


TestUndoAndRedo = UndoAndRedo.TestCase
TestUndoAndRedo.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_change_drops_what_was_undone() -> None:
    state = Session()
    state.add(Perturbation("TP53", "knock-out"))
    state.undo()
    state.add(Perturbation("MYC", "knock-out"))
    state.redo()
    assert [item.gene for item in state.perturbations] == ["MYC"]


def test_no_change_is_no_step() -> None:
    state = Session()
    state.add(Perturbation("TP53", "knock-out"))
    state.add(Perturbation("TP53", "knock-out"))
    state.remove("MYC")
    state.switch("TP53", True)
    assert len(state.history) == 2


def test_old_steps_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_STEPS", 3)
    kept = History()
    for factor in range(6):
        kept.change((Entry(Perturbation("TP53", "multiply", factor)),))
    for _ in range(10):
        kept.undo()
    assert [entry.perturbation.amount for entry in kept.now] == [2] and len(kept.future) == 3


def test_many_perturbations_are_one_step_and_keep_their_places() -> None:
    state = Session()
    state.add(Perturbation("TP53", "knock-out"), Perturbation("MYC", "knock-out"))
    state.switch("TP53", False)
    state.add(Perturbation("TP53", "multiply", 2.0))
    assert [entry.perturbation.spec for entry in state.entries] == ["TP53=x2", "MYC=ko"]
    # A perturbation that is added again is switched on.
    assert len(state.perturbations) == 2
    for _ in range(3):
        state.undo()
    assert state.entries == ()
