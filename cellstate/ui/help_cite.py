"""How to cite: the software, the model with its checksum, the data behind it, and the poster."""

from __future__ import annotations

from dataclasses import dataclass

from cellstate import __version__
from cellstate.model import ModelRecord, preset
from cellstate.report.narrative import source_sentence

#: Letters of a checksum that tell one model from another.
_SHORT = 16
SAY = (
    "Say in the text that a shift is a **prediction**, who made it (network or rival), and how good that predictor is: "
    "the page *How good is this?* has the figures. The run bundle of **Take it along** holds versions and checksums, "
    "and reproduces your numbers."
)


@dataclass(frozen=True)
class Cited:
    """A model as a citation names it.

    Attributes
    ----------
    name : str
        Of the model folder.
    sha256 : str
        Of the weights.
    """

    name: str
    sha256: str


def citation(model: Cited) -> str:
    """Return one sentence for a paper's methods, as plain text."""
    return (
        f"CellState {__version__} (CellState contributors, Apache-2.0) with the model {model.name} "
        f"(weights sha256 {model.sha256[:_SHORT]})."
    )


def bibtex(model: Cited) -> str:
    """Return BibTeX entries of the software with the model, and of the poster."""
    return f"""@software{{cellstate,
  title   = {{CellState: virtual gene manipulation on one patient's transcriptome}},
  author  = {{{{CellState contributors}}}},
  version = {{{__version__}}},
  license = {{Apache-2.0}},
  note    = {{Model {_escaped(model.name)}, weights sha256 {model.sha256}}}
}}

@misc{{cellstatemodel,
  title        = {{Cell State Model}},
  author       = {{Nguyen and Le and Tran}},
  howpublished = {{Poster, University of Southern California}}
}}"""


def poster(n_parameters: int) -> str:
    """Say what the poster is, and whether the model at hand, of so many parameters, has its size."""
    published = preset("poster").n_parameters
    own = "has that size, too" if n_parameters == published else f"is another one, of {n_parameters:,} parameters"
    return (
        "The idea, and the preset `poster`, come from the “Cell State Model” poster by Nguyen, Le and Tran (University "
        f"of Southern California): virtual gene manipulation by a deep auto-encoder of {published:,} parameters, whose "
        f"weights were not released. CellState is an implementation of its own; the model that answers you {own}."
    )


def sources(record: ModelRecord) -> list[str]:
    """Return the cohorts that a model was trained on, with source and licence, as plain text; none if random."""
    return [source_sentence(one) for one in record.sources]


def _escaped(name: str) -> str:
    """Return a folder's name as LaTeX sets it: whatever may break an entry is left out."""
    return "".join(f"\\{c}" if c in "_&%$#" else c for c in name if c.isprintable() and c not in "{}\\")
