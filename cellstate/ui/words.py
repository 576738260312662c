"""What an evaluation says, in words that do not flatter. Pure functions of `Evaluation.to_dict`."""

from __future__ import annotations

from collections.abc import Mapping

from cellstate.viz.style import percent

#: Two predictors whose R2 differ by less are called equal.
EQUAL_R2 = 0.001
#: Usual for the gene mean on samples like the training samples; far below it, the samples are of another kind.
HIGH_R2 = 0.8


def explained(r2: float, r2_mean: float) -> float:
    """Return the share of the gene mean's squared error that a predictor removes; negative where it adds some."""
    return 1 - (1 - r2) / max(1 - r2_mean, 1e-12)


def verdict(found: Mapping) -> str:
    """Say how much better than the gene mean the network is, and whether it beats PCA."""
    r2, mean = found["r2_pooled"], found["baselines"]["gene_mean"]["r2_pooled"]
    share = explained(r2, mean)
    if share <= 0:
        text = (
            f"**The network is worse than knowing nothing about the sample**: each gene's training mean alone reaches "
            f"R² {mean:.3f}, the network {r2:.3f}."
        )
    else:
        reaches = "already reaches" if mean >= HIGH_R2 else "reaches only"
        text = (
            f"Each gene's training mean alone {reaches} R² {mean:.3f}. Of the error that it leaves, "
            f"**the network removes {percent(share)}**."
        )
    if "pca" not in found["baselines"]:
        return text
    pca = found["baselines"]["pca"]["r2_pooled"]
    if abs(r2 - pca) < EQUAL_R2:
        return text + f" **PCA of the same width does as well** (R² {pca:.3f}): the network is no better here."
    if r2 < pca:
        return text + f" **PCA of the same width does better** (R² {pca:.3f} against {r2:.3f})."
    return text + f" PCA of the same width removes {percent(explained(pca, mean))} (R² {pca:.3f} against {r2:.3f})."


def bins_of(found: Mapping) -> dict[str, list[dict]]:
    """Return the bins of every predictor, the network first."""
    return {"network": found["bins"]} | {
        name: found["baselines"][name]["bins"] for name in ("pca", "gene_mean") if name in found["baselines"]
    }
