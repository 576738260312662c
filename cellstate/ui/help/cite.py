"""Citations: the software, the model with its checksum, the training data, and the poster."""

from __future__ import annotations

from dataclasses import dataclass

from cellstate import __version__
from cellstate.model import ModelRecord, preset
from cellstate.report.narrative.evidence import source_sentence
from cellstate.ui.help.content import Section, sections

#: Characters of a checksum in a sentence.
_SHORT = 16


@dataclass(frozen=True)
class Cited:
    """A model as a citation names it.

    Attributes
    ----------
    name : str
        Of the model folder.
    sha256 : str
        Of the weights.
    n_parameters : int
    """

    name: str
    sha256: str
    n_parameters: int = 0


def texts(model: Cited) -> dict[str, str]:
    """Return the Markdown texts of content/cite.md by their headings: ``citation``, ``text`` and ``poster``."""
    published = preset("poster").n_parameters
    found: tuple[Section, ...] = sections(
        "cite",
        version=__version__,
        model=model.name,
        short_sha256=model.sha256[:_SHORT],
        published_parameters=f"{published:,}",
        own_model=(
            "the current model has the same size"
            if model.n_parameters == published
            else f"the current model is another one, with {model.n_parameters:,} parameters"
        ),
    )
    return {one.title: one.text for one in found}


def bibtex(model: Cited) -> str:
    """Return BibTeX entries of the software with the model, and of the poster."""
    return f"""@software{{cellstate,
  title   = {{CellState: virtual gene manipulation on one patient's transcriptome}},
  author  = {{{{CellState contributors}}}},
  version = {{{__version__}}},
  license = {{Apache-2.0}},
  note    = {{Model {_escape_latex(model.name)}, weights sha256 {model.sha256}}}
}}

@misc{{cellstatemodel,
  title        = {{Cell State Model}},
  author       = {{Nguyen and Le and Tran}},
  howpublished = {{Poster, University of Southern California}}
}}"""


def sources(record: ModelRecord) -> list[str]:
    """Return the cohorts that a model was trained on, with source and licence, as plain text; none if random."""
    return [source_sentence(one) for one in record.sources]


def _escape_latex(name: str) -> str:
    """Return a folder's name for a LaTeX entry; characters that could break the entry are left out."""
    return "".join(f"\\{c}" if c in "_&%$#" else c for c in name if c.isprintable() and c not in "{}\\")
