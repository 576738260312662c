"""Any bytes are read or refused; the order of genes and samples does not matter."""

from __future__ import annotations

import gzip
from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellstate.errors import ReadError
from cellstate.io import READERS, ReadOptions, read_samples
from cellstate.io.source import HDF5
from cellstate.samples import Samples

relaxed = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))

_STARTS = [
    b"", b"#1.2\n", b"#1.3\n2\t1\t1\t1\n", b"N_unmapped\t1\t1\t1\n", b"\xef\xbb\xbf", b"\xff\xfe", b"PK\x03\x04", HDF5,
    b"Name\tLength\tEffectiveLength\tTPM\tNumReads\n", b"target_id\tlength\teff_length\test_counts\ttpm\n",
    b"Geneid\tChr\tStart\tEnd\tStrand\tLength\ta.bam\n", b"gene_id\tlength\teffective_length\texpected_count\tTPM\n",
    b"gene,a,b\nTP53,1,2\n", b"\x1f\x8b\x08",
]  # fmt: skip
_CELLS = st.sampled_from(
    ["TP53", "MYC", "7157", "1956.0", "ENSG00000141510", "1-Mar", "", "NA", "-", "0", "1", "2.5", "-0.1", "1e308",
     "inf", "1,5", '"', '"a"', "#", "'", "Length", "TPM", "12345678901234567890", "é", "True", "=1"]
)  # fmt: skip


def _check(data: bytes, options: ReadOptions) -> None:
    try:
        samples = read_samples(data, options=options)
    except ReadError as error:
        assert error.message.strip().endswith((".", "?")), error.message
    else:
        assert isinstance(samples, Samples) and len(samples) > 0
        assert (np.nan_to_num(samples.tpm_SA) >= 0).all()
        np.testing.assert_allclose(np.nansum(samples.tpm_SA.astype(float), axis=1), 1e6, rtol=1e-3)


@relaxed
@given(st.sampled_from(_STARTS), st.binary(max_size=300), st.booleans(), st.sampled_from([None, *READERS]))
def test_any_bytes_are_read_or_refused(start, rest, packed, wanted):
    data = start + rest
    _check(gzip.compress(data) if packed else data, ReadOptions(format=wanted))


@settings(relaxed, max_examples=150)
@given(
    st.sampled_from(_STARTS[:12]),
    st.lists(st.lists(_CELLS, min_size=1, max_size=6), max_size=8),
    st.sampled_from([",", "\t", ";", " "]),
    st.sampled_from([None, *READERS]),
    st.sampled_from([None, "genes in rows", "genes in columns"]),
)
def test_any_table_is_read_or_refused(start, rows, delimiter, wanted, orientation):
    text = "\n".join(delimiter.join(row) for row in rows)
    _check(start + text.encode(), ReadOptions(format=wanted, orientation=orientation))


@settings(relaxed, max_examples=12)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_order_does_not_matter(profile, seed, transposed):
    random = Random(seed)
    frame = profile.frame(profile.counts_SF, "symbol")
    genes, samples = list(frame.index), list(frame.columns)
    expected = read_samples(frame.to_csv().encode())
    random.shuffle(genes)
    random.shuffle(samples)
    shuffled = frame.loc[genes, samples]
    read = read_samples((shuffled.T if transposed else shuffled).to_csv().encode())
    assert read.names == tuple(samples)
    back = [samples.index(name) for name in expected.names]
    np.testing.assert_allclose(read.tpm_SA[back], expected.tpm_SA, rtol=1e-5)
    np.testing.assert_array_equal(read.library_size_S[back], expected.library_size_S)


@settings(relaxed, max_examples=15)
@given(st.binary(min_size=1, max_size=40), st.integers(0, 2000), st.integers(0, 200))
def test_damaged_file_is_read_or_refused(profile, damage, at, cut):
    text = profile.frame(profile.tpm_SF).iloc[:200].to_csv().encode()
    data = text[:at] + damage + text[at + len(damage) : len(text) - cut]
    _check(data, ReadOptions())
