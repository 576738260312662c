"""The list of perturbations and its history: every change can be undone and redone. No Streamlit, no sample."""

from __future__ import annotations

from dataclasses import dataclass, field

from cellstate.perturb.perturbations import Perturbation

#: Changes that can be undone; older ones are forgotten.
MOST_STEPS = 200


@dataclass(frozen=True)
class Entry:
    """A perturbation of the list; results leave out one that is switched off."""

    perturbation: Perturbation
    on: bool = True


#: All entries at one time, one a gene.
Entries = tuple[Entry, ...]


@dataclass
class History:
    """Every list of perturbations so far, with undo and redo.

    Attributes
    ----------
    now : tuple of Entry
    past : list of tuple of Entry
        Lists before, the newest last; at most `MOST_STEPS`.
    future : list of tuple of Entry
        Lists that were undone, the next one last; a change drops them.
    """

    now: Entries = ()
    past: list[Entries] = field(default_factory=list)
    future: list[Entries] = field(default_factory=list)

    def __len__(self) -> int:
        """Lists from the oldest to the present one."""
        return len(self.past) + 1

    def change(self, entries: Entries) -> None:
        """Replace the list; an equal list is no change."""
        if entries != self.now:
            self.past = [*self.past, self.now][-MOST_STEPS:]
            self.now, self.future = entries, []

    def undo(self) -> None:
        """Go back one change, if there is one."""
        if self.past:
            self.future.append(self.now)
            self.now = self.past.pop()

    def redo(self) -> None:
        """Do again what was undone last, if anything was."""
        if self.future:
            self.past.append(self.now)
            self.now = self.future.pop()
