"""A synthetic profile written as each tool writes it, and read back."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from cellstate.genes import transcript_genes
from cellstate.io import ReadOptions, read_samples
from cellstate.io.formats.h5ad import _SAMPLE_COLUMNS
from tests.support.read_codes import raises_code, warning_codes


def _tsv(frame: pd.DataFrame, **options) -> str:
    return frame.to_csv(sep="\t", index=False, **options)


def test_gct_1_2(profile):
    frame = profile.frame(profile.tpm_SF).reset_index(names="Name")
    frame.insert(1, "Description", profile.names("symbol"))
    samples = read_samples(f"#1.2\n3000\t3\n{_tsv(frame)}".encode(), name="wrong_ending.csv")
    profile.assert_same(samples)
    assert (samples.report.format, samples.report.id_type) == ("gct 1.2", "ensembl")


def test_gct_1_3_skips_rows_about_samples(profile):
    frame = profile.frame(profile.tpm_SF, "symbol").reset_index(names="id")
    frame.insert(1, "chromosome", "chr1")
    frame.insert(2, "n_exons", 4)
    about = "batch\tna\tna\t1\t2\t3\nsite\tna\tna\tcolon\tcolon\trectum\n"
    header, body = _tsv(frame).split("\n", 1)
    samples = read_samples(f"#1.3\n3000\t3\t2\t2\n{header}\n{about}{body}".encode())
    profile.assert_same(samples)
    assert samples.report.format == "gct 1.3"


def test_gct_with_text_after_its_version_and_fewer_rows_than_announced(profile):
    frame = profile.frame(profile.tpm_SF).reset_index(names="Name")
    frame.insert(1, "Description", "")
    samples = read_samples(f"#1.2 {'as exported ' * 50}\n4000\t3\n{_tsv(frame)}".encode())
    assert samples.report.format == "gct 1.2" and "size_mismatch" in warning_codes(samples)


def _transcripts(profile) -> tuple[list[str], np.ndarray]:
    """Return two transcripts a gene where there are two, and the gene of each by position in the profile."""
    by_gene: dict[int, list[str]] = {}
    for transcript, gene in transcript_genes().items():
        by_gene.setdefault(gene, []).append(transcript)
    pairs = [(t, at) for at, gene in enumerate(profile.positions) for t in by_gene[int(gene)][:2]]
    return [f"{t}.1" for t, _ in pairs], np.array([at for _, at in pairs])


@pytest.mark.parametrize("tool", ["salmon", "kallisto"])
def test_salmon_and_kallisto_sum_transcripts(profile, tool):
    ids, gene = _transcripts(profile)
    share = 1.0 / np.bincount(gene)[gene]
    tpm, reads = profile.tpm_SF[0][gene] * share, profile.counts_SF[0][gene] * share
    columns = {
        "salmon": {"Name": ids, "Length": 1500, "EffectiveLength": 1300.5, "TPM": tpm, "NumReads": reads},
        "kallisto": {"target_id": ids, "length": 1500, "eff_length": 1300.5, "est_counts": reads, "tpm": tpm},
    }[tool]
    samples = read_samples(_tsv(pd.DataFrame(columns)).encode(), name="A1.quant.sf")
    profile.assert_same(samples, names=("A1",))
    report = samples.report
    assert (report.format, report.unit, report.id_type) == (tool, "TPM", "transcript")
    assert "duplicate_genes" not in [warning.code for warning in report.warnings]
    np.testing.assert_allclose(samples.library_size_S, profile.counts_SF[0].sum())


@pytest.mark.parametrize("unit", [None, "log2(counts+0.001)"])
def test_negative_reads_and_tpm_with_any_unit(unit):
    header = "Name\tLength\tEffectiveLength\tTPM\tNumReads\n"
    files = [f"{header}TP53\t900\t800\t{tpm}\t-7\nMYC\t900\t800\t400000\t5\n".encode() for tpm in (600000, -3)]
    assert read_samples(files[0], options=ReadOptions(unit=unit)).library_size_S.tolist() == [5]
    with raises_code("negative_values"):
        read_samples(files[1], options=ReadOptions(unit=unit))


@pytest.mark.parametrize("level", ["genes", "isoforms"])
def test_rsem(profile, level):
    frame = pd.DataFrame({"gene_id": profile.names("ensembl"), "transcript_id(s)": "ENST00000000233.1"})
    if level == "isoforms":
        frame = pd.DataFrame({"transcript_id": "ENST00000000233.1", "gene_id": profile.names("ensembl")})
    frame = frame.assign(
        length=profile.length_bp, effective_length=profile.length_bp, expected_count=profile.counts_SF[1]
    ).assign(TPM=profile.tpm_SF[1], FPKM=profile.tpm_SF[1] / 3)
    samples = read_samples(_tsv(frame).encode(), name=f"A1.{level}.results")
    np.testing.assert_allclose(samples.tpm_SA[0, profile.positions], profile.tpm_SF[1], rtol=1e-4)
    assert (samples.report.format, samples.report.unit, samples.names) == ("rsem", "TPM", ("A1",))
    counts = read_samples(_tsv(frame).encode(), options=ReadOptions(unit="counts"))
    assert counts.report.unit == "counts"
    np.testing.assert_allclose(counts.tpm_SA[0, profile.positions], profile.tpm_SF[1], rtol=1e-4)


@pytest.mark.parametrize("forward, chosen", [(0.5, "unstranded"), (0.98, "forward"), (0.03, "reverse")])
def test_star_takes_the_column_of_the_library(profile, forward, chosen):
    counts = profile.counts_SF[0] if chosen == "unstranded" else profile.counts_SF[0] * 2
    frame = pd.DataFrame({"id": profile.names("ensembl"), "both": profile.counts_SF[0]})
    frame["forward"] = profile.counts_SF[0] if chosen == "forward" else np.round(counts * forward)
    frame["reverse"] = profile.counts_SF[0] if chosen == "reverse" else np.round(counts * (1 - forward))
    summary = "".join(f"N_{kind}\t900\t900\t900\n" for kind in ("unmapped", "multimapping", "noFeature", "ambiguous"))
    samples = read_samples(
        (summary + _tsv(frame.astype({"both": int}), header=False)).encode(), name="S1ReadsPerGene.out.tab"
    )
    if chosen != "reverse":
        profile.assert_same(samples, names=("S1",))
    assert samples.report.format == "star" and warning_codes(samples)[0] == "strand_choice"
    assert chosen in samples.report.warnings[0]
    assert samples.library_size_S[0] < profile.counts_SF[0].sum() + 900


def test_featurecounts_shortens_paths(profile):
    frame = pd.DataFrame({"Geneid": profile.names("ensembl"), "Chr": "1;1", "Start": "1;9", "End": "5;12"})
    frame = frame.assign(Strand="+;+", Length=profile.length_bp * 1.5)
    paths = ("/data/run 1/A.sorted.bam", "B.bam", "x/y/CAligned.sortedByCoord.out.bam")
    for path, counts in zip(paths, profile.counts_SF, strict=True):
        frame[path] = counts
    samples = read_samples(b'# Program:featureCounts v2.0.1; Command:"featureCounts"\n' + _tsv(frame).encode())
    profile.assert_same(samples, names=("A", "B", "C"))
    assert (samples.report.format, samples.report.unit) == ("featurecounts", "counts")


def _adata(profile, values, names="symbol") -> anndata.AnnData:
    return anndata.AnnData(
        values, obs=pd.DataFrame(index=list(profile.samples)), var=pd.DataFrame(index=profile.names(names))
    )


def _bytes(adata, tmp_path) -> bytes:
    adata.write_h5ad(tmp_path / "a.h5ad")
    return (tmp_path / "a.h5ad").read_bytes()


@pytest.mark.parametrize("form", ["dense", "csr", "csc", "layer", "raw", "gene ids in var"])
def test_h5ad(profile, tmp_path, form):
    scaled = np.log1p(profile.counts_SF * 3.3)
    if form == "layer":
        adata = _adata(profile, scaled)
        adata.layers["counts"] = scipy.sparse.csr_matrix(profile.counts_SF)
    elif form == "raw":
        adata = _adata(profile, profile.counts_SF)
        adata.raw = adata
        adata = adata[:, :100].copy()
        adata.X = np.log1p(adata.X) * 1.1
    elif form == "gene ids in var":
        adata = _adata(profile, profile.counts_SF)
        adata.var.index = [f"gene {n}" for n in range(3000)]
        adata.var["gene_ids"] = pd.Categorical(profile.names("ensembl"))
    else:
        forms = {"dense": np.asarray, "csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix}
        adata = _adata(profile, forms[form](profile.counts_SF))
    samples = read_samples(_bytes(adata, tmp_path), name="upload.bin")
    profile.assert_same(samples)
    report = samples.report
    assert (report.format, report.orientation, report.unit) == ("h5ad", "genes in columns", "counts")
    assert report.id_type == ("ensembl" if form == "gene ids in var" else "symbol")


def test_h5ad_takes_lengths_from_var(profile, tmp_path):
    """They replace those of the axis; a column of another size is damage, as is one of gene names."""
    import h5py

    adata = _adata(profile, profile.counts_SF)
    adata.var["length"] = profile.length_bp * 1.5
    adata.var["gene_ids"] = profile.names("ensembl")
    data = _bytes(adata, tmp_path)
    assert read_samples(data, options=ReadOptions(unit="counts")).names == profile.samples
    for column in ("length", "gene_ids"):
        path = tmp_path / f"{column}.h5ad"
        path.write_bytes(data)
        with h5py.File(path, "r+") as file:
            short = file[f"var/{column}"][:-1]
            del file[f"var/{column}"]
            file[f"var/{column}"] = short
        with raises_code("damaged_h5ad"):
            read_samples(path)


@pytest.mark.parametrize("names, expected", [
    (["A", "B", "C"], ("A", "B", "C")), (["A", "A", "C"], ("0", "1", "2")),
])  # fmt: skip
def test_h5ad_samples_that_are_only_counted_take_names_that_differ(profile, tmp_path, names, expected):
    adata = _adata(profile, profile.counts_SF)
    adata.obs = pd.DataFrame({_SAMPLE_COLUMNS[0]: names}, index=["0", "1", "2"])
    assert read_samples(_bytes(adata, tmp_path)).names == expected


OTHER_TOOLS = {
    "loom": ("matrix", "row_attrs/x", "col_attrs/x"),
    "10x": ("matrix/indptr", "matrix/shape"),
    "kallisto": ("aux/x", "est_counts"),
    "Seurat": ("assays/x", "cell.names"),
    "MuData": ("mod/x",),
}


@pytest.mark.parametrize("tool", OTHER_TOOLS)
def test_hdf5_of_another_tool_is_named(tmp_path, tool):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        for path in OTHER_TOOLS[tool]:
            file[path] = np.arange(3)
    with raises_code("other_file_kind") as caught:
        read_samples(tmp_path / "a.h5")
    assert tool in caught.value.message


def test_damaged_or_foreign_hdf5_is_refused(profile, tmp_path):
    import h5py

    data = _bytes(_adata(profile, profile.counts_SF), tmp_path)
    for broken in (data[: len(data) // 2], data[:100], data[:2000] + bytes(3000) + data[5000:]):
        with raises_code("damaged_h5ad"):
            read_samples(broken)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = np.arange(3)
    with raises_code("unsupported_h5ad"):
        read_samples(tmp_path / "other.h5")


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux reports the peak memory of an interval"
)
def test_h5ad_with_wrong_sizes_takes_no_memory(profile, tmp_path):
    import h5py

    whole = _bytes(_adata(profile, profile.counts_SF), tmp_path)
    with h5py.File(tmp_path / "a.h5ad") as file:
        names = file["var/_index"].id.get_offset()
    attribute = whole.index(b"_index\0\0\x19") + 8 + 32
    assert int.from_bytes(whole[attribute : attribute + 4], "little") == len("_index")
    for place in (names, attribute):
        assert _most_memory(whole[:place] + (2**31).to_bytes(4, "little") + whole[place + 4 :]) < 100_000_000
    # A chunk of a few megabytes that LZF expands to hundreds of megabytes.
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        shape = file["X"].shape
        del file["X"]
        dataset = file.create_dataset("X", shape, np.float32, chunks=shape, compression="lzf")
        dataset.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        dataset.id.write_direct_chunk((0, 0), b"\0\0" + b"\xe0\xff\0" * 1_500_000)
    assert _most_memory((tmp_path / "a.h5ad").read_bytes()) < 100_000_000


def _most_memory(data: bytes) -> int:
    """Return by how many bytes this process grows while it reads a damaged file."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak()
    with raises_code("damaged_h5ad"):
        read_samples(data)
    return _peak() - before


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_packed_h5ad(profile, tmp_path, compression):
    _adata(profile, profile.counts_SF).write_h5ad(tmp_path / "packed.h5ad", compression=compression)
    profile.assert_same(read_samples((tmp_path / "packed.h5ad").read_bytes(), name="packed.h5ad"))


def test_h5ad_with_names_in_chunks(profile, tmp_path):
    import h5py

    _adata(profile, profile.counts_SF).write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        names = file["var/_index"][:]
        del file["var/_index"]
        file["var"].create_dataset("_index", data=names, chunks=(1000,), maxshape=(None,))
    profile.assert_same(read_samples(tmp_path / "a.h5ad"))


def test_format_can_be_chosen_and_refused(profile):
    table = profile.frame(profile.tpm_SF).to_csv().encode()
    profile.assert_same(read_samples(table, options=ReadOptions(format="csv")))
    codes = {"h5ad": "wrong_format", "salmon": "wrong_format", "loom": "unknown_option", "gct": "damaged_gct"}
    for wanted, code in codes.items():
        with raises_code(code):
            read_samples(table, options=ReadOptions(format=wanted))
