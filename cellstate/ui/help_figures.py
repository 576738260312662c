"""How to read each figure: what it shows, where to look first, and what it does not say."""

from __future__ import annotations

from dataclasses import dataclass

from cellstate.viz.style import LOOKS


@dataclass(frozen=True)
class Figure:
    """A figure of the app.

    Attributes
    ----------
    drawn_by : tuple of str
        Functions of `cellstate.viz`.
    name : str
    page : str
        Where it is drawn: the name of a file of pages/, without its ending.
    shows, look, beware : str
        Axes and marks; where to look first; what it does not say.
    """

    drawn_by: tuple[str, ...]
    name: str
    page: str
    shows: str
    look: str
    beware: str


#: Pages that draw figures, in the order of the menu.
PAGES = {
    "sample": "Sample",
    "perturb": "Perturb",
    "regulators": "Regulators",
    "accuracy": "Accuracy",
    "experiment": "Experiment",
    "quality": "How good is this?",
    "model": "Model",
}

FIGURES: tuple[Figure, ...] = (
    Figure(
        ("expression_histogram",),
        "Expression of the measured genes",
        "sample",
        "How many genes (upward) have which expression (rightward): bars for this sample, a dashed line for the mean "
        "of the training samples.",
        "A sample like the training samples follows the line, but for more silent genes.",
        "Bars that lie to one side of the line speak of another unit, another method or a shallow library.",
    ),
    Figure(
        ("shift_scatter",),
        "Shift of every gene",
        "perturb",
        "Each point is a gene that was not edited: expression before (rightward) and predicted shift (upward, log2). "
        "Coloured circles are trusted, grey crosses are not. Points that you select choose the rows of the table, and "
        "rows that you tick are named in the figure.",
        "Points far above or below the line at 0. The quiet genes on the left move easily and mean little.",
        "It is no volcano plot: one deterministic prediction has no p-value.",
    ),
    Figure(
        ("top_genes",),
        "The genes that shift most",
        "perturb",
        "Bars of the largest predicted shifts, one panel a predictor.",
        "Whether the panels agree on the direction. Where they do, more than one method says so.",
        "Each panel has its own scale: compare directions and order, not lengths.",
    ),
    Figure(
        ("dose_lines", "dose_score"),
        "Dose curve",
        "perturb",
        "How the genes that respond most, or the goal, follow the level of one edited gene. The dotted line is its "
        "level in this sample, the shaded band the range of the cohort.",
        "What happens inside the band. A straight line means the model sees no threshold.",
        "Beyond the band no patient was seen: there the curve only goes on as it must.",
    ),
    Figure(
        ("level_strip",),
        "Level of a gene",
        "perturb",
        "The gene's levels in the cohort as a small histogram, with its level in this sample (dotted) and "
        "after the edit.",
        "Whether the edit stays where patients were seen.",
        "An edit far outside is answered too, but by going on along lines that nobody has seen.",
    ),
    Figure(
        ("edit_heat",),
        "Several edits as a heat map",
        "perturb",
        "A row for each of the genes that move most; a column for each edit alone, then all together, then what that "
        "is beyond their sum. Blue is down, orange is up, and a number or a sign says the same.",
        "Which edit drives which gene, and the last column: where edits only add up, it is 0.",
        "The genes are chosen for moving much; most others hardly move.",
    ),
    Figure(
        ("cohort_scatter", "cohort_arrow"),
        "In the cohort",
        "perturb",
        "The training profiles on the two main axes (PCA) of the network's latent states, and this sample before and "
        "after the edits (cross). A second figure enlarges the arrow and shows one for each predictor.",
        "Where the sample lies among the others, and whether the predictors' arrows point the same way.",
        "Two axes are not all of them, and a single edit's arrow is tiny: read its length in the sentence. It says "
        "nothing about outcome.",
    ),
    Figure(
        ("pathway_bars",),
        "Gene sets that move together",
        "perturb",
        "How far the genes of each set gather at one end of the predicted ranking (NES): up right, down left. Filled "
        "bars have a small FDR; symbols are the other predictors.",
        "Sets whose symbols lie on the same side as the bar, and their leading edge in the table.",
        "p and FDR are about the ranking of genes within one prediction, never about patients.",
    ),
    Figure(
        ("sides_scatter",),
        "Two edit sets side by side",
        "perturb",
        "Each point is a gene that neither set edits: its shift by set A (rightward) and by set B (upward). Diamonds "
        "with names differ most.",
        "Points off the diagonal: genes that the two sets move differently.",
        "A high r may only mean that both move the same few loud genes.",
    ),
    Figure(
        ("regulator_bars",),
        "Edits that move furthest toward the goal",
        "regulators",
        "Bars of the best single edits, in S along the goal, one panel a predictor. ≈ marks a score to first order.",
        "Edits that the rivals rank highly too, and in the table those with a small FDR.",
        "A score of a few percent of the way is a ranking, not an amount.",
    ),
    Figure(
        ("synergy_map",),
        "Interaction among genes",
        "regulators",
        "A square for each pair among the genes of the best pairs; colour is what both do beyond the sum of "
        "each alone, or what the cohort's patients show of both.",
        "Rows with many strong squares: a gene that cooperates with many.",
        "An empty square is a pair that is not among the best, not one with nothing to show.",
    ),
    Figure(
        ("partner_bars",),
        "Partners of a gene",
        "regulators",
        "Left, what a gene and each partner add to each other, or what the cohort's patients show of both; right, what "
        "they do alone and together (diamond).",
        "A partner whose diamond lies beyond both of its bars.",
        "The panels have different scales: a interaction is often a hundredth of what each edit does alone.",
    ),
    Figure(
        ("combination_steps",),
        "The way, edit by edit",
        "regulators",
        "The movement along the goal after each edit of a combination, beside the greedy way and the sum of the single "
        "edits (cross).",
        "Where the line gets flat: further edits add little.",
        "All predictors but the network are linear: by them the line and the cross agree, and no edits cooperate.",
    ),
    Figure(
        ("density",),
        "Predicted against true",
        "accuracy",
        "All values of the sample: true expression (rightward) and predicted (upward). The stronger the colour, the "
        "more values; the dashed line is a perfect match.",
        "How wide the cloud is about the line at the level of the genes you care for.",
        "It asks for reconstruction: the predictor saw the true values. An edit is a harder question.",
    ),
    Figure(
        ("accuracy_bars",),
        "Accuracy by expression level",
        "accuracy",
        "The share of values hit in each TPM bin, a bar a predictor; short violet lines are the ceiling of "
        "counting noise.",
        "The gap between a bar and the ceiling, and between the network and PCA.",
        "A ceiling holds for the depth of this sample; where the file does not tell it, 20 million reads are assumed.",
    ),
    Figure(
        ("experiment_scatter",),
        "Predicted against measured",
        "experiment",
        "Each point is a gene: the change that the experiment measured (rightward) and the predicted one (upward).",
        "Whether points lie in the lower left and upper right, and the verdict's r beside the rivals'.",
        "A measured change holds noise and indirect effects too; with few replicates most of it may be noise.",
    ),
    Figure(
        ("ceiling_bars",),
        "Hits as a share of the ceiling",
        "quality",
        "Accuracy per TPM bin divided by what counting noise allows, on held-out patients.",
        "The lowest bin, where predictors differ most.",
        "100 % is not perfection: it is as good as sequencing the sample again.",
    ),
    Figure(
        ("training_curve",),
        "Loss during training",
        "model",
        "The mean squared error after each epoch, on training and on validation samples; the star is the best epoch.",
        "Whether the validation line still falls when training ends, and how little or much it falls at all.",
        "A lower loss of reconstruction is no proof of better answers to edits.",
    ),
)

#: What holds for every figure.
MARKS = (
    f"**Colours** are the same everywhere: {', '.join(f'{one.label} ({one.symbol})' for one in LOOKS.values())}. They "
    "are Okabe and Ito's, told apart with every kind of colour vision, and a symbol or a pattern says the same."
)
TOOLS = (
    "**Point** at a mark to read its values. **Drag** to zoom, double-click to go back. A click on an entry of the "
    "legend hides it. **SVG** and **PNG** save it. The sentence below each figure says the same without the picture."
)
