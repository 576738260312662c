"""Files that are not expression profiles are refused with a code, a message and a hint."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellstate.genes import gene_axis
from cellstate.io import ReadOptions, read_gmt, read_samples, source
from cellstate.io import table as table_module
from tests.support.golden import check_golden
from tests.support.read_codes import raises_code, warning_codes


def _zip(*members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member in members:
            archive.writestr(member, "a,b\n1,2\n")
    return packed.getvalue()


def _genes(n: int = 50) -> list[str]:
    return list(gene_axis().symbol[:n])


def _table(header: str, row: str, n: int = 50) -> bytes:
    return (header + "\n" + "".join(f"{gene}{row}\n" for gene in _genes(n))).encode()


REFUSED = {
    "empty": (b"", "empty_file"),
    "blank": (b" \n\n ", "empty_file"),
    "blank characters of Unicode": ("\u2028\n\u00a0\n\u3000".encode(), "empty_file"),
    "empty gzip": (gzip.compress(b""), "empty_file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "other_file_kind"),
    "pdf": (b"%PDF-1.7\n...", "other_file_kind"),
    "xlsx": (_zip("[Content_Types].xml", "xl/workbook.xml"), "damaged_workbook"),
    "xls": (b"\xd0\xcf\x11\xe0" + bytes(50), "damaged_workbook"),
    "zip": (_zip("README.md"), "other_file_kind"),
    "document": (_zip("word/document.xml"), "other_file_kind"),
    "bzip2": (b"BZh91AY", "other_file_kind"),
    "pickle": (pickle.dumps({"a": np.arange(3)}, protocol=4), "other_file_kind"),
    "binary": (bytes(range(256)) * 20, "binary_file"),
    "web page": (b"<!DOCTYPE html><html></html>", "other_file_kind"),
    "cut gzip": (gzip.compress(b"gene,a\n" * 1000)[:-20], "damaged_gzip"),
    "damaged gzip": (gzip.compress(b"gene,a\nTP53,1\n")[:-8] + bytes(8), "damaged_gzip"),
    "gzip twice": (gzip.compress(gzip.compress(b"gene,a\nTP53,1\n")), "packed_twice"),
    "prose": (b"Dear colleague,\nplease find the data attached.\nBest wishes\n", "not_a_table"),
    "text table": (_table("gene,type,place", ",kinase,nucleus"), "no_numbers"),
    "header only": (b"gene,a,b\n", "no_numbers"),
    "no gene": (b"thing,a,b\nchair,1,2\ntable,3,4\nlamp,5,6\n", "no_known_genes"),
    "probes": (("probe,a,b\n" + "".join(f"{n}_at,7.1,8.2\n" for n in range(1000, 1100))).encode(), "microarray_probes"),
    "mouse ids": (("id,a\n" + "".join(f"ENSMUSG{n:011d},{n}.5\n" for n in range(100))).encode(), "other_species"),
    "mouse ids of two lines": (b'id,a\n"ENSMUSG00000059552\nx",3.5\n"ENSMUSG00000059553\nx",4.5\n', "other_species"),
    "mouse symbols": (("id,a\n" + "".join(f"{g.capitalize()},7\n" for g in _genes(400))).encode(), "other_species"),
    "infinite": (_table("gene,a,b", ",3.5,inf"), "infinite_values"),
    "ratios": (_table("gene,a,b", ",-1.5,2.25"), "negative_values"),
    "test results": (_table("gene,baseMean,log2FoldChange,padj", ",10.5,-1.5,0.01"), "test_results"),
    "empty sample": (_table("gene,full,hollow", ",3,0"), "empty_sample"),
    "uneven rows": (_table("gene,a,b", ",3,4", 100) + b"TP53,1,2,3,4,5\n" + b"MYC,1,2\n", "damaged_table"),
    "names alone": (("\n".join(["gene", *_genes()])).encode(), "not_a_table"),
    "one endless line": (b"TP53," * 400_000, "not_a_table"),
    "only lengths": (_table("gene,length,Start", ",1500,20", 50), "no_values"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_code_message_and_hint(kind):
    data, code = REFUSED[kind]
    with raises_code(code) as caught:
        read_samples(data, name="upload.csv")
    assert caught.value.message.endswith(".") and "\n" not in caught.value.message
    assert caught.value.hint.endswith((".", ""))


def test_texts_of_refusals():
    found = {}
    for kind, (data, code) in REFUSED.items():
        with raises_code(code) as caught:
            read_samples(data, name="upload.csv")
        found[kind] = [caught.value.message, caught.value.hint]
    check_golden("read_refusals", found)


def test_table_after_a_hundred_blank_lines():
    with raises_code("not_a_table"):
        read_samples(b"\n" * 100 + b"gene,a\nTP53,1\n")


def test_a_missing_file(tmp_path):
    with raises_code("unreadable_file"):
        read_samples(tmp_path / "absent.csv")
    with raises_code("unreadable_file"):
        read_samples(tmp_path)


def test_only_regular_files_are_read(tmp_path):
    """Others have no end, or wait for somebody who writes."""
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with raises_code("unreadable_file"):
            read_samples(path)
        with raises_code("unreadable_file"):
            read_gmt(path)


def test_no_more_than_the_limit_is_read_of_a_file(monkeypatch):
    """Files of the kernel say that they are empty."""
    path = Path("/proc/self/maps")
    if not path.exists():
        pytest.skip("this system has no /proc")
    monkeypatch.setattr(source, "MAX_BYTES", 50)
    assert path.stat().st_size == 0
    with raises_code("too_large"):
        read_samples(path)


def test_gzip_bomb_is_refused_early(monkeypatch):
    monkeypatch.setattr(source, "RATIO_CHECKED_ABOVE_BYTES", 1_000_000)
    with raises_code("too_large"):
        read_samples(gzip.compress(bytes(20_000_000)))
    monkeypatch.setattr(source, "MAX_BYTES", 1_000)
    with raises_code("too_large"):
        read_samples(gzip.compress(np.random.default_rng(0).bytes(5_000)))


def test_too_many_samples():
    frame = pd.DataFrame(np.ones((20_001, 3), dtype=int), columns=_genes(3))
    with raises_code("too_many_samples"):
        read_samples(frame.to_csv().encode())


def test_too_many_samples_are_seen_in_the_header(monkeypatch):
    """Before the cells are parsed, which takes long."""
    monkeypatch.setattr(table_module, "_parse", lambda *_: pytest.fail("the cells were parsed"))
    names = ",".join(f"cell{i}" for i in range(20_001))
    row = ",".join("1" for _ in range(20_001))
    with raises_code("too_many_samples"):
        read_samples(f"gene,{names}\nTP53,{row}\nMYC,{row}\n".encode())


def test_unknown_options():
    table = _table("gene,a,b", ",3,4")
    for wrong in ({"unit": "furlongs"}, {"format": "loom"}, {"id_type": "Colour"}):
        with raises_code("unknown_option"):
            read_samples(table, options=ReadOptions(**wrong))
    with raises_code("unknown_option"):
        ReadOptions(orientation="sideways")


def test_some_mouse_genes_give_a_warning():
    rows = [f"{g},5" for g in _genes(200)] + [f"{g.capitalize()},5" for g in gene_axis().symbol[200:300]]
    samples = read_samples(("gene,a\n" + "\n".join(rows)).encode())
    assert "other_species" in warning_codes(samples)
