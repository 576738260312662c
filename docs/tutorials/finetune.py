# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Fine-tune to your disease
#
# The base model `human` knows tissues, tumours, blood and cell lines. A cohort of your own disease can adapt it: the
# new model covers your genes, takes your levels, and learns a few epochs. A dozen samples run through; for a model that
# you rely on, count in hundreds.
#
# The cohort here is small and **made up**, so that the notebook takes a minute: mixtures of the six example tumours
# with noise. Put your own files in its place.

# %%
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cellstate import load_model, read_samples
from cellstate.files import resource_path
from cellstate.genes import gene_axis
from cellstate.viz import training_curve

# %% [markdown]
# ## A cohort
#
# One table, genes in rows and samples in columns. If patients have several samples, say so in the table of series, so
# that no patient is in both training and test data.

# %%
rng = np.random.default_rng(0)
files = sorted(resource_path("data", "examples").glob("*.tsv.gz"))
log_tpm = np.log1p(np.concatenate([read_samples(path).tpm_SA for path in files]))
measured = ~np.isnan(log_tpm).any(axis=0)
shares = rng.dirichlet(np.ones(len(files)), size=40)
mixed = shares @ log_tpm[:, measured] + rng.normal(0, 0.25, (40, measured.sum()))
genes = np.array(gene_axis().ensembl)[measured]
names = [f"made-up-{i + 1}" for i in range(40)]
Path("cohort").mkdir()
table = pd.DataFrame(np.expm1(mixed.clip(0)).T, index=pd.Index(genes, name="gene_id"), columns=names)
table.round(3).to_csv("cohort/tpm.csv")
table.iloc[:3, :4]

# %% [markdown]
# ## A store
#
# `ingest` converts to TPM, filters by quality, finds near-duplicates, and splits. The made-up mixtures resemble each
# other, so the limit for duplicates is 1; leave it on for real samples.


# %%
def cellstate(*words: str) -> dict:
    """Run a command and return its JSON document, the last line of its output."""
    done = subprocess.run([sys.executable, "-m", "cellstate", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


cellstate("train", "ingest", "table", "cohort/tpm.csv", "--out", "store", "--duplicates", "1", "--split", "70,15,15")

# %% [markdown]
# ## The settings
#
# One file; `cellstate train finetune NAME` takes a shipped one by its name.

# %%
Path("mine.toml").write_text(f"""
[base]
model = "{resource_path("models", "human").as_posix()}"
name = "mine"
standardise = "shrunk"
learn = "all"
layer_decay = 0.8

[data]
store = "store"
min_detected = 0.05

[loop]
epochs = 4
batch_size = 8
learning_rate = 1e-4
warmup_steps = 5
patience = 4

[output]
folder = "mine"
dtype = "float16"
""")

# %% [markdown]
# ## Train
#
# The run writes a model folder: weights, baselines, calibration, evidence and a model card. If it is interrupted, the
# same command continues it.

# %%
result = cellstate("train", "finetune", "mine.toml")
sorted(path.name for path in Path("mine").iterdir())

# %% [markdown]
# ## Did it learn?
#
# A falling curve shows that the network learns, not that it learns more than a linear method. The second table puts it
# beside PCA of its width and the gene mean, on the samples that were held out.

# %%
history = pd.read_json("mine/history.jsonl", lines=True)
training_curve(history).figure

# %%
evaluation = load_model("mine").record.evaluation
rows = {
    split: {"this model": one.r2_gene_median}
    | {str(name): other.r2_gene_median for name, other in one.baselines.items()}
    for split, one in evaluation.items()
}
pd.DataFrame(rows).T.rename_axis("median R² of a gene")

# %% [markdown]
# ## Use it
#
# Every command takes `--model mine`, and `CELLSTATE_MODEL=mine cellstate app` serves it. Its default method is decided
# by evidence: until the benchmarks of regulons and real perturbations are recorded in its folder, none is confirmed.
# See [How-to: train and record a model](../how-to/train.md).
