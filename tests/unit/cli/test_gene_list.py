"""Files of gene names are unpacked within limits, whatever they hold."""

from __future__ import annotations

import argparse
import gzip

import pytest

from cellstate.cli.readers import read_genes
from cellstate.errors import CellStateError
from tests.support.factories import make_space

SPACE = make_space(30)


def genes_of(path) -> set[str]:
    found = read_genes(argparse.Namespace(quiet=True), str(path), SPACE)
    assert found is not None
    return {SPACE.symbols[i] for i in found}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_any_text_file_of_names_is_read(tmp_path, encoding, pack):
    path = tmp_path / "names.txt"
    path.write_bytes(pack(f"# Liste für Gene\r\n{SPACE.symbols[3]}\r\n{SPACE.symbols[5]}, note\r\n".encode(encoding)))
    assert genes_of(path) == {SPACE.symbols[3], SPACE.symbols[5]}


NO_LISTS = {
    "bomb of zeros": (lambda: gzip.compress(bytes(40_000_000), 1), "too large"),
    "bomb of names": (lambda: gzip.compress(b"TP53\n" * 8_000_000, 1), "too large"),
    "cut short": (lambda: gzip.compress(b"TP53\n" * 100)[:-9], "cut short"),
    "HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "one gene a line"),
    "zip": (lambda: b"PK\x03\x04" + bytes(100), "zip archive"),
    "binary": (lambda: b"TP53\x00\x01\x02" * 100, "binary file"),
    "empty": (bytes, "empty"),
    "55 MB of names": (lambda: b"TP53\n" * 11_000_000, "one gene a line"),
}


@pytest.mark.parametrize("kind", NO_LISTS)
def test_what_is_no_list_is_refused_with_its_reason(tmp_path, kind):
    make, reason = NO_LISTS[kind]
    path = tmp_path / "names"
    path.write_bytes(make())
    with pytest.raises(CellStateError, match="is not a list of names") as caught:
        genes_of(path)
    assert reason in caught.value.hint
