"""Parts of CellState that need more packages than ``pip install cellstate`` brings: its extras."""

from __future__ import annotations

from importlib.util import find_spec

from cellstate.errors import CellStateError

#: The modules of each extra of pyproject.toml that are imported by name.
EXTRAS = {"app": ("streamlit", "plotly", "gseapy"), "train": ("sklearn", "threadpoolctl")}


def missing_modules(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed; none of them is imported."""
    return [name for name in EXTRAS[extra] if find_spec(name) is None]


def require_extra(extra: str, what: str) -> None:
    """Refuse to start what needs an extra that is not installed.

    Parameters
    ----------
    extra : str
        ``app`` or ``train``.
    what : str
        What needs it, as the subject of a sentence.

    Raises
    ------
    CellStateError
        A module of the extra is missing; the hint names the command that installs it.
    """
    if missing := missing_modules(extra):
        raise CellStateError(
            f"{what} needs {', '.join(missing)}, which this installation lacks.",
            f'Install the extra: python -m pip install "cellstate[{extra}]".',
            code="missing_extra",
        )
