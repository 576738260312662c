"""A sample on the map of the cohort, and the arrow of a prediction, enlarged.

Shape suffixes: S training profiles, 2 the axes of the map.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from cellstate.formatting import digits, escape_html, percent, signed
from cellstate.viz.style import GREY, VIOLET, Chart, lay_out, look, tpm_ticks

#: Diameter of a dot in pixels: smallest and largest where a gene's level is drawn, and where none is.
_MIN_DOT, _MAX_DOT, _DOT = 5.0, 13.0, 7.0
#: Half the width of the enlarged map, in lengths of the default method's arrow.
_HALF_WIDTH = 1.6


def cohort_scatter(
    cohort_S2: np.ndarray,
    before_2: np.ndarray,
    after_2: np.ndarray,
    explained_2: np.ndarray,
    *,
    distance: float,
    predictor: str = "autoencoder",
    sample: str = "",
    gene: str = "",
    log1p_S: np.ndarray | None = None,
) -> Chart:
    """Draw a sample before and after a prediction among the training profiles.

    Parameters
    ----------
    cohort_S2 : ndarray, shape (S, 2)
    before_2, after_2 : ndarray, shape (2,)
    explained_2 : ndarray, shape (2,)
        Fraction of the cohort's variance along each axis.
    distance : float
        Length of the arrow as a fraction of the cohort's spread.
    gene, log1p_S : str and ndarray of shape (S,), optional
        A gene, and its log1p TPM in each training profile, by which they are coloured and sized.
    """
    figure = go.Figure()
    marker: dict = {"color": GREY, "size": _DOT, "opacity": 0.55, "line": {"width": 0}}
    hover = "a training profile"
    if log1p_S is not None:
        low, high = float(log1p_S.min()), float(log1p_S.max())
        fraction_S = (log1p_S - low) / max(high - low, 1e-9)
        ticks = tpm_ticks(high)
        marker |= {
            "color": log1p_S,
            "size": _MIN_DOT + (_MAX_DOT - _MIN_DOT) * fraction_S,
            "colorscale": "Cividis",
            "opacity": 0.85,
            "colorbar": {"title": {"text": f"{escape_html(gene)} (TPM)", "side": "right"}, "thickness": 12, **ticks},
        }
        hover = f"a training profile<br>{escape_html(gene)} at %{{customdata:,.3~g}} TPM"
    figure.add_scatter(
        x=cohort_S2[:, 0].astype(np.float32),
        y=cohort_S2[:, 1].astype(np.float32),
        mode="markers",
        name=f"training profiles ({len(cohort_S2):,})",
        marker=marker,
        customdata=None if log1p_S is None else np.expm1(log1p_S).astype(np.float32),
        hovertemplate=hover + "<extra></extra>",
    )
    _draw_arrow(figure, before_2, after_2, predictor)
    _draw_patient(figure, before_2, size=14)
    _lay_out_map(figure, "The patient among the training profiles", explained_2, sample)
    explained = percent(float(explained_2.sum()))
    alt = (
        f"Hypothesis by {look(predictor).label}: {len(cohort_S2):,} training profiles and this patient (cross) on the "
        f"two main axes of the autoencoder's latent states, which hold {explained} of the cohort's variance. The "
        f"perturbations move the patient by {percent(distance, 1)} of the cohort's spread."
    )
    if log1p_S is not None:
        alt += f" Larger and brighter dots have a higher level of {gene}."
    return Chart(figure, alt, is_hypothesis=True)


def cohort_arrow(
    before_2: np.ndarray,
    after_2: Mapping[str, np.ndarray],
    explained_2: np.ndarray,
    *,
    sample: str = "",
) -> Chart:
    """Draw the arrow enlarged, beside those of the baselines.

    Parameters
    ----------
    before_2 : ndarray, shape (2,)
    after_2 : mapping of str to ndarray, shape (2,)
        By prediction method, the default first.
    explained_2
        As for `cohort_scatter`.
    """
    figure = go.Figure()
    first = next(iter(after_2))
    reach = {name: float(np.linalg.norm(to_2 - before_2)) for name, to_2 in after_2.items()}
    for name, to_2 in reversed(list(after_2.items())):
        _draw_arrow(figure, before_2, to_2, name, width=4 if name == first else 2, named=False)
    _draw_patient(figure, before_2, size=12)
    _lay_out_map(figure, "Direction of the predicted change, enlarged", explained_2, sample)
    # Wide enough for the default method's arrow, not for the longest: another may be a hundred times as long.
    half = max(reach[first] or max(reach.values()), 1e-9) * _HALF_WIDTH
    figure.update_xaxes(range=[before_2[0] - half, before_2[0] + half])
    figure.update_yaxes(range=[before_2[1] - half, before_2[1] + half])
    arrow_2 = after_2[first] - before_2
    others = []
    for name in (name for name in after_2 if name != first and reach[name] > 0 and reach[first] > 0):
        cosine = float((after_2[name] - before_2) @ arrow_2 / (reach[name] * reach[first]))
        length = digits(reach[name] / reach[first], 2)
        others.append(f"{look(name).label} {signed(cosine, 2)} at {length} times the length")
    alt = (
        "Hypothesis: the same patient and axes, enlarged, with an arrow for each prediction method. Compared with "
        f"{look(first).label}, by the cosine of the angle (1 is the same direction): {', '.join(others) or 'none'}."
    )
    return Chart(figure, alt, is_hypothesis=True)


def _draw_arrow(
    figure: go.Figure, from_2: np.ndarray, to_2: np.ndarray, predictor: str, *, width: int = 4, named: bool = True
) -> None:
    style = look(predictor)
    figure.add_scatter(
        x=[from_2[0], to_2[0]],
        y=[from_2[1], to_2[1]],
        mode="lines+markers",
        name=f"after, by {style.label}" if named else style.label,
        line={"color": style.colour, "width": width},
        # The head is the method's symbol; the tail is the patient.
        marker={"color": style.colour, "symbol": style.symbol, "size": [0, 10]},
        hovertemplate="after, by " + style.label + "<extra></extra>",
    )


def _draw_patient(figure: go.Figure, at_2: np.ndarray, size: int) -> None:
    figure.add_scatter(
        x=[at_2[0]],
        y=[at_2[1]],
        mode="markers",
        name="this patient, before",
        marker={"color": VIOLET, "symbol": "cross-thin-open", "size": size, "line": {"width": 3, "color": VIOLET}},
        hovertemplate="this patient, before<extra></extra>",
    )


def _lay_out_map(figure: go.Figure, title: str, explained_2: np.ndarray, sample: str) -> None:
    axes = [f"axis {i} ({percent(float(fraction))} of the variance)" for i, fraction in enumerate(explained_2, start=1)]
    lay_out(figure, title, *axes, subtitle=sample, height=520)
    figure.update_xaxes(zeroline=False)
    # Distances are the same along both axes.
    figure.update_yaxes(zeroline=False, scaleanchor="x", constrain="domain")
