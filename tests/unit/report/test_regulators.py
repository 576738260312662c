"""Sentences about what drives a sample."""

import numpy as np
import pandas as pd

from cellstate.report.narrative.regulators import (
    admixture_sentence,
    reference_of_group,
    reference_of_others,
    regulators_headline,
    regulators_sentence,
    set_sentence,
)
from tests.support.golden import check_golden


def table(fdr):
    genes = ["MYC", "ETV4", "HNF1A", "ASCL2", "CDX2", "KLF4"]
    return pd.DataFrame({"gene": genes, "z": [5.0, 4.0, 3.0, 2.0, -1.0, -2.0], "fdr": fdr})


def test_sentences():
    reference = "closest normal state"
    said = [
        regulators_headline(table([0.01, 0.05, 0.2, 0.3, 0.4, 0.5]), reference),
        regulators_headline(table([0.01] + [0.3] * 5), reference),
        regulators_headline(table([0.3] * 6), reference),
        regulators_headline(table([np.nan] * 6), "mean of 2 samples"),
        regulators_sentence(table([0.01, 0.05, 0.2, 0.3, 0.4, 0.5]), reference),
        regulators_sentence(table([0.3] * 6), reference),
        regulators_sentence(table([np.nan] * 6), "mean of 2 samples"),
        regulators_sentence(table([0.3] * 6).head(2), reference),
        reference_of_others(1),
        reference_of_others(84),
        reference_of_group("control", 6),
        set_sentence(["MYC", "ETV4"], 0.142, 0.044, 0.005),
        admixture_sentence("liver", 0.26, False, "--without-admixture"),
        admixture_sentence("liver", 0.26, True, "--without-admixture"),
    ]
    check_golden("narrative_regulators", "\n\n".join(said) + "\n")
