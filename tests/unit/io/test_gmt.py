"""Reading and refusing GMT files."""

import gzip
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellstate.errors import CellStateError
from cellstate.io import gmt, hallmark_sets, read_gmt
from cellstate.io.source import HDF5
from tests.support.read_codes import raises_code

TWO = b"EMT\thttp://x\tVIM\tCDH2\nWNT\tna\tAXIN2\tLGR5\tVIM\n"
SETS = {"EMT": ("VIM", "CDH2"), "WNT": ("AXIN2", "LGR5", "VIM")}


@pytest.mark.parametrize(
    "data",
    [
        TWO,
        TWO.rstrip(b"\n"),
        gzip.compress(TWO, mtime=0),
        TWO.replace(b"\n", b"\r\n"),
        TWO.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + TWO,
        TWO.decode().encode("utf-16"),
        b"# made by hand\n\n" + TWO.replace(b"\n", b"\t\t\n\n \n"),
        TWO.replace(b"CDH2", b"CDH2\tVIM\tCDH2"),
        TWO.replace(b"VIM", b"VIM,1.0"),
        TWO.replace(b"VIM", b'"VIM"'),
        TWO.replace(b"http://x", b""),
        TWO + TWO,
        TWO + b"EMPTY\tna\n",
    ],
)
def test_variants_of_the_format(data):
    assert read_gmt(data) == SETS


def test_paths_bytes_and_files_are_read(tmp_path):
    path = tmp_path / "sets.gmt"
    path.write_bytes(TWO)
    assert read_gmt(path) == read_gmt(str(path)) == read_gmt(io.BytesIO(TWO)) == read_gmt(TWO, name="a.gmt") == SETS


def test_entrez_ids_are_not_expression_values():
    assert read_gmt(b"A\tna\t7157\t1956\nB\tna\t4609\t7157\n") == {"A": ("7157", "1956"), "B": ("4609", "7157")}


def test_hallmark_sets(shared_data):
    sets = read_gmt(shared_data / "reference" / "h.all.v7.0.symbols.gmt")
    assert len(sets) == 50 and "VIM" in sets["HALLMARK_EPITHELIAL_MESENCHYMAL_TRANSITION"]
    assert all(len(genes) >= 30 for genes in sets.values())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"gene,a,b\nTP53,1,2\nMYC,3,4\n", "not_gene_sets"),
        (b"TP53\nMYC\n", "not_gene_sets"),
        (b"gene\ta\tb\nTP53\t1.5\t2\nMYC\t3\t4\nVIM\t0\t1\n", "not_gene_sets"),
        (b"A\tna\tTP53\njunk\n", "damaged_gene_sets"),
        (b"A\tna\tTP53\n\n\tna\tMYC\n", "damaged_gene_sets"),
        (b"A\tna\tTP53\nA\tna\tMYC\n", "repeated_gene_set"),
        (b"A\tna\nB\tna\t\n", "no_genes"),
        (bytes(range(256)) * 20, "binary_file"),
        (HDF5 + bytes(100), "not_gene_sets"),
        (b"\x89PNG" + bytes(50), "other_file_kind"),
        (b"<!doctype html><html>", "other_file_kind"),
        (b"PK\x03\x04" + bytes(50), "other_file_kind"),
        (gzip.compress(TWO, mtime=0)[:-12], "damaged_gzip"),
    ],
)
def test_other_content_is_refused(data, code):
    with raises_code(code) as refused:
        read_gmt(data)
    assert refused.value.hint
    assert "expression" not in str(refused.value)


def test_missing_and_too_large_files_are_refused(tmp_path, monkeypatch):
    with raises_code("unreadable_file") as refused:
        read_gmt(tmp_path / "none.gmt")
    assert refused.value.hint
    monkeypatch.setattr(gmt, "MAX_GMT_BYTES", 10)
    with raises_code("too_large"):
        read_gmt(TWO)


pieces = st.sampled_from(
    [b"\t", b"\n", b"\r\n", b"TP53", b"VIM", b"na", b"EMT", b"#", b",", b'"', b"1", b" ", b"\xef\xbb\xbf"]
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=40).map(b"".join)), st.booleans())
def test_any_bytes_are_read_or_refused(data, packed):
    try:
        sets = read_gmt(gzip.compress(data, mtime=0) if packed else data)
    except CellStateError as error:
        assert error.message.strip().endswith((".", "?")), error.message
    else:
        assert sets and all(name and genes and all(genes) for name, genes in sets.items())
        assert all(len(set(genes)) == len(genes) for genes in sets.values())


def test_too_many_sets_or_names_are_refused(monkeypatch):
    monkeypatch.setattr(gmt, "MAX_SETS", 2)
    with raises_code("too_large"):
        read_gmt(b"A\t\tTP53\nB\t\tTP53\nC\t\tTP53\n")
    monkeypatch.setattr(gmt, "MAX_NAMES", 4)
    with raises_code("too_large"):
        read_gmt(b"A\t\tTP53\tMYC\nB\t\tTP53\n")


def test_progress_is_reported_and_can_stop():
    def stop(step, fraction):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        read_gmt(b"A\t\tTP53\n", progress=stop)


def test_the_hallmark_sets_come_with_cellstate() -> None:
    sets = hallmark_sets()
    assert len(sets) == 50 and {len(genes) for genes in sets.values()} <= set(range(30, 201))
    assert "CDKN1A" in sets["HALLMARK_P53_PATHWAY"]
