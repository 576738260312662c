# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A cohort
#
# Several samples at once: quality control, which of them the model knows, what one knock-out does to each, and which
# regulators recur. The six example tumours stand for your cohort. Every prediction is a **hypothesis**.

# %%
import numpy as np
import pandas as pd
import plotly.express as px

from cellstate import Perturbation, Samples, evaluate, load_model, predict, read_samples, regulators
from cellstate.evaluation.ood import ood_scores
from cellstate.files import resource_path
from cellstate.perturb.sample import prepare_samples

pd.set_option("display.width", 120, "display.precision", 3)

# %% [markdown]
# ## One table of samples
#
# `read_samples` reads a table with many samples, an AnnData file, or an archive with one file a sample. Files that were
# read one by one are put together like this:

# %%
files = sorted(resource_path("data", "examples").glob("*.tsv.gz"))
parts = [read_samples(path) for path in files]
samples = Samples(
    names=tuple(name for part in parts for name in part.names),
    tpm_SA=np.concatenate([part.tpm_SA for part in parts]),
    library_size_S=np.concatenate([part.library_size_S for part in parts]),
)
samples.to_anndata()

# %% [markdown]
# ## Which of them does the model know?

# %%
model = load_model()
prepared = prepare_samples(model, samples)
scores = ood_scores(prepared)
quality = pd.DataFrame(
    {
        "detected genes": samples.detected_genes_S,
        "OOD score": [one.score for one in scores],
        "out of distribution": [one.is_ood for one in scores],
    },
    index=pd.Index(samples.names, name="sample"),
)
quality

# %% [markdown]
# Three of the tumours were sequenced on Illumina GA, which measures about 2,200 genes fewer. How well are the
# profiles reconstructed, beside the gene mean and PCA?

# %%
evaluation = evaluate(prepared)
record = evaluation.record()
print(f"median R² of a gene: {record.r2_gene_median:.3f}; pooled: {record.r2_pooled:.3f}")

# %% [markdown]
# Six tumours are few for a variance between tumours: read the figures of the model's held-out patients beside these.
#
# ## One knock-out in every sample

# %%
changes = pd.DataFrame(
    {
        one.name: predict(one, [Perturbation("TP53", "knock-out")]).table().set_index("gene")["log2_fold_change"]
        for one in prepared
    }
)
changes = changes.drop(index="TP53")
top = changes.loc[changes.abs().mean(axis=1).nlargest(20).index]
px.imshow(
    top,
    color_continuous_scale="RdBu_r",
    color_continuous_midpoint=0,
    aspect="auto",
    labels={"color": "log2 change", "x": "", "y": ""},
    title="Predicted change by a knock-out of TP53",
)

# %% [markdown]
# The default method is linear: what a change of TP53 does per SD is the same in all samples, and the amounts differ by
# the level of TP53 that each tumour has to lose.
#
# ## Regulators that recur

# %%
human = load_model("human")
found = regulators(prepare_samples(human, samples))
activity = pd.DataFrame({name: found.table(i).set_index("gene")["z"] for i, name in enumerate(found.samples)})
recurrent = activity.loc[activity.median(axis=1).abs().nlargest(15).index].sort_values(activity.columns[0])
px.imshow(
    recurrent,
    color_continuous_scale="RdBu_r",
    color_continuous_midpoint=0,
    aspect="auto",
    labels={"color": "z", "x": "", "y": ""},
    title="Activity against each tumour's closest normal state",
)

# %% [markdown]
# A regulator that is extreme in every tumour may tell one laboratory from another instead of tumour from normal. With
# normal samples of your own laboratory, give them as the reference: `regulators(..., against=...)`.
#
# For hundreds of samples, the command does the same in parallel: `cellstate train regulators STORE --out DIR`.
