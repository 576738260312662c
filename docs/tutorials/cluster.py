# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Train the poster's network on a cluster
#
# The network of the "Cell State Model" poster has 1,179,408,383 parameters and was trained on 237,824 samples with 96
# GPUs. This notebook plans such a run on your machine; the steps marked **cluster** are the run itself.

# %%
import json
import subprocess
import sys
import tomllib

import pandas as pd
import plotly.express as px

from cellstate import load_model
from cellstate.cli.train import trainer_module
from cellstate.model import preset
from cellstate.viz import training_curve

# %% [markdown]
# ## The settings
#
# Every choice is in one file, with its reason; what the poster publishes and what is ours is marked in its comments.

# %%
config = trainer_module("config").CONFIGS / "poster-geo.toml"
settings = tomllib.loads(config.read_text())
pd.Series({"hidden layers": settings["network"]["hidden"]} | settings["loop"]).to_frame("poster-geo")

# %% [markdown]
# ## The data (cluster)
#
# ARCHS4 has the human RNA-seq of GEO, aligned in one way. The store of 237,824 samples takes 9.2 GB; every node must
# read it.
#
# ```bash cluster
# cellstate train ingest archs4 human_gene_v2.latest.h5 --out data/stores/archs4
# ```
#
# ## The plan
#
# Memory, exchange and time of each strategy, each with its formula. A plan is a prediction: times follow from stated
# rates of the hardware.

# %%
command = "train plan poster-geo --gpus 96 --hardware a100-80g --samples 237824 --json"
done = subprocess.run([sys.executable, "-m", "cellstate", *command.split()], capture_output=True, text=True, check=True)
planned = json.loads(done.stdout)
pd.DataFrame(
    {
        kind: {name: f"{figure['value']:.4g} {figure['unit']}" for name, figure in one["figures"].items()}
        for kind, one in planned["strategies"].items()
    }
)

# %%
print(planned["recommended"]["why"])

# %% [markdown]
# How much do more GPUs help at this batch size? The same plan in Python, for several numbers of them:

# %%
planner = trainer_module("plan")
network, hardware = preset("poster"), planner.read_hardware("a100-80g")
loop = settings["loop"]
rows = []
for gpus in (8, 16, 32, 64, 96):
    job = planner.Workload(network, loop["batch_size"], gpus, samples=237_824, epochs=loop["epochs"])
    for kind, one in planner.plan(job, hardware)[0].items():
        rows.append({"GPUs": gpus, "strategy": kind, "minutes": one.figures["run"].value / 60})
px.line(pd.DataFrame(rows), x="GPUs", y="minutes", color="strategy", markers=True, title="35 epochs, planned")

# %% [markdown]
# ## The run (cluster)
#
# The Slurm scripts are in `train/cluster` of a checkout. Each job prints the plan first, saves checkpoints, and queues
# itself again after a time limit.
#
# ```bash cluster
# sbatch --account=ACCOUNT --partition=PARTITION train/cluster/slurm-12x8-a100.sh
# ```
#
# One GPU of 80 GB is enough too, more slowly:
#
# ```bash cluster
# torchrun --standalone --nproc-per-node 1 -m cellstate train fit poster-geo
# ```
#
# ## Read the curve
#
# A finished run writes `history.jsonl` into its model folder. Here is that of the shipped colorectal model, drawn by
# the same function:

# %%
shipped = load_model()
training_curve(pd.read_json(shipped.folder / "history.jsonl", lines=True)).figure

# %% [markdown]
# What our runs of the published network showed, figure by figure: [Reproduce the poster](../reproduce-the-poster.md).
