"""Reading and refusing a user's own tables about genes."""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellstate.errors import CellStateError
from cellstate.genes import gene_axis
from cellstate.io import gene_table, read_gene_table
from tests.support.workbooks import workbook

AXIS = gene_axis()
TP53, MYC = (AXIS.ensembl[AXIS.find(name)] for name in ("TP53", "MYC"))
TSV = "gene\tnote\tscore\nTP53\tour hit\t0.9\nMYC\t\t2\nNOSUCH\tx\t1\n"
ROWS = {TP53: ("our hit", "0.9"), MYC: ("", "2")}


@pytest.mark.parametrize(
    "data",
    [
        TSV.encode(),
        TSV.replace("\t", ",").encode(),
        TSV.replace("\t", ";").encode(),
        gzip.compress(TSV.encode(), mtime=0),
        TSV.replace("\n", "\r\n").encode("utf-16"),
        TSV.replace("gene\t", "Ensembl ID\t").replace("TP53", TP53).replace("MYC", f"{MYC}.12").encode(),
        TSV.replace("gene\t", "Entrez\t").replace("TP53", "7157").replace("MYC", "4609").encode(),
        TSV.replace("TP53", "p53").encode(),
        workbook({"genes": [line.split("\t") for line in TSV.splitlines()]}),
    ],
)
def test_tables_in_many_forms(data):
    found = read_gene_table(data, name="mine.tsv")
    assert (found.name, found.columns, found.unknown) == ("mine.tsv", ("note", "score"), ("NOSUCH",))
    assert found.rows == ROWS


def test_genes_are_found_in_a_column_of_any_title_and_place():
    found = read_gene_table(b"rank,who,remark\n1,TP53,MYC\n2,MYC,none\n3,KRAS,seen\n4,NOSUCH,no\n")
    assert found.columns == ("rank", "remark") and found.rows[TP53] == ("1", "MYC")


def test_values_of_several_rows_are_joined():
    found = read_gene_table(b"gene,drug\nTP53,a\np53,b\nTP53,a\nTP53,\n")
    assert found.rows == {TP53: ("a; b",)}


def test_what_is_much_is_cut():
    titles = [f"t{i}" for i in range(40)]
    found = read_gene_table((",".join(["gene", *titles]) + "\nTP53," + ",".join(["x" * 999] * 40)).encode())
    assert len(found.columns) == gene_table.MAX_COLUMNS and len(found.rows[TP53][0]) == gene_table.MAX_CHARS


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"gene\nTP53\n", "two columns"),
        (b"gene,note\n", "two columns"),
        (b"a,b\nx,y\nz,w\n", "No column"),
        (b"rank,value\n7157,1\n4609,2\n", "No column"),
        (b"gene,\nTP53,x\n", "no titled column"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "picture"),
        (b"", "empty"),
        (b"gene,note\n" + b"TP53,x\n" * (gene_table.MAX_ROWS + 1), "at most"),
        (b"x" * (gene_table.MAX_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_such_table_is_an_error_with_a_hint(data, words):
    with pytest.raises(CellStateError, match=words) as refused:
        read_gene_table(data)
    assert refused.value.hint


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200) | st.text("gTP53MYC,;\t\n\"'", max_size=200).map(str.encode))
def test_any_bytes_are_a_table_or_a_sentence(data):
    try:
        found = read_gene_table(data)
    except CellStateError as error:
        assert error.message
    else:
        assert all(len(values) == len(found.columns) for values in found.rows.values())
