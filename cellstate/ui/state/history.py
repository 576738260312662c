"""The list of perturbations with undo and redo. No Streamlit, no sample."""

from __future__ import annotations

from dataclasses import dataclass, field

from cellstate.perturb.perturbations import Perturbation

#: Changes that can be undone; older ones are dropped.
MAX_STEPS = 200
#: Perturbations in a list, by the page's forms and by a link.
MAX_PERTURBATIONS = 50


@dataclass(frozen=True)
class Entry:
    """A perturbation in the list, switched on or off."""

    perturbation: Perturbation
    on: bool = True


#: A whole list, one entry a gene.
Entries = tuple[Entry, ...]


@dataclass
class History:
    """The list of perturbations and its earlier states.

    Attributes
    ----------
    now : tuple of Entry
    past : list of tuple of Entry
        Earlier lists, the newest last; at most `MAX_STEPS`.
    future : list of tuple of Entry
        Lists that were undone, the next one last; a change drops them.
    """

    now: Entries = ()
    past: list[Entries] = field(default_factory=list)
    future: list[Entries] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of lists from the oldest to the present one."""
        return len(self.past) + 1

    def change(self, entries: Entries) -> None:
        """Set a new list; an equal one is no change."""
        if entries != self.now:
            self.past = [*self.past, self.now][-MAX_STEPS:]
            self.now, self.future = entries, []

    def undo(self) -> None:
        """Go back one change, if there is one."""
        if self.past:
            self.future.append(self.now)
            self.now = self.past.pop()

    def redo(self) -> None:
        """Go forward one change, if one was undone."""
        if self.future:
            self.past.append(self.now)
            self.now = self.future.pop()
