"""Sentences about a user's session: what is loaded, what a link carried, what was measured of the model."""

from __future__ import annotations

from collections.abc import Sequence

from cellstate.errors import summarise_list
from cellstate.formatting import escape_markdown, plural
from cellstate.labels import in_sentence, predictor_label

#: Perturbations that a sentence names.
_NAMED = 4


def present_state(
    names: Sequence[str], selected: int, file: str, labels: Sequence[str], *, is_searching: bool, has_results: bool
) -> str:
    """Return the loaded sample, its perturbations and the state of its search, as Markdown.

    Parameters
    ----------
    names : sequence of str
        Samples of the file.
    selected : int
    file : str
    labels : sequence of str
        Of the perturbations that are switched on.
    is_searching, has_results : bool
    """
    text = f"**{escape_markdown(names[selected])}** is loaded"
    if len(names) > 1:
        text += f", one of {len(names):,} samples of {escape_markdown(file)}"
    if labels:
        more = f" and {len(labels) - _NAMED:,} more" if len(labels) > _NAMED else ""
        listed = ", ".join(map(escape_markdown, labels[:_NAMED]))
        text += f", with {plural(len(labels), 'perturbation')}: {listed}{more}."
    else:
        text += ", without perturbations."
    if is_searching:
        return text + " A search is running."
    return text + (" A search is finished: see **Candidates**." if has_results else "")


def link_applied(example: bool, labels: Sequence[str], *, goal: bool, predictor: str, search: bool) -> str:
    """Return what the settings of a link changed, as Markdown.

    Parameters
    ----------
    example : bool
        Whether an example patient was loaded.
    labels : sequence of str
        Of the link's perturbations.
    goal, search : bool
        Whether the link carried a goal, a kind of search.
    predictor : str
        Id of the link's prediction method; empty without one.
    """
    parts = ["an example patient was loaded"] if example else []
    if labels:
        listed = summarise_list([escape_markdown(label) for label in labels])
        parts.append(f"{plural(len(labels), 'perturbation')} ({listed})")
    parts += ["a goal, on the page Candidates"] if goal else []
    parts += [f"the prediction method {in_sentence(predictor_label(predictor))}"] if predictor else []
    parts += ["a kind of search"] if search and not parts else []
    return f"This link carried settings, and no data: {'; '.join(parts)}."
