"""How much of what counting noise allows each predictor hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cellstate.viz.style import VIOLET, Chart, lay_out, look, percent


def ceiling_bars(shares: Mapping[str, Sequence[float | None]], bins: Sequence[str], *, patients: str) -> Chart:
    """Draw shares of the noise ceiling per bin of true TPM as grouped bars.

    Parameters
    ----------
    shares : mapping of predictor to sequence of float or None
        One value a bin, 1 for the ceiling; None where a bin is empty. Predictors are keys of
        `cellstate.viz.style.LOOKS`.
    bins : sequence of str
    patients : str
        Whose, for the title.
    """
    figure = go.Figure()
    for predictor, values in shares.items():
        style = look(predictor)
        figure.add_bar(
            x=list(bins),
            y=[None if value is None else 100 * value for value in values],
            name=style.label,
            marker=style.bar,
            hovertemplate="%{y:.1f} % of the ceiling<extra>" + style.label + "</extra>",
        )
    figure.add_hline(y=100, line={"color": VIOLET, "dash": "dot", "width": 2})
    lay_out(
        figure, "Hits as a share of the noise ceiling", "true expression (TPM)", "of the ceiling (%)", below=patients
    )
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.06)
    figure.update_yaxes(range=[0, 108], ticksuffix=" %")
    figure.update_xaxes(type="category")
    said = []
    for i, name in enumerate(bins):
        hit = [f"{look(p).label} {percent(values[i])}" for p, values in shares.items() if values[i] is not None]
        if hit:
            said.append(f"{name} TPM: {', '.join(hit)}")
    alt = f"{patients}. {'. '.join(said)}. The dotted line is the ceiling that counting noise sets."
    return Chart(figure, alt)
