# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Beside pydeseq2 and decoupler
#
# You have two groups of samples, a table of differential expression, and activities of gene sets. What does CellState
# add? Each tool answers another question:
#
# | tool | question | needs | answer |
# | --- | --- | --- | --- |
# | pydeseq2 | which genes **differ** between two groups? | counts of several samples a group | measured |
# | decoupler | which known **gene sets** do they look like? | that table, and gene sets | measured, summed up |
# | CellState | what **would change** if a gene were perturbed? | one sample | predicted: a **hypothesis** |
#
# This notebook asks all three about the same AnnData. It needs the packages `pydeseq2` and `decoupler` beside
# CellState, and downloads nothing.

# %%
import warnings

# decoupler asks for a progress bar that only a notebook with widgets can draw.
warnings.filterwarnings("ignore", message="IProgress not found")

import decoupler as dc
import numpy as np
import pandas as pd
import plotly.express as px
from anndata import AnnData
from pydeseq2.dds import DeseqDataSet
from pydeseq2.ds import DeseqStats

from cellstate import (
    Perturbation,
    Samples,
    load_model,
    predict,
    read_goal,
    regulators,
    screen,
)
from cellstate.genes import gene_axis
from cellstate.model.cohort import load_profiles
from cellstate.perturb.sample import prepare_samples
from cellstate.resources import resource_path
from cellstate.viz import screen_bars

pd.set_option("display.width", 120, "display.precision", 3)

# %% [markdown]
# ## Two groups in one AnnData
#
# The shipped colorectal model carries the profiles of its training cohort, tumours of The Cancer Genome Atlas, without
# names. In some of them MLH1, a gene of mismatch repair, is hardly expressed: its promoter is usually methylated there,
# and such tumours collect mutations at microsatellites. Those are one group; as many of the others, drawn at random,
# are the second.

# %%
model = load_model("coadread")
tpm = np.expm1(load_profiles(model).log1p_SG)
symbols = list(model.space.symbols)
mlh1 = tpm[:, symbols.index("MLH1")]

silenced = np.flatnonzero(mlh1 < 3)
rng = np.random.default_rng(0)
expressed = rng.choice(np.flatnonzero(mlh1 > 8), len(silenced), replace=False)
rows = np.concatenate([silenced, expressed])
adata = AnnData(
    X=tpm[rows],
    obs=pd.DataFrame(
        {"mlh1": ["silenced"] * len(silenced) + ["expressed"] * len(expressed)},
        index=[f"tumour-{row:03}" for row in rows],
    ),
    var=pd.DataFrame({"ensembl": list(model.space.ensembl)}, index=symbols),
)

# %% [markdown]
# pydeseq2 needs counts, and these profiles are TPM. Counts are TPM times gene length, here at a depth of 30 million
# reads, which is how tximport makes counts of abundances too. **With counts of your own, leave this cell out.**

# %%
length = np.asarray(gene_axis().length_bp)[model.space.axis_index_G]
share = adata.X * length
adata.layers["counts"] = np.rint(3e7 * share / share.sum(axis=1, keepdims=True))
adata

# %% [markdown]
# ## pydeseq2: which genes differ?

# %%
counts = adata.to_df("counts").astype(int)
counts = counts.loc[:, counts.mean() >= 10]
once = {"quiet": True, "n_cpus": 1}
dds = DeseqDataSet(counts=counts, metadata=adata.obs, design="~mlh1", **once)
dds.deseq2()
tested = DeseqStats(dds, contrast=["mlh1", "silenced", "expressed"], **once)
tested.summary()
measured = tested.results_df
measured.sort_values("pvalue").head(8)

# %% [markdown]
# MLH1 is first because the groups were made by it. EPM2AIP1, the next, starts at the same promoter, which is methylated
# for both. CLDN18 and AQP5, genes of the stomach, are known of such tumours.

