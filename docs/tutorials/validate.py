# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Validate with your own knock-out
#
# You knocked a gene out, and sequenced control and treated samples. This notebook puts the measured change beside the
# predicted one, by every method. The prediction sees the control samples alone.
#
# The experiment below is **made up**, so that the notebook runs anywhere: put your own two groups in its place.

# %%
import numpy as np
import pandas as pd

from cellstate import Perturbation, Samples, compare, load_model, read_samples
from cellstate.files import resource_path
from cellstate.genes import gene_axis
from cellstate.perturb.sample import prepare_samples
from cellstate.viz import experiment_scatter

pd.set_option("display.width", 120, "display.precision", 3)

# %% [markdown]
# ## Two groups
#
# With files of your own: `control = read_samples("control.csv")` and `treated = read_samples("treated.csv")`.
#
# The made-up control group is one tumour with three noisy replicates. In the treated group TP53 is gone, forty genes
# fall or rise as nobody has measured, and all else is noise.

# %%
rng = np.random.default_rng(0)
tumour = read_samples(resource_path("data", "examples") / "TCGA-AA-3502-01.tpm.tsv.gz")


def replicates(profile: np.ndarray, names: tuple[str, ...]) -> Samples:
    noise = rng.normal(0, 0.15, (len(names), len(profile)))
    return Samples(names, (profile * np.exp2(noise)).astype(np.float32), np.full(len(names), np.nan))


before = tumour.tpm_SA[0]
after = before.copy()
after[gene_axis().symbol.index("TP53")] = 0
responders = rng.choice(np.flatnonzero(before > 10), 40, replace=False)
after[responders] *= np.exp2(rng.choice([-1.5, 1.5], 40))

control = replicates(before, ("made-up-control-1", "made-up-control-2", "made-up-control-3"))
treated = replicates(after, ("made-up-treated-1", "made-up-treated-2", "made-up-treated-3"))

# %% [markdown]
# ## Compare
#
# Name what was done: `knock-out`, or `knock-down` with the measured fraction, for example
# `Perturbation("HOXA1", "knock-down", 50)`.

# %%
model = load_model()
experiment = compare(
    prepare_samples(model, control), prepare_samples(model, treated), [Perturbation("TP53", "knock-out")]
)
experiment.table[["gene", "tpm_control", "tpm_treated", "measured_log2", "predicted_log2", "is_reliable"]].head(8)

# %%
experiment_scatter(experiment.table, predictor=experiment.predictor, perturbations="TP53 knock-out").figure

# %% [markdown]
# `pearson_delta` is the correlation of predicted and measured change; 0 is chance. `sign_accuracy` is the share of the
# most changed genes whose direction is right; 0.5 is chance. The responders were drawn at random, so chance is what
# every method should reach here.

# %%
pd.DataFrame({name: vars(one) for name, one in experiment.agreement.items()}).T

# %% [markdown]
# ## Was the gene perturbed?
#
# Look at the perturbed gene itself before you blame the prediction: a knock-down that did not work cannot agree.

# %%
experiment.perturbed

# %% [markdown]
# ## What to expect
#
# On real knock-outs no method of CellState predicts amounts: see [Evidence](../concepts/evidence.md). Your experiment
# is worth more than the prediction. If many of them fail for the genes that you care about, do not use the predictions
# for choosing the next ones.
#
# The same on the command line, with your files:
# `cellstate compare --control control.csv --treated treated.csv --perturb TP53=ko`.
