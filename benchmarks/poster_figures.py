"""The poster's four figures of any model, each as one HTML file that opens offline.

    python -m benchmarks.poster_figures FIGURE [--model DIR] [--samples FILE ...] --out FILE.html

FIGURE is network (widths of the layers), training (losses of each epoch), reconstruction (predicted against true, with
R2) or accuracy (per TPM bin, beside the baselines and the counting-noise ceiling). The last two reconstruct samples: by
default the three example tumours that were sequenced on the platform of the training cohort.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from msgspec import to_builtins
from plotly.io import to_html

from cellstate import evaluate, load_model, prepare_sample, read_samples
from cellstate.errors import CellStateError, print_error
from cellstate.evaluation.metrics import Tolerance
from cellstate.evaluation.reconstruction import Evaluation
from cellstate.files import resource_path
from cellstate.formatting import escape_html
from cellstate.model import Model
from cellstate.model.folder import HISTORY
from cellstate.report.narrative.model import bins_of
from cellstate.viz import Chart, accuracy_bars, density, training_curve
from cellstate.viz.style import LOOKS, lay_out

#: Example tumours of Illumina HiSeq, which `coadread` was trained on; no model was trained on them.
EXAMPLES = ("TCGA-AA-3502-01", "TCGA-AZ-6600-01", "TCGA-DY-A1DF-01")


def network(model: Model, samples: list[Path]) -> Chart:
    """Draw the width of each layer, on a logarithmic axis; the latent layer is named."""
    widths = model.config.widths
    names = ["genes", *(f"layer {i}" for i in range(1, len(widths) - 1)), "predicted genes"]
    names[model.config.latent_index] = "latent"
    figure = go.Figure()
    figure.add_bar(
        x=list(range(len(widths))),
        y=list(widths),
        text=[f"{width:,}" for width in widths],
        textposition="outside",
        marker_color=LOOKS["autoencoder"].colour,
    )
    lay_out(figure, "Widths of the layers", "", "units", height=420)
    figure.update_xaxes(tickvals=list(range(len(widths))), ticktext=names)
    figure.update_yaxes(type="log", range=[1, np.log10(max(widths)) + 0.3])
    return Chart(figure, f"{model.config.n_parameters:,} parameters; widths {', '.join(map(str, widths))}.")


def training(model: Model, samples: list[Path]) -> Chart:
    """Draw the losses of the model's training."""
    path = model.folder / HISTORY
    if not path.is_file():
        raise CellStateError("This model folder has no losses of a training.", "Train it: cellstate train fit.")
    return training_curve(pd.read_json(path, lines=True))


def reconstruction(model: Model, samples: list[Path]) -> Chart:
    """Draw predicted against true expression, with the pooled and the median R2 per gene."""
    done = _evaluated(model, samples)
    name = next(iter(done.predicted_tpm))
    drawn = density(np.ravel(done.truth_tpm_SG), np.ravel(done.predicted_tpm[name]), predictor=name)
    found = done.record()
    per_gene = "" if found.r2_gene_median is None else f", median R² of a gene {found.r2_gene_median:.3f}"
    return Chart(drawn.figure, f"{found.n_samples} samples: pooled R² {found.r2_pooled:.3f}{per_gene}. {drawn.alt}")


def accuracy(model: Model, samples: list[Path]) -> Chart:
    """Draw the share of values within tolerance in each bin of true TPM."""
    found, usual = _evaluated(model, samples).record(), Tolerance()
    bins = {name: [to_builtins(one) for one in values] for name, values in bins_of(found).items()}
    words = f"{100 * usual.relative:g}% plus {usual.absolute:g} TPM"
    return accuracy_bars(bins, [one.ceiling for one in found.bins], tolerance=words)


FIGURES: dict[str, Callable[[Model, list[Path]], Chart]] = {
    "network": network,
    "training": training,
    "reconstruction": reconstruction,
    "accuracy": accuracy,
}


def page(chart: Chart, model: str) -> str:
    """Return a figure with its text as one HTML page, the script that draws it inside."""
    drawn = to_html(chart.figure, include_plotlyjs=True, full_html=False, config={"displaylogo": False})
    title = escape_html(f"{chart.title}: {model}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1>{drawn}<p>{escape_html(chart.alt)}</p></body></html>"
    )


def _evaluated(model: Model, samples: list[Path]) -> Evaluation:
    read = [read_samples(path) for path in samples]
    return evaluate([prepare_sample(model, one.take([i])) for one in read for i in range(len(one))])


def main(arguments: list[str] | None = None) -> int:
    """Draw one figure; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=FIGURES)
    parser.add_argument("--model", metavar="DIR", help="a model folder, or the name of a shipped one")
    parser.add_argument("--samples", nargs="+", type=Path, metavar="FILE", help="profiles to reconstruct")
    parser.add_argument("--out", required=True, type=Path, metavar="HTML")
    options = parser.parse_args(arguments)
    examples = [resource_path("data", "examples") / f"{name}.tpm.tsv.gz" for name in EXAMPLES]
    try:
        model = load_model(options.model)
        chart = FIGURES[options.figure](model, options.samples or examples)
    except CellStateError as error:
        return print_error(error)
    options.out.write_text(page(chart, model.config.name), encoding="utf-8")
    print(chart.alt)
    return 0


if __name__ == "__main__":
    sys.exit(main())
