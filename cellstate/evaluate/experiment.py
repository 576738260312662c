"""Virtual against real: the predicted shift of an edit beside what an experiment measured.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.evaluate.direction import same_direction
from cellstate.evaluate.distance import distances, distances_after
from cellstate.evaluate.trust import trust_reasons
from cellstate.evaluate.verdict import Agreement, verdict
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.perturb import Edit, perturb
from cellstate.samples import Samples

#: Genes with the largest measured change, on which the direction is asked; the name of the score says so too.
TOP = 50
BOOTSTRAPS = 1_000
#: Genes below this mean TPM on both sides are left out: their measured change is counting noise.
MIN_TPM = 1.0
MIN_GENES = 100


@dataclass(frozen=True, eq=False)
class Experiment:
    """A measured change with every prediction of it.

    Attributes
    ----------
    predictor : str
        Who leads.
    edits : tuple of Edit
    n_control, n_treated : int
    table : DataFrame
        One row a compared gene, by measured change, largest first: gene, ensembl_id, tpm_control, tpm_treated,
        measured_log2, ``predicted_log2`` of the leading predictor, one ``predicted_log2_<name>`` of each other,
        trusted, reason.
    edited : DataFrame
        The same measured columns for the edited genes, which no score includes.
    agreement : dict of predictor to Agreement
        The leading one first, then all others.
    far : bool
        Whether a control sample is out of the model's distribution.
    """

    predictor: str
    edits: tuple[Edit, ...]
    n_control: int
    n_treated: int
    table: pd.DataFrame
    edited: pd.DataFrame
    agreement: dict[str, Agreement]
    far: bool

    @property
    def verdict(self) -> str:
        """What the comparison says, in words that do not flatter."""
        return verdict(self.predictor, self.edits, self.edited, self.agreement, far=self.far)

    def to_dict(self) -> dict:
        """What ``cellstate compare --json`` prints."""
        shown = {name: vars(a) for name, a in self.agreement.items()}
        return {
            "edits": [edit.spec for edit in self.edits],
            "n_control": self.n_control,
            "n_treated": self.n_treated,
            "n_genes": len(self.table),
            "predictor": self.predictor,
            **shown.pop(self.predictor),
            "baselines": shown,
            "ood_flag": self.far,
            "edited": self.edited.to_dict("records"),
            "kind": "hypothesis",
            "verdict": self.verdict,
        }


def compare(
    model: Model,
    control: Samples,
    treated: Samples,
    edits: Sequence[Edit],
    *,
    predictor: str | None = None,
    seed: int = 0,
) -> Experiment:
    """Predict an edit on the control samples and compare with the treated ones.

    Measured: difference of the groups' means of log2(TPM + 1). Predicted: mean over the control samples of the shift.
    Compared on the model's genes that every sample measures, at `MIN_TPM` or more on either side, without the edited
    genes. The interval resamples genes, so it speaks of these samples, not of a repeat of the experiment.

    Parameters
    ----------
    predictor : str, optional
        Who leads, as in `perturb`; all others are compared too.

    Raises
    ------
    CellStateError
        When the groups share too few genes, or nothing was changed; what `perturb` raises.
    """
    shift = perturb(model, control, edits, predictor=predictor)
    before_SG, after_SG = (np.log2(align(group, model.space).tpm_SG + 1) for group in (control, treated))
    before_G, after_G = before_SG.mean(axis=0), after_SG.mean(axis=0)
    measured_G = np.isfinite(before_G) & np.isfinite(after_G)
    far = any(d.flag for d in distances(model, control))
    left = any(d.flag for d in distances_after(model, shift))
    reasons = trust_reasons(model, measured_G, far, left)
    table = pd.DataFrame(
        {
            "gene": shift.symbols,
            "ensembl_id": shift.ensembl,
            "tpm_control": np.exp2(before_G) - 1,
            "tpm_treated": np.exp2(after_G) - 1,
            "measured_log2": after_G - before_G,
            "predicted_log2": shift.delta_log2_SG.mean(axis=0),
            **{f"predicted_log2_{name}": delta.mean(axis=0) for name, delta in shift.rival_delta_log2().items()},
            "trusted": [not reason for reason in reasons],
            "reason": reasons,
        }
    )
    edited = table.loc[shift.edited_G, ["gene", "tpm_control", "tpm_treated", "measured_log2"]]
    loud_G = np.fmax(table["tpm_control"], table["tpm_treated"]) >= MIN_TPM
    table = table[measured_G & loud_G & ~shift.edited_G]
    if len(table) < MIN_GENES:
        raise CellStateError(
            f"Control and treated samples share only {len(table):,} expressed genes of the model.",
            "Upload whole-transcriptome files of the same kind.",
        )
    if not table["measured_log2"].any():
        raise CellStateError("Control and treated samples are the same.", "Choose the two groups again.")
    table = table.sort_values("measured_log2", key=np.abs, ascending=False, kind="stable").reset_index(drop=True)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(table), (BOOTSTRAPS, len(table)))
    columns = {shift.predictor: "predicted_log2"} | {n: f"predicted_log2_{n}" for n in shift.rival_log1p_after}
    agreement = {name: _agree(table, column, rows) for name, column in columns.items()}
    return Experiment(shift.predictor, tuple(edits), len(control), len(treated), table, edited, agreement, far)


def _agree(table: pd.DataFrame, column: str, rows: np.ndarray) -> Agreement:
    predicted, measured = table[column].to_numpy(np.float64), table["measured_log2"].to_numpy(np.float64)
    if not predicted.any():
        return Agreement(None, None, None, None)
    resampled = np.array([_pearson(predicted[r], measured[r]) for r in rows])
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    right = same_direction(predicted[:TOP], measured[:TOP])
    return Agreement(_pearson(predicted, measured), float(low), float(high), float(right.mean()))


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else float("nan")
