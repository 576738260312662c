"""All pairs of perturbations, row block by row block: only the best pairs and a random sample are kept.

A row is a gene a with every b. The autoencoder proposes to first order: after the perturbation of a one gradient gives
the effect of every b, and what the gradient changed by is their interaction. The cohort's patients propose what they
show of both. A block of rows is one batch of matrix products; a pair's two directions may lie in different blocks, and
meet when the blocks are joined. No matrix of all pairs is ever held.

Shape suffixes: R rows of a block, G genes, N pairs.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from cellstate.model.network import release_memory
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.predictors.base import SearchProgress
from cellstate.perturb.predictors.propagate import Backward, check_numbers
from cellstate.perturb.search.cohort_interaction import CohortInteractions
from cellstate.perturb.search.distributed import ProcessGroup
from cellstate.perturb.search.pair_blocks import Block

#: Rows of a block: wide enough to run at the machine's matrix-multiplication rate, small enough for its memory.
ROWS = 384
#: Rows whose pairs are ranked at once.
RANKED_ROWS = 32
#: Random pairs kept over the whole run, as the null of the best.
NULL_PAIRS = 1_000_000
_SEED = 20_260_101


@dataclass(frozen=True, eq=False)
class SweepPlan:
    """What a sweep goes through.

    Attributes
    ----------
    rows : ndarray of int, shape (rows,)
        Genes that are perturbed first. Sorted, each once.
    partner_G : ndarray of bool, shape (G,)
        Genes that may be the second of a pair.
    delta_G : ndarray of float32, shape (G,)
        Change of z that the perturbation makes to each gene, 0 where it is no candidate.
    alone_G : ndarray of float32, shape (G,)
        Score of each perturbation alone, added to the interaction where pairs are ranked by their whole score; zeros
        where they are ranked by interaction.
    keep : int
        Best pairs kept of each block.
    """

    rows: np.ndarray
    partner_G: np.ndarray
    delta_G: np.ndarray
    alone_G: np.ndarray
    keep: int

    @property
    def n_blocks(self) -> int:
        """Blocks of rows."""
        return -(-len(self.rows) // ROWS)

    @property
    def n_pairs(self) -> int:
        """Unordered pairs that are looked at."""
        both = int(self.partner_G[self.rows].sum())
        return len(self.rows) * int(self.partner_G.sum()) - both - both * (both - 1) // 2

    def block_rows(self, number: int) -> np.ndarray:
        """Return the genes of one block."""
        return self.rows[number * ROWS : (number + 1) * ROWS]


class PairProposer(Protocol):
    """Ranks pairs, for a gene and all others at once."""

    def rows(self, rows: np.ndarray) -> torch.Tensor:
        """Return a figure of each row's perturbation with every gene's, the larger the better, shape (R, G)."""


class GradientProposer:
    """The autoencoder's interactions to first order, in SD along the goal."""

    def __init__(self, scorer: AutoencoderScorer, delta_G: np.ndarray) -> None:
        self._scorer, self._delta_G = scorer, delta_G

    def rows(self, rows: np.ndarray) -> torch.Tensor:
        """Return the interactions of some genes' perturbations with every gene's, shape (R, G)."""
        delta_G = torch.from_numpy(self._delta_G).to(self._scorer.model.device)
        rows_R = torch.from_numpy(rows).to(delta_G.device)
        return self._scorer.gradient_change(rows_R[:, None], delta_G[rows_R][:, None], self._before).mul_(delta_G)

    @cached_property
    def _before(self) -> Backward:
        return self._scorer.smoothed(self._delta_G)


class CohortProposer:
    """Interaction in the cohort, signed by the perturbations: above 0 both do more than each by itself."""

    def __init__(self, cohort: CohortInteractions, delta_G: np.ndarray) -> None:
        self._cohort, self._sign_G = cohort, np.sign(delta_G).astype(np.float32)

    def rows(self, rows: np.ndarray) -> torch.Tensor:
        """Return the signed partial correlations of some genes with every gene, shape (R, G)."""
        found_RG = self._cohort.rows(rows)
        row_R, partner_G = (torch.from_numpy(s).to(found_RG.device) for s in (self._sign_G[rows], self._sign_G))
        return found_RG.mul_(row_R[:, None]).mul_(partner_G)


