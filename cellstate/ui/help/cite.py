"""Citations: the software, the model with its checksum, and the poster."""

from __future__ import annotations

from cellstate import __version__
from cellstate.model import preset
from cellstate.ui.help.content import sections

#: Characters of a checksum in a sentence.
_SHORT = 16


def texts(model: str, sha256: str, n_parameters: int = 0) -> dict[str, str]:
    """Return the texts of content/cite.md by their headings: ``citation``, ``bibtex``, ``text`` and ``poster``.

    Parameters
    ----------
    model : str
        Name of the model folder.
    sha256 : str
        Of the weights.
    n_parameters : int
    """
    published = preset("poster").n_parameters
    found = sections(
        "cite",
        version=__version__,
        model=model,
        latex_model=_escape_latex(model),
        sha256=sha256,
        short_sha256=sha256[:_SHORT],
        published_parameters=f"{published:,}",
        own_model=(
            "the current model has the same size"
            if n_parameters == published
            else f"the current model is another one, with {n_parameters:,} parameters"
        ),
    )
    return {one.title: one.text for one in found}


def _escape_latex(name: str) -> str:
    """Return a folder's name for a LaTeX entry; characters that could break the entry are left out."""
    return "".join(f"\\{c}" if c in "_&%$#" else c for c in name if c.isprintable() and c not in "{}\\")