# %%
shown = measured.dropna(subset="padj").rename_axis("gene").reset_index()
shown["significant"] = np.where(shown["padj"] < 0.05, "FDR < 5%", "no")
shown["−log10 p"] = -np.log10(shown["pvalue"].clip(lower=1e-30))
px.scatter(
    shown,
    x="log2FoldChange",
    y="−log10 p",
    color="significant",
    color_discrete_map={"FDR < 5%": "#D64A2E", "no": "#7D8894"},
    hover_name="gene",
    opacity=0.5,
    render_mode="svg",
    range_x=[-10, 10],
    labels={"log2FoldChange": "measured difference (log2)", "−log10 p": "−log10 p (at most 30)"},
    title="Measured: MLH1 silenced against expressed",
)

# %% [markdown]
# ## decoupler: which gene sets do the differences look like?
#
# decoupler takes the statistic of each gene and a table of sets. CellState ships the hallmark sets of MSigDB (CC BY
# 4.0). The regulons of CollecTRI are not shipped, because their licence (GPL-3) does not go with that of CellState:
# `dc.op.collectri()` downloads them.

# %%
path = resource_path("data", "gene_sets", "h.all.v7.0.symbols.gmt")
hallmark = dc.pp.read_gmt(str(path)).drop_duplicates()
statistic = measured["stat"].dropna().to_frame("measured").T
ulm, ulm_fdr = dc.mt.ulm(statistic, hallmark)
mlm, mlm_p = dc.mt.mlm(statistic, hallmark)
activity = pd.concat([ulm, ulm_fdr, mlm, mlm_p]).T
activity.columns = ["ulm", "ulm FDR", "mlm", "mlm p"]
activity.index = activity.index.str.removeprefix("HALLMARK_")
strongest = activity.loc[activity["ulm"].abs().nlargest(12).index]
strongest

# %%
px.bar(
    strongest[["ulm", "mlm"]].iloc[::-1],
    orientation="h",
    barmode="group",
    color_discrete_map={"ulm": "#0072B2", "mlm": "#E69F00"},
    labels={"value": "activity (t)", "index": "", "variable": ""},
    title="Measured: gene sets that differ, by two methods of decoupler",
)

# %% [markdown]
# ulm fits each set alone; mlm fits all of them together, so sets that share genes share the difference, and its
# p-values are not corrected for their number. Both say what the difference looks like, not what caused it.
#
# ## CellState: what would change if MLH1 were knocked out?
#
# `predict` takes the same AnnData and returns one: each tumour with MLH1 is asked alone, and the others are not used.
# Here it reads the layer of counts, as it would read yours.

# %%
knocked_out = predict(
    adata[adata.obs["mlh1"] == "expressed"],
    [Perturbation("MLH1", "knock-out")],
    model=model,
    layer="counts",
    unit="counts",
)
knocked_out

# %% [markdown]
# Now each gene has two changes: the measured difference between the groups, and the predicted effect of the knock-out,
# here the mean over the tumours. Are they alike, and by which method?

# %%
knocked_out.var_names = knocked_out.var["symbol"].astype(str)
default = knocked_out.uns["cellstate"]["predictor"]
change = pd.DataFrame(
    {
        name.removeprefix("log2_fold_change").strip("_") or default: knocked_out.to_df(name).mean()
        for name in knocked_out.layers
        if name.startswith("log2_fold_change")
    }
).drop(index="MLH1")
# One method changes nothing by definition; one starts from transcription factors, and MLH1 is none.
change = change.loc[:, change.any()]
both = change.join(measured["log2FoldChange"].rename("measured"), how="inner")
both[list(change)].corrwith(both["measured"]).rename("correlation with the measured").to_frame()

# %%
named = both[default].abs().nlargest(3).index
px.scatter(
    both.assign(gene=both.index, name=both.index.where(both.index.isin(named), "")),
    x="measured",
    y=default,
    text="name",
    hover_name="gene",
    opacity=0.5,
    render_mode="svg",
    range_x=[-10, 10],
    labels={"measured": "measured difference (log2)", default: f"predicted by {default} (log2)"},
    title="A measured difference and a predicted effect",
).update_traces(textposition="top center")

# %% [markdown]
# EPM2AIP1 shows best what this is worth: predicted and measured agree, and yet it is no effect of MLH1. One methylated
# promoter silences both; a knock-out of MLH1 would leave EPM2AIP1 alone. So a high correlation here is **no
# validation**, and a low one no refutation. The groups differ in all that separates two kinds of tumours; the
# prediction says what goes along with less MLH1 in one tumour. Co-expression is closest to the measured difference
# because it is the same kind of number: both ask what varies together with MLH1, in the tumours that this model was
# trained on. Only an experiment tells an effect of MLH1 from its company: see
# [Validate with your own knock-out](validate.py).