def sweep(
    proposer: PairProposer,
    plan: SweepPlan,
    blocks: MutableMapping[int, Block],
    here: ProcessGroup,
    progress: SearchProgress | None = None,
) -> list[Block] | None:
    """Compute the blocks that are not there yet, shared among processes; the first process gets all of them.

    Every finished block is put into ``blocks`` at once, so a stopped run that is repeated with the same mapping goes on
    where it was. What a block holds does not depend on who computes it.
    """
    # One list for all: a process that starts late would see what others have finished meanwhile.
    missing = here.share([number for number in range(plan.n_blocks) if number not in blocks])
    mine = [missing[i] for i in here.mine(len(missing))]
    total = sum(len(plan.block_rows(number)) for number in mine)
    done = 0
    for number in mine:
        if progress:
            progress(done, total, "rows of pairs")
        blocks[number] = _block(proposer, plan, number)
        release_memory()
        done += len(plan.block_rows(number))
    if progress and total:
        progress(total, total, "rows of pairs")
    gathered = here.gather({number: blocks[number] for number in mine})
    if gathered is None:
        return None
    new = {number: block for part in gathered for number, block in part.items()}
    return [new[number] if number in new else blocks[number] for number in range(plan.n_blocks)]


def _block(proposer: PairProposer, plan: SweepPlan, number: int) -> Block:
    rows = plan.block_rows(number)
    with torch.inference_mode():
        interaction_RG = proposer.rows(rows)
        check_numbers(interaction_RG)
        rows_R, partner_G, alone_G = (
            torch.from_numpy(v).to(interaction_RG.device) for v in (rows, plan.partner_G, plan.alone_G)
        )
        null_a, null_b = _random_pairs(plan, number)
        null = interaction_RG[torch.from_numpy(np.searchsorted(rows, null_a)), torch.from_numpy(null_b)]
        found, value_N = _best(plan, rows_R, interaction_RG, partner_G, alone_G)
        a_N, b_N = rows[(found // len(partner_G)).cpu().numpy()], (found % len(partner_G)).cpu().numpy()
        return Block(
            a_N=a_N,
            b_N=b_N,
            value_N=value_N.cpu().numpy(),
            null_a=null_a,
            null_b=null_b,
            null_value=null.cpu().numpy(),
            n_pairs=len(rows) * int(plan.partner_G.sum()) - int(plan.partner_G[rows].sum()),
        )


def _best(
    plan: SweepPlan, rows_R: torch.Tensor, interaction_RG: torch.Tensor, partner_G: torch.Tensor, alone_G: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where a block's best pairs lie in its flattened matrix, and their interactions.

    Sought among some rows at a time: ranking a matrix takes several times its memory.
    """
    n_genes, places, values = interaction_RG.shape[1], [], []
    for start in range(0, len(rows_R), RANKED_ROWS):
        some = slice(start, start + RANKED_ROWS)
        rank_RG = (interaction_RG[some] + (alone_G[rows_R[some]][:, None] + alone_G)).masked_fill_(
            ~partner_G, -torch.inf
        )
        rank_RG.scatter_(1, rows_R[some][:, None], -torch.inf)
        best = torch.topk(rank_RG.flatten(), min(plan.keep, rank_RG.numel()))
        places.append(best.indices + start * n_genes)
        values.append(best.values)
    rank_N = torch.cat(values)
    best = torch.topk(rank_N, min(plan.keep, len(rank_N)))
    found = torch.cat(places)[best.indices[torch.isfinite(best.values)]]
    return found, interaction_RG.flatten()[found]


def _random_pairs(plan: SweepPlan, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw partners for each row of a block, the same whoever computes it; a gene is no partner of its own."""
    rows, partners = plan.block_rows(number), np.flatnonzero(plan.partner_G)
    n = min(len(partners), -(-NULL_PAIRS // len(plan.rows)))
    rng = np.random.default_rng((_SEED, number))
    # All partners of few rows; of many rows, a draw with replacement is as good and cheaper.
    drawn_RN = np.tile(partners, (len(rows), 1)) if n == len(partners) else rng.choice(partners, (len(rows), n))
    a_N, b_N = np.repeat(rows, n), drawn_RN.ravel()
    return a_N[a_N != b_N], b_N[a_N != b_N]
