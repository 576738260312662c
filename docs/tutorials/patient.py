# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A patient, from file to candidates
#
# You have the RNA-seq profile of one tumour and want a short list of genes that are worth a knock-out experiment. This
# notebook reads the file, checks that the model knows such samples, knocks a gene out, and ranks candidates toward a
# goal. Every prediction is a **hypothesis** for the laboratory.

# %%
import pandas as pd

from cellstate import (
    Perturbation,
    load_model,
    predict,
    prepare_sample,
    read_goal,
    read_samples,
    regulators,
    screen,
    titrate,
)
from cellstate.evaluation.ood import ood_scores
from cellstate.evaluation.reliability import reliability_table
from cellstate.files import resource_path
from cellstate.viz import activity_bars, expression_change_scatter, screen_bars, titration_lines, top_gene_bars

pd.set_option("display.width", 120, "display.precision", 3)

# %% [markdown]
# ## Read the file
#
# Any format will do: the reader detects format, orientation, gene names and unit, and says how sure it is of each. Put
# the path of your own file in the place of the example tumour.

# %%
samples = read_samples(resource_path("data", "examples") / "TCGA-AA-3502-01.tpm.tsv.gz")
pd.DataFrame([(d.name, d.value, d.confidence, d.reason) for d in samples.report.decisions]).set_axis(
    ["decision", "value", "confidence", "reason"], axis=1
)

# %% [markdown]
# ## Does the model know such samples?
#
# `load_model()` opens the shipped colorectal model. A sample that is out of distribution gets predictions too, but none
# of them counts as reliable.

# %%
model = load_model()
sample = prepare_sample(model, samples)
ood = ood_scores([sample])[0]
print(ood.sentence)

# %% [markdown]
# ## Knock out a gene
#
# The perturbed gene takes the level that you set. Every other gene changes as the prediction method says; the columns
# of the other methods are beside it.

# %%
prediction = predict(sample, [Perturbation("TP53", "knock-out")])
table = reliability_table(prediction, is_ood=ood.is_ood)
table.filter(["gene", "tpm_before", "tpm_after", "log2_fold_change", "is_reliable", "reason"]).head(8)

# %%
expression_change_scatter(table, predictor=prediction.predictor, sample=sample.name).figure

# %% [markdown]
# Points far from the line at 0 change most. Lowly expressed genes on the left change easily and mean little.

# %%
top_gene_bars(table, list(prediction.baseline_log1p_after), predictor=prediction.predictor).figure

# %% [markdown]
# How does the answer depend on the level? A titration sets the gene from 0 to 16 times its level.

# %%
found = titrate(sample, "TP53")
titration_lines(
    found.responders(),
    sample=found.sample,
    gene=found.gene,
    present_tpm=found.present_tpm,
    usual_tpm=found.usual_tpm,
).figure

# %% [markdown]
# ## Candidates toward a goal
#
# A goal says which way the sample should go. Here: toward the quarter of the cohort with high CDX2, a marker of
# differentiated colon. The candidates are all genes; `fdr` corrects for their number.

# %%
goal = read_goal("cohort:high:CDX2", sample)
ranking = screen(sample, goal, perturbations=["ko"])
ranking.table[["gene", "score", "score_per_sd", "fraction_of_distance", "p", "fdr"]].head(8)

# %%
others = [name.removeprefix("score_") for name in ranking.table if name.startswith("score_") and name != "score_per_sd"]
shown = ranking.table.assign(name=ranking.table["gene"])
screen_bars(shown, "Knock-out", others, predictor=ranking.predictor).figure

# %% [markdown]
# The panels are the prediction methods. A candidate that several of them rank highly is the better hypothesis; methods
# that learn from the same samples can still agree and be wrong.
#
# ## Candidates without a goal
#
# Which transcription factors are more, or less, active than in the closest normal tissue? This needs the model that
# knows normal tissue.

# %%
human = load_model("human")
drivers = regulators([prepare_sample(human, samples)])
print(drivers.reference)
activity_bars(drivers.table(), drivers.reference).figure

# %% [markdown]
# ## What next
#
# Take the two or three candidates that stand beyond chance, that the methods agree on, and that are `is_reliable`. Read
# what is known of them, and test them: [validate with your own knock-out](validate.py) compares your experiment with
# the prediction.
