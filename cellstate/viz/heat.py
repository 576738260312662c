"""Several edits beside each other: what each moves alone, and all of them together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cellstate.viz.style import DIVERGING, Chart, cut, lay_out, listed, literal, look

#: Up to so many columns, numbers fit into the cells; beyond, a sign does.
NUMBERED = 8
#: Longer names are cut in the heading of a column.
_LONGEST = 18
_CELL_PX = 19


def edit_heat(shifts: pd.DataFrame, *, predictor: str = "autoencoder", sample: str = "") -> Chart:
    """Draw the shift of some genes (down) by several edits (across) as a heat map.

    Genes stand below each other, so that they can be read, also on a phone.

    Parameters
    ----------
    shifts : DataFrame
        log2 of TPM + 1; one row a gene, named by the index, and one column an edit, then what all do together and what
        that is beyond the sum of each alone, in the order in which they are drawn.
    predictor : str, optional
        Whose shifts: a key of `cellstate.viz.style.LOOKS`.
    sample : str, optional
        Named in the title.
    """
    who, z = look(predictor).label, shifts.to_numpy(float)
    limit = float(np.abs(z).max(initial=0.0)) or 1.0
    genes = [literal(str(gene)) for gene in shifts.index]
    names = [literal(str(name)) for name in shifts.columns]
    n_digits = 2 if limit >= 0.1 else 3
    if len(names) <= NUMBERED:
        text = [["0" if abs(v) < 0.5 * 10**-n_digits else f"{v:+.{n_digits}f}" for v in row] for row in z]
    else:
        text = [["" if abs(v) < limit / 50 else "+" if v > 0 else "−" for v in row] for row in z]
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=np.arange(len(names)),
            y=np.arange(len(genes)),
            zmin=-limit,
            zmax=limit,
            xgap=2,
            ygap=1,
            colorscale=DIVERGING,
            text=text,
            texttemplate="%{text}",
            textfont={"size": 11},
            customdata=np.stack(
                [np.broadcast_to(np.array(genes, object)[:, None], z.shape), np.broadcast_to(names, z.shape)], axis=-1
            ),
            hovertemplate="<b>%{customdata[0]}</b>: %{z:+.4f} log2<br>%{customdata[1]}<extra></extra>",
            colorbar={
                "title": {"text": "shift (log2)", "side": "bottom"},
                "orientation": "h",
                "thickness": 12,
                "nticks": 5,
                "tickformat": "+.2~g",
                "yref": "container",
                "y": 0,
                "yanchor": "bottom",
            },
        )
    )
    lay_out(figure, f"{who}: what each edit moves", "", "", below=sample, height=300 + _CELL_PX * len(genes))
    # Headings in two lines where there is room, upright where they would cover each other, below the title.
    figure.update_layout(margin={"t": 160 if len(names) > NUMBERED else 132})
    heads = [literal(cut(str(name), _LONGEST)).replace(" ", "<br>", 1) for name in shifts.columns]
    figure.update_xaxes(
        tickvals=np.arange(len(names)), ticktext=heads, autotickangles=[0, -90], side="top", showgrid=False, title=None,
        tickfont={"size": 11},
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=np.arange(len(genes)), ticktext=genes, autorange="reversed", showgrid=False, title=None,
        tickfont={"size": 11},
    )  # fmt: skip
    if not z.size:
        return Chart(figure, "No gene is left that was not edited.")
    beyond = float(np.abs(z[:, -1]).max())
    first = listed([f"{gene} {value:+.3f}" for gene, value in shifts.iloc[:3, -2].items()])
    alt = (
        f"Hypothesis by {who}: shifts (log2 of TPM + 1) of the {len(genes)} genes that move most, blue down and orange "
        f"up, by {len(names) - 2} edits alone and together. Together: {first}. "
        + (
            "For these genes, together is the sum of each alone."
            if beyond < limit / 1000
            else f"Together and the sum of each alone differ by {beyond:.2g} at most."
        )
    )
    return Chart(figure, alt)
