"""A patient among the training profiles: the whole map, and the arrow of an edit at a scale at which it is seen.

Shape suffixes: S training profiles, 2 the axes of the map.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from cellstate.viz.style import GREY, VIOLET, Chart, digits, lay_out, literal, look, percent, tpm_ticks

#: Smallest and largest dot where the level of a gene is drawn, and the size where none is, in pixels.
SMALLEST, LARGEST, USUAL = 5.0, 13.0, 7.0
#: What is shown around the patient, in lengths of the leading arrow.
_AROUND = 1.6


def cohort_scatter(
    cohort_S2: np.ndarray,
    before_2: np.ndarray,
    after_2: np.ndarray,
    explained_2: np.ndarray,
    *,
    moved: float,
    predictor: str = "autoencoder",
    sample: str = "",
    gene: str = "",
    log1p_S: np.ndarray | None = None,
) -> Chart:
    """Draw a patient before and after a prediction among the training profiles.

    Parameters
    ----------
    cohort_S2 : ndarray, shape (S, 2)
    before_2, after_2 : ndarray, shape (2,)
    explained_2 : ndarray, shape (2,)
        Share of the cohort's variance along each axis.
    moved : float
        Length of the arrow as a share of the cohort's spread, in words beside the figure.
    predictor : str, optional
        Who moves the patient: a key of `cellstate.viz.style.LOOKS`.
    sample : str, optional
        Named in the title.
    gene, log1p_S : str and ndarray of shape (S,), optional
        A gene, and its log1p TPM in each training profile, by which they are coloured and sized.
    """
    figure = go.Figure()
    marker: dict = {"color": GREY, "size": USUAL, "opacity": 0.55, "line": {"width": 0}}
    hover = "a training profile"
    if log1p_S is not None:
        low, high = float(log1p_S.min()), float(log1p_S.max())
        share_S = (log1p_S - low) / max(high - low, 1e-9)
        ticks = tpm_ticks(high)
        marker |= {
            "color": log1p_S,
            "size": SMALLEST + (LARGEST - SMALLEST) * share_S,
            "colorscale": "Cividis",
            "opacity": 0.85,
            "colorbar": {"title": {"text": f"{literal(gene)} (TPM)", "side": "right"}, "thickness": 12, **ticks},
        }
        hover = f"a training profile<br>{literal(gene)} at %{{customdata:,.3~g}} TPM"
    figure.add_scatter(
        x=cohort_S2[:, 0].astype(np.float32),
        y=cohort_S2[:, 1].astype(np.float32),
        mode="markers",
        name=f"training profiles ({len(cohort_S2):,})",
        marker=marker,
        customdata=None if log1p_S is None else np.expm1(log1p_S).astype(np.float32),
        hovertemplate=hover + "<extra></extra>",
    )
    _arrow(figure, before_2, after_2, predictor)
    _patient(figure, before_2, size=14)
    _lay(figure, "The patient among the training profiles", explained_2, sample)
    held = percent(float(explained_2.sum()))
    alt = (
        f"Hypothesis by {look(predictor).label}: {len(cohort_S2):,} training profiles and this patient (cross) on the "
        f"two main axes of the network's latent states, which hold {held} of the cohort's variance. The edits move the "
        f"patient by {percent(moved, 1)} of the cohort's spread."
    )
    if log1p_S is not None:
        alt += f" Larger and brighter dots have more {gene}."
    return Chart(figure, alt)


def cohort_arrow(
    before_2: np.ndarray,
    after_2: Mapping[str, np.ndarray],
    explained_2: np.ndarray,
    *,
    sample: str = "",
) -> Chart:
    """Draw the same arrow at its own scale, beside those of the rivals.

    Parameters
    ----------
    before_2 : ndarray, shape (2,)
    after_2 : mapping of str to ndarray, shape (2,)
        By predictor, the leading one first.
    explained_2, sample
        As for `cohort_scatter`.
    """
    figure = go.Figure()
    first = next(iter(after_2))
    reach = {name: float(np.linalg.norm(to_2 - before_2)) for name, to_2 in after_2.items()}
    for name, to_2 in reversed(list(after_2.items())):
        _arrow(figure, before_2, to_2, name, width=4 if name == first else 2, named=False)
    _patient(figure, before_2, size=12)
    _lay(figure, "Where the edits lead, enlarged", explained_2, sample)
    # Wide enough for the leading arrow, and not for the longest: a rival may go a hundred times as far.
    half = max(reach[first] or max(reach.values()), 1e-9) * _AROUND
    figure.update_xaxes(range=[before_2[0] - half, before_2[0] + half])
    figure.update_yaxes(range=[before_2[1] - half, before_2[1] + half])
    arrow_2 = after_2[first] - before_2
    alike = []
    for name, to_2 in after_2.items():
        if name != first and reach[name] > 0 and reach[first] > 0:
            cosine = float((to_2 - before_2) @ arrow_2 / (reach[name] * reach[first]))
            alike.append(
                f"{look(name).label} {cosine:+.2f} at {digits(reach[name] / reach[first], 2)} times the length"
            )
    alt = (
        f"Hypothesis: the same patient and the same axes, enlarged, with an arrow for each predictor. Beside "
        f"{look(first).label}, by the cosine of the angle (1 is the same direction): {', '.join(alike) or 'none'}."
    )
    return Chart(figure, alt)


def _arrow(
    figure: go.Figure, from_2: np.ndarray, to_2: np.ndarray, predictor: str, *, width: int = 4, named: bool = True
) -> None:
    style = look(predictor)
    figure.add_scatter(
        x=[from_2[0], to_2[0]],
        y=[from_2[1], to_2[1]],
        mode="lines+markers",
        name=f"after, by {style.label}" if named else style.label,
        line={"color": style.colour, "width": width},
        # The head is the predictor's symbol; the tail is the patient.
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            "size": [0, 10],
            "line": {"color": style.colour, "width": 1},
        },
        hovertemplate="after, by " + style.label + "<extra></extra>",
    )


def _patient(figure: go.Figure, at_2: np.ndarray, size: int) -> None:
    figure.add_scatter(
        x=[at_2[0]],
        y=[at_2[1]],
        mode="markers",
        name="this patient, before",
        marker={"color": VIOLET, "symbol": "cross-thin-open", "size": size, "line": {"width": 3, "color": VIOLET}},
        hovertemplate="this patient, before<extra></extra>",
    )


def _lay(figure: go.Figure, title: str, explained_2: np.ndarray, sample: str) -> None:
    axes = [f"axis {i} ({percent(float(share))} of the variance)" for i, share in enumerate(explained_2, start=1)]
    lay_out(figure, title, *axes, below=sample, height=520)
    figure.update_xaxes(zeroline=False)
    # Distances are the same along both axes.
    figure.update_yaxes(zeroline=False, scaleanchor="x", constrain="domain")
