"""What samples are compared with to rank their regulators: normal tissue, or samples of the user's own file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.evaluation.admixture import admixture, own_normal_tissue
from cellstate.model import Model
from cellstate.perturb.regulators.search import FEWEST_IN_GROUP, NORMAL_STATE
from cellstate.perturb.sample import prepare_sample
from cellstate.report.narrative.regulators import reference_of_group, reference_of_others
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.sample_sheet import groups_of

#: Samples of the file that are compared with at once; the command line takes any number.
MOST_SAMPLES = 1_000
#: The other samples of a file are offered from so many on: a mean.
FEWEST_OTHERS = 2
#: Beside its label inside a frame on the narrowest screen.
_WIDTH_PX = 196


class Kind(StrEnum):
    """Kinds of references."""

    NORMAL = "normal"
    TISSUE = "tissue"
    OTHERS = "others"
    GROUP = "group"


@dataclass(frozen=True)
class Reference:
    """What a sample is compared with.

    Attributes
    ----------
    kind : Kind
    label : str
        In words, after "the": closest normal state, normal colon, other 84 samples.
    name : str
        Of the tissue or the group.
    rows : tuple of int
        Positions in the user's file, without the sample that is compared.
    """

    kind: Kind
    label: str
    name: str = ""
    rows: tuple[int, ...] = ()

    @property
    def option(self) -> str:
        """Id of the choice, which is the same for each sample of a file."""
        return f"{self.kind}:{self.name}" if self.kind is Kind.GROUP else self.kind

    @property
    def title(self) -> str:
        """What the choice is called."""
        label = f"group {self.name} ({len(self.rows):,})" if self.kind is Kind.GROUP else self.label
        return label[:1].upper() + label[1:]

    @property
    def has_null(self) -> bool:
        """Whether there are p-values against it."""
        return self.kind is Kind.NORMAL or len(self.rows) >= FEWEST_IN_GROUP

    def check(self) -> None:
        """Raise an error for a reference that cannot be used."""
        if self.kind is Kind.GROUP and not self.rows:
            raise CellStateError(
                f"The group {self.name} holds this sample alone.", "Choose another reference, or another sample."
            )
        if len(self.rows) > MOST_SAMPLES:
            raise CellStateError(
                f"{len(self.rows):,} samples are more than the {MOST_SAMPLES:,} that a page compares with.",
                "Choose a smaller group, or use cellstate regulators --against on the command line.",
            )


NORMAL = Reference(Kind.NORMAL, NORMAL_STATE)


def references_of_sample(state: Session, model: Model) -> list[Reference]:
    """Return what the selected sample can be compared with, the closest normal state first."""
    assert state.loaded is not None
    names, found = state.loaded.samples.names, [NORMAL]
    if (tissue := _own_tissue(state, model)) is not None:
        found.append(Reference(Kind.TISSUE, f"normal {tissue}", tissue))
    if len(names) > FEWEST_OTHERS:
        found.append(others_of(len(names), state.selected))
    for name, rows in groups_of(state.labels, names).items():
        others = tuple(row for row in rows if row != state.selected)
        label = reference_of_group(name, len(others))
        found.append(Reference(Kind.GROUP, label, name, others))
    return found


def references_of_cohort(n: int) -> list[Reference]:
    """Return what each of many samples can be compared with: with the others only where that gives p-values."""
    return [NORMAL, others_of(n)] if n > FEWEST_IN_GROUP else [NORMAL]


def others_of(n: int, selected: int = 0) -> Reference:
    """Return the reference that the other samples of a file of `n` are."""
    rows = tuple(row for row in range(n) if row != selected)
    return Reference(Kind.OTHERS, reference_of_others(len(rows)), rows=rows)


def _own_tissue(state: Session, model: Model) -> str | None:
    """Return the selected sample's own tissue, without what is admixed to it."""

    def compute() -> str | None:
        with queue().turn():
            sample = prepare_sample(model, state.sample())
            return own_normal_tissue(sample, admixture(sample))

    return state.cached("own-tissue", (state.selected, model.stamp), compute)


def compared_with(references: Sequence[Reference], key: str, *, disabled: bool = False) -> Reference:
    """Let the user choose a reference; a choice that is gone becomes the first one.

    Parameters
    ----------
    references : sequence of Reference
    key : str
        Of the widget.
    disabled : bool
        Whether a search is running.
    """
    found = {one.option: one for one in references}
    if st.session_state.get(key) not in found:
        st.session_state[key] = references[0].option
    labels = {option: one.title for option, one in found.items()}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        st.markdown("Compared with", width="content")
        chosen = st.selectbox(
            "Compared with",
            list(found),
            format_func=labels.__getitem__,
            key=key,
            persist_state="session",
            label_visibility="collapsed",
            width=_WIDTH_PX,
            disabled=disabled,
        )
    return found[chosen]


def chosen_reference(references: Sequence[Reference], key: str) -> Reference:
    """Return the present choice, from a callback: it may be newer than what the page shows."""
    return next((one for one in references if one.option == st.session_state.get(key)), references[0])


def null_note(reference: Reference) -> str:
    """Return that a reference gives no p-values and what they need; empty where it gives them."""
    if reference.has_null:
        return ""
    if reference.kind is Kind.TISSUE:
        return "No p-values: the middle of a tissue is one profile."
    return f"No p-values: they need {FEWEST_IN_GROUP} other samples; these are {len(reference.rows):,}."
