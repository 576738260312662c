"""Sentences and columns about genes as targets."""

import math

import pandas as pd

from cellstate.genes.dossier import dossier
from cellstate.report.dossier import dossier_entry, dossier_links, dossier_sentence, with_dossiers
from tests.support.golden import check_golden


def test_sentences():
    asked = [("PTGS2", -1), ("PTGS2", 1), ("PTGS2", math.nan), ("ESR1", -2), ("ESR1", 2), ("RPL3", -1), ("KRAS", -1)]
    untested = ("HBA1", -1)
    said = [dossier_sentence(dossier(gene), change) for gene, change in [*asked, untested]]
    check_golden("narrative_dossier", "\n\n".join([*said, dossier_links(dossier("PTGS2"))]) + "\n")


def test_normal_tissues_are_named_where_they_are_known():
    genes = [dossier(gene).ensembl_id for gene in ("ESR1", "RPL3", "KRAS")]
    table, high_in = pd.DataFrame({"ensembl_id": genes}), {genes[0]: ("fallopian tube", "breast"), genes[1]: ()}
    assert with_dossiers(table, [-1.0] * 3, high_in)["normal_tissues"].tolist() == ["fallopian tube; breast", "", None]
    found = [dossier_entry(gene, -1.0, high_in) for gene in genes]
    assert [one["normal_tissues"] for one in found] == [["fallopian tube", "breast"], [], None]
    assert found[0]["is_tf"] and "fulvestrant" in [drug["name"] for drug in found[0]["drugs"]]
    assert found[0]["links"] == dossier("ESR1").links


def test_columns_follow_the_change_of_each_row():
    genes = ["ESR1", "ESR1", "ESR1", "RPL3"]
    table = pd.DataFrame({"gene": genes, "ensembl_id": [dossier(gene).ensembl_id for gene in genes]})
    found = with_dossiers(table, [-1.0, 1.0, math.nan, -1.0])
    lowering, raising, neither, ribosomal = (text.split("; ") for text in found["drugs"])
    assert "fulvestrant" in lowering and "estradiol" in raising and not set(lowering) & set(raising)
    assert neither == ribosomal == [""]
    assert found["essential"].iloc[-1] == "common essential"
    assert list(table) == ["gene", "ensembl_id"]