# %% [markdown]
# The predicted change is a layer, so decoupler reads it like any other:

# %%
dc.mt.ulm(knocked_out, hallmark, layer="log2_fold_change")
sets = pd.DataFrame({"measured": ulm.loc["measured"], "predicted": knocked_out.obsm["score_ulm"].mean()})
sets.index = sets.index.str.removeprefix("HALLMARK_")
named = sets["predicted"].abs().nlargest(3).index
px.scatter(
    sets.assign(set=sets.index, name=sets.index.where(sets.index.isin(named), "")),
    x="measured",
    y="predicted",
    text="name",
    hover_name="set",
    range_x=[-12, 14],
    labels={"measured": "activity, measured", "predicted": "activity, predicted"},
    title="Gene sets in the measured difference and in the predicted change",
).update_traces(textposition="top center", textfont_size=10)

# %% [markdown]
# The two disagree about cell division (E2F targets). As a group, tumours without MLH1 divide more than the others; but
# among tumours that express it, MLH1 goes along with the genes of cell division, so the prediction lets them fall with
# it. A group difference is not the effect of the gene that names the group, and a prediction is not a measurement.

# %% [markdown]
# ## Which perturbation would move a tumour?
#
# Differential expression gives a goal: the genes that differ most. `screen` ranks the knock-outs that would move one
# tumour towards it.

# %%
ranked = measured.drop(index="MLH1").dropna(subset="padj").sort_values("stat").index
down, up = ranked[:50], ranked[-50:]
goal = "genes:" + ",".join([*("-" + gene for gene in down), *("+" + gene for gene in up)])

samples = Samples.from_anndata(adata, layer="counts", unit="counts")
tumours = prepare_samples(model, samples)
silent, others = tumours[: len(silenced)], tumours[len(silenced) :]
found = screen(others[0], read_goal(goal, others[0]), perturbations=["ko"])
found.table[["gene", "score", "fraction_of_distance", "p", "fdr"]].head(8)

# %%
columns = found.table.filter(regex="^score_(?!per_sd)").columns
methods = list(columns.str.removeprefix("score_"))
table = found.table.assign(name=found.table["gene"])
screen_bars(table, "Knock-out", methods, predictor=found.predictor).figure

# %% [markdown]
# Of all genes, the search finds the one by which the groups were made; the goal did not name it. But the model learnt
# from these very tumours, and among so many candidates such a p-value comes by chance too, as the FDR says. Some that
# follow, such as HM13, MAPRE1 and KIF3B, are neighbours on chromosome 20q, of which the other kind of tumour often has
# more copies: they mark the group, and need not drive anything. Look for candidates on which the panels agree, and ask
# what else each could stand for.
#
# `regulators` needs no goal. Which transcription factors are more, or less, active in each silenced tumour than in the
# tumours with MLH1? Their targets are what the model learnt from data, where decoupler takes them from the literature.
# The table counts the tumours in which each is called at an FDR of 10%.

# %%
drivers = regulators(silent, against=others, against_label="tumours with MLH1")
drivers.recurrence()[["gene", "n_more_active", "n_less_active", "mean_z"]].head(8)

# %% [markdown]
# ## Which answer for which question
#
# | you ask | take | it does not say |
# | --- | --- | --- |
# | Which genes differ between my groups? | pydeseq2 | what causes the difference |
# | Which processes does that look like? | decoupler | how active a protein is |
# | What would a knock-out do in this sample? | `predict` | what was measured, or an amount |
# | Which genes are worth an experiment? | `screen`, `regulators`, and both above | what causes what |
#
# They fit together in this order: differential expression makes the goal, activities make it readable, and CellState
# proposes which gene to perturb in which sample. The experiment then brings two new groups for pydeseq2, and
# `compare` puts them beside the prediction.
#
# With tumours of your own, take samples that the model has not seen, and check them first: see
# [A patient](patient.py).
