"""Is tissue that is only admixed found, named and measured, and do regulators improve where it is taken out?

    cellstate data get human-bulk --from human_bulk.h5
    python -m benchmarks.admixture [--model DIR] [--store DIR] [--quick]

Tumours of the corpus's test data sets are mixed in TPM with normal samples of other tissues, of test data sets too: no
fit has seen either. The share is known. Blood, and cells of blood and lymphoid tissue, are one tissue here: each holds
the others. With share 0 a tumour is as it was taken: muscle, stroma and blood that are named then may be there, another
organ is not. Regulators of the mixture, with and without the tissue, are compared with those of the tumour alone.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.report import at_least, at_most, measured, show
from cellstate import load_model
from cellstate.errors import CellStateError, print_error
from cellstate.evaluation.admixture import Admixture, admixture, without_admixture
from cellstate.evidence import Benchmark, Criterion
from cellstate.model import Model
from cellstate.perturb.regulators.search import Regulators, regulators
from cellstate.perturb.sample import PreparedSample, prepare_samples
from cellstate.samples import Samples
from train.store import open_store
from train.tissues import tissue_labels

BLOOD = frozenset(
    ("blood or bone marrow", "lymphoid tissue", "B cells", "T or NK cells", "granulocytes", "myeloid cells")
)
#: Tissues that run through organs.
EVERYWHERE = BLOOD | {"smooth muscle", "stroma", "adipose tissue", "skeletal muscle"}
ADMIXED = ("liver", "lung", "brain", "kidney", "heart", "skeletal muscle", "uterus or cervix", "blood or bone marrow")
TUMOURS = ("colon", "skin", "kidney", "lung", "thyroid")
SHARES = (0.1, 0.2, 0.3, 0.5)
#: Share at which regulators are compared, tumours of a tissue with each tissue, and all that are taken with share 0.
COMPARED, EACH, UNMIXED = 0.3, 2, 8
FIRST = 20


@dataclass(frozen=True)
class Case:
    """A tumour with so much of a tissue."""

    tumour: str
    admixed: str
    share: float
    alone: PreparedSample
    sample: PreparedSample

    def is_right(self, tissue: str) -> bool:
        """Return whether this tissue is the one that was admixed."""
        return tissue == self.admixed or {tissue, self.admixed} <= BLOOD


def cases(model: Model, samples: Samples, labels: pd.DataFrame, rng: np.random.Generator, each: int) -> list[Case]:
    """Return tumours alone and mixed with tissues."""
    found = []
    for tumour in TUMOURS:
        rows = _rows(labels, tumour, "tumour", rng)
        for s, alone in zip(rows, prepare_samples(model, samples.take(rows[:UNMIXED])), strict=False):
            found.append(Case(tumour, "", 0.0, alone, alone))
            if s in rows[:each]:
                found += [
                    Case(tumour, tissue, share, alone, mixed)
                    for tissue in ADMIXED
                    if tissue != tumour
                    for share, mixed in _mixtures(model, samples, s, _rows(labels, tissue, "normal", rng)[0])
                ]
    return found


def _rows(labels: pd.DataFrame, tissue: str, state: str, rng: np.random.Generator) -> list[int]:
    return rng.permutation(np.flatnonzero((labels["tissue"] == tissue) & (labels["state"] == state))).tolist()


def _mixtures(model: Model, samples: Samples, tumour: int, tissue: int) -> list[tuple[float, PreparedSample]]:
    """Return the mixtures of two samples, over the genes that both measure."""
    tpm_2A = samples.tpm_SA[[tumour, tissue]].astype(np.float64)
    tpm_2A[:, np.isnan(tpm_2A).any(axis=0)] = np.nan
    tpm_2A *= 1e6 / np.nansum(tpm_2A, axis=1, keepdims=True)
    mixed_SA = np.stack([(1 - share) * tpm_2A[0] + share * tpm_2A[1] for share in SHARES]).astype(np.float32)
    names = tuple(f"{share:g}" for share in SHARES)
    return list(zip(SHARES, prepare_samples(model, Samples(names, mixed_SA, np.full(len(names), np.nan))), strict=True))


def found_figures(every: list[Case], found: list[Admixture | None]) -> list[Criterion]:
    """Return how often the tissue is named, by how much its share is wrong, and what is named where nothing is."""
    table = pd.DataFrame(
        {
            "tumour": [case.tumour for case in every],
            "tissue": [case.admixed for case in every],
            "share": [case.share for case in every],
            "named": [one is not None for one in found],
            "right": [one is not None and case.is_right(one.tissue) for case, one in zip(every, found, strict=True)],
            "organ": [one is not None and one.tissue not in EVERYWHERE for one in found],
            "error": [
                np.nan if one is None else one.share - case.share for case, one in zip(every, found, strict=True)
            ],
        }
    )
    mixed, alone = table[table["share"] > 0], table[table["share"] == 0]
    print(mixed.pivot_table(index="tissue", columns="share", values="right").round(2).to_string())
    rows = []
    for share, part in mixed.groupby("share"):
        name, error = f"share_{100 * share:.0f}_percent", part.loc[part["right"], "error"]
        right = float(part["right"].mean())
        rows += [
            at_least(f"{name}.named_right", right, "", 0.85)
            if share in (0.2, 0.3)
            else measured(f"{name}.named_right", right),
            measured(f"{name}.another_named", float((part["named"] & ~part["right"]).mean())),
            measured(f"{name}.mean_error", float(error.mean())),
            measured(f"{name}.median_absolute_error", float(error.abs().median())),
        ]
    for tumour, right in mixed[mixed["share"] == COMPARED].groupby("tumour")["right"].mean().items():
        rows.append(measured(f"{tumour}_tumours.named_right_at_{100 * COMPARED:.0f}_percent", float(right)))
    error = mixed.loc[mixed["right"], "error"].abs().median()
    return [
        *rows,
        at_most("median_absolute_error", float(error), "", 0.05),
        measured("share_0.any_tissue_named", float(alone["named"].mean())),
        at_most("share_0.another_organ_named", float(alone["organ"].mean()), "", 0.05),
        measured("share_0.n", len(alone)),
        measured("n", len(mixed)),
    ]


def regulator_figures(every: list[Case], found: list[Admixture | None]) -> list[Criterion]:
    """Return how near regulators of mixtures are to those of the tumours alone, with and without the tissue."""
    chosen = [(case, one) for case, one in zip(every, found, strict=True) if case.share == COMPARED]
    alone = regulators([case.alone for case, _ in chosen])
    as_is = regulators([case.sample for case, _ in chosen])
    rest = regulators([case.sample if one is None else without_admixture(case.sample, one) for case, one in chosen])
    near, nearer = _agreement(alone, as_is), _agreement(alone, rest)
    rows = [measured(f"regulators.{name}_with_the_tissue", value) for name, value in near.items()]
    rows += [at_least(f"regulators.{name}_without_it", value, "", near[name]) for name, value in nearer.items()]
    return rows


def _agreement(one: Regulators, other: Regulators) -> dict[str, float]:
    r, shared = [], []
    for a_T, b_T in zip(one.z_ST, other.z_ST, strict=True):
        known_T = np.isfinite(a_T) & np.isfinite(b_T)
        r.append(np.corrcoef(a_T[known_T], b_T[known_T])[0, 1])
        first = [set(np.argsort(-np.abs(np.nan_to_num(z_T)))[:FIRST].tolist()) for z_T in (a_T, b_T)]
        shared.append(len(first[0] & first[1]))
    return {"correlation_of_z": float(np.mean(r)), "first_20_in_common": float(np.mean(shared))}


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="human", help="model folder (default: human)")
    parser.add_argument("--store", type=Path, default=Path("data/stores/human-bulk"), help="imported corpus")
    parser.add_argument("--quick", action="store_true", help="one tumour of each tissue; claims nothing")
    options = parser.parse_args(arguments)
    try:
        model, store = load_model(options.model, device="cpu"), open_store(options.store)
        table = store.table.iloc[store.rows("test")].reset_index(drop=True)
        labels = tissue_labels(table["tissue"], table["state"], table["series"], table["component"])
        every = cases(model, store.split("test"), labels, np.random.default_rng(0), 1 if options.quick else EACH)
        found = [admixture(case.sample) for case in every]
    except CellStateError as error:
        return print_error(error)
    figures = [*found_figures(every, found), *regulator_figures(every, found)]
    show(Benchmark.ADMIXTURE, criteria=figures, quick=options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
