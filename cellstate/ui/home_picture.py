"""What CellState does in one picture, in the model's own numbers: a line drawing, the arrows only an illustration."""

from __future__ import annotations

from cellstate.viz.style import LOOKS

#: Of the picture, in pixels.
WIDTH, HEIGHT = 460, 248
_BLUE, _VERMILION = LOOKS["autoencoder"].colour, LOOKS["pca"].colour
#: Lines and letters on a light and on a dark page.
_INK = {False: "#17202A", True: "#E8EDF2"}
_GENES, _LATENT = (24, 68, 112, 156, 200), (68, 112, 156)
_EDITED = 2
#: Which way and how far each gene moves; the edited one is set.
_MOVES = (14, -26, 0, 20, -12)
_LEFT, _MIDDLE, _RIGHT = 100, 236, 372


def picture(n_genes: int, n_latent: int, *, dark: bool) -> str:
    """Return SVG: genes of a sample, one of them edited, the network's narrowest layer, and the genes that move.

    Parameters
    ----------
    n_genes, n_latent : int
        Of the model.
    dark : bool
        Whether the page is.
    """
    ink = _INK[dark]
    lines = [(_LEFT, y, _MIDDLE, to) for y in _GENES for to in _LATENT]
    lines += [(_MIDDLE, y, _RIGHT, to) for y in _LATENT for to in _GENES]
    edited = _GENES[_EDITED]
    parts = [f'<path d="{"".join(f"M{a} {b}L{c} {d}" for a, b, c, d in lines)}" stroke="{ink}" stroke-opacity="0.18"/>']
    parts += [_dot(x, y, _BLUE) for x in (_LEFT, _RIGHT) for y in _GENES if y != edited]
    parts += [_dot(_MIDDLE, y, ink) for y in _LATENT]
    parts += [_crossed(x, edited) for x in (_LEFT, _RIGHT)]
    parts += [_arrow(_RIGHT + 30, y, move, ink) for y, move in zip(_GENES, _MOVES, strict=True) if move]
    parts += [
        _text(_LEFT - 22, edited + 5, "edited", ink, "end"),
        _text(_LEFT, HEIGHT - 8, f"{n_genes:,} genes", ink),
        _text(_MIDDLE, HEIGHT - 8, f"{n_latent:,} latent units", ink),
        _text(_RIGHT, HEIGHT - 8, "what moves", ink),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="14">{"".join(parts)}</svg>'
    )


def in_words(n_genes: int, n_latent: int) -> str:
    """Return what the picture shows, for who does not see it."""
    return (
        f"Drawing: {n_genes:,} genes of one sample, one of them edited, pass through {n_latent:,} latent units, and "
        "the other genes come out higher or lower."
    )


def _dot(x: int, y: int, colour: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="11" fill="{colour}"/>'


def _crossed(x: int, y: int) -> str:
    """Draw the edited gene, told from the others by a cross too."""
    cross = f'<path d="M{x - 5} {y - 5}l10 10m0 -10l-10 10" stroke="#FFFFFF" stroke-width="2.5"/>'
    return _dot(x, y, _VERMILION) + cross


def _arrow(x: int, y: int, move: int, ink: str) -> str:
    """Draw an arrow of a length, upward where it is positive."""
    tip = y - move / 2
    back = 6 if move > 0 else -6
    path = f"M{x} {y + move / 2:g}V{tip:g}m-6 {back}L{x} {tip:g}L{x + 6} {tip + back:g}"
    return f'<path d="{path}" stroke="{ink}" stroke-width="2.5" fill="none" stroke-linejoin="round"/>'


def _text(x: int, y: int, words: str, ink: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" fill="{ink}" text-anchor="{anchor}">{words}</text>'
