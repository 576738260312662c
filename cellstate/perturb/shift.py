"""Predict what else moves when genes of a profile are edited.

Shape suffixes: S samples, G genes, K edited genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from cellstate.model import Model
from cellstate.model.folder import BATCH
from cellstate.model.profiles import load_profiles
from cellstate.perturb.edits import Edit, input_change
from cellstate.perturb.leader import choose
from cellstate.perturb.patient import network_input
from cellstate.perturb.propagate import base_pass, check_numbers, propagate
from cellstate.perturb.rivals import NETWORK, rival_shifts
from cellstate.samples import Samples


@dataclass(frozen=True, eq=False)
class Shift:
    """A predicted shift with what its rivals say: a hypothesis, not a measurement.

    Attributes
    ----------
    predictor : str
        Who leads: ``network``, or the name of a rival.
    names : tuple of str, length S
    edits : tuple of Edit
    symbols, ensembl : tuple of str, length G
    edited_G : ndarray of bool, shape (G,)
    measured_SG : ndarray of bool, shape (S, G)
    log1p_before_SG, log1p_after_SG : ndarray of float32, shape (S, G)
        Natural log of 1 + TPM. Before is what was measured, the network's own prediction where nothing was. After is
        what the leading predictor says.
    rival_log1p_after : dict of str to ndarray of float32, shape (S, G)
        After, as everyone else says; the network is first among them where it does not lead.
    """

    predictor: str
    names: tuple[str, ...]
    edits: tuple[Edit, ...]
    symbols: tuple[str, ...]
    ensembl: tuple[str, ...]
    edited_G: np.ndarray
    measured_SG: np.ndarray
    log1p_before_SG: np.ndarray
    log1p_after_SG: np.ndarray
    rival_log1p_after: dict[str, np.ndarray]

    @property
    def delta_log2_SG(self) -> np.ndarray:
        """Predicted log2 fold change of TPM + 1, shape (S, G)."""
        return _log2_change(self.log1p_before_SG, self.log1p_after_SG)

    def rival_delta_log2(self) -> dict[str, np.ndarray]:
        """The same from each rival."""
        return {name: _log2_change(self.log1p_before_SG, after) for name, after in self.rival_log1p_after.items()}

    def table(self, sample: int = 0) -> pd.DataFrame:
        """One row a gene, by absolute shift, the edited genes marked and last.

        Columns: gene, ensembl_id, tpm_before, tpm_after, delta_log2, one ``delta_log2_<rival>`` each, measured,
        edited.
        """
        columns = {
            "gene": self.symbols,
            "ensembl_id": self.ensembl,
            "tpm_before": np.expm1(self.log1p_before_SG[sample]),
            "tpm_after": np.expm1(self.log1p_after_SG[sample]),
            "delta_log2": self.delta_log2_SG[sample],
        }
        columns |= {f"delta_log2_{name}": delta[sample] for name, delta in self.rival_delta_log2().items()}
        columns |= {"measured": self.measured_SG[sample], "edited": self.edited_G}
        table = pd.DataFrame(columns)
        order = np.lexsort((-table["delta_log2"].abs().to_numpy(), table["edited"].to_numpy()))
        return table.iloc[order].reset_index(drop=True)


def perturb(model: Model, samples: Samples, edits: Sequence[Edit], *, predictor: str | None = None) -> Shift:
    """Apply edits to samples and predict the shift of every gene.

    The edited genes themselves take their edited level; every other gene moves as the leading predictor says, the
    network by its difference f(x') - f(x), computed by difference propagation.

    Parameters
    ----------
    predictor : str, optional
        Who leads: ``network``, ``pca``, ``coexpression``, ``ridge`` or ``ridge_tf``. Default: the one that the model's
        own evidence names (`cellstate.perturb.leader`). All others stand beside it.

    Raises
    ------
    CellStateError
        An unknown gene, a gene edited twice, a quantile where the model carries no cohort, a sample without
        expression, a predictor that the model does not hold, weights that give no number.
    """
    space, first = model.space, choose(model, predictor)
    z_SG, tpm_SG, measured_SG = network_input(model, samples)
    needs_cohort = any(edit.kind == "quantile" for edit in edits)
    change = input_change(edits, tpm_SG, space, load_profiles(model) if needs_cohort else None)

    before_SG = np.log1p(tpm_SG).astype(np.float32)
    edited_G = np.zeros(len(space), bool)
    edited_G[change.genes_K] = True

    def after(delta_z_SG: np.ndarray) -> np.ndarray:
        after_SG = np.maximum(before_SG + delta_z_SG * space.scale_G, 0.0)
        after_SG[:, change.genes_K] = np.log1p(change.tpm_after_SK)
        return after_SG

    network = {NETWORK: network_shift(model, z_SG, change.genes_K, change.delta_z_SK)}
    said = {name: after(delta_SG) for name, delta_SG in (network | rival_shifts(model, change)).items()}
    return Shift(
        predictor=first,
        names=samples.names,
        edits=tuple(edits),
        symbols=space.symbols,
        ensembl=space.ensembl,
        edited_G=edited_G,
        measured_SG=measured_SG,
        log1p_before_SG=before_SG,
        log1p_after_SG=said.pop(first),
        rival_log1p_after=said,
    )


def network_shift(model: Model, z_SG: np.ndarray, genes_K: np.ndarray, delta_z_SK: np.ndarray) -> np.ndarray:
    """Return the network's change of z, shape (S, G), float32."""
    genes = torch.from_numpy(genes_K).to(model.device)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(z_SG), BATCH):
            rows = slice(start, start + BATCH)
            base = base_pass(model.network, torch.from_numpy(z_SG[rows]).to(model.device))
            delta_SK = torch.from_numpy(delta_z_SK[rows]).to(model.device)
            parts.append(propagate(model.network, base, genes, delta_SK).cpu())
    delta_SG = torch.cat(parts)
    check_numbers(delta_SG)
    return delta_SG.numpy()


def _log2_change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (after - before) / np.float32(np.log(2))
