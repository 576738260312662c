"""Files of other kinds are refused by name."""

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest

from cellstate.io import read_samples
from tests.support.read_codes import raises_code

KNOWN = {
    "sparse_matrix": b"%%MatrixMarket matrix coordinate integer general\n3 2 1\n1 1 4\n",
    "nanostring_rcc": b"<Header>\nFileVersion,1.7\n</Header>\n",
    "annotation_file": b'chr1\tHAVANA\tgene\t1\t900\t.\t+\t.\tgene_id "ENSG00000000003.5";\n' * 3,
    "variant_file": b"##fileformat=VCFv4.2\n#CHROM\tPOS\n",
    "mutation_file": b"#version 2.4\nHugo_Symbol\tEntrez_Gene_Id\tVariant_Classification\nTP53\t7157\tSilent\n",
    "sequence_file": b">ENST1\nACGTACGTACGTACGTACGTACGT\n",
    "protein_table": b"Gene names\tProtein IDs\tLFQ intensity A\nTP53\tP04637\t9290438.0\n",
    "qpcr_table": b"Gene,Ct\nTP53,27.5\nMYC,24.1\n",
    "empty_series_matrix": b'!Series_title\t"x"\n!series_matrix_table_begin\n"ID_REF"\n!series_matrix_table_end\n',
    "count_summary": b"Status\ta.bam\nAssigned\t234\nUnassigned_Unmapped\t5\nUnassigned_NoFeatures\t9\n",
    "sample_sheet": b"sample,condition,age\nS1,ctrl,60\nS2,ctrl,61\n",
}


@pytest.mark.parametrize("code", KNOWN)
def test_other_files_are_told_by_name(code):
    with raises_code(code) as caught:
        read_samples(KNOWN[code])
    assert caught.value.hint.endswith(".")


def test_series_matrix_with_values_is_read(profile):
    table = profile.frame(profile.tpm_SF).to_csv(sep="\t")
    text = f'!Series_title\t"x"\n!series_matrix_table_begin\n{table}!series_matrix_table_end\n'
    profile.assert_same(read_samples(text.encode()))


HDF5 = {
    "loom": ("matrix", "row_attrs/Gene", "col_attrs/CellID"),
    "10x": ("matrix/indptr", "matrix/shape", "matrix/data"),
    "kallisto": ("aux/ids", "est_counts"),
    "Seurat": ("assays/RNA", "cell.names"),
}


@pytest.mark.parametrize("kind", HDF5)
def test_hdf5_of_other_tools_is_told_by_name(kind):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path in HDF5[kind]:
            file[path] = np.arange(4.0)
    with raises_code("other_file_kind") as caught:
        read_samples(buffer.getvalue())
    assert kind in caught.value.message
