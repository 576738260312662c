"""Workbooks, Parquet, Feather and archives are read as the tables in them."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pandas as pd
import pytest

from cellstate.expression.reading import confirm
from cellstate.io import ReadOptions, pack_files, preview_file, read_samples
from cellstate.io import containers as containers_module
from tests.support.read_codes import raises_code, warning_codes
from tests.support.workbooks import workbook

pytest.importorskip("python_calamine", reason="the environment is older than requirements.txt")


def _rows(frame: pd.DataFrame) -> list[list[object]]:
    return [
        ["gene", *frame.columns],
        *([name, *row] for name, row in zip(frame.index, frame.to_numpy().tolist(), strict=True)),
    ]


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_sheet_with_the_most_numbers_is_read(profile):
    table = [["Table 1. Expression"], *_rows(profile.frame(profile.tpm_SF, "symbol"))]
    data = workbook({"README": [["Made in a laboratory"], ["n", 3]], "TPM": table})
    samples = read_samples(data, name="GSE1.xlsx")
    profile.assert_same(samples)
    assert {"sheet_choice", "lines_above_header"} <= set(warning_codes(samples))
    assert "'TPM'" in samples.report.warnings[0]
    assert preview_file(data, "GSE1.xlsx").n_columns == 4


def test_another_sheet_can_be_chosen(profile):
    sheets = {"TPM": _rows(profile.frame(profile.tpm_SF)), "counts": _rows(profile.frame(profile.counts_SF))}
    samples = read_samples(workbook(sheets), options=ReadOptions(sheet="counts"))
    assert samples.report.unit == "counts"
    with raises_code("unknown_option"):
        read_samples(workbook(sheets), options=ReadOptions(sheet="absent"))


def test_whole_numbers_in_a_workbook_name_samples_and_genes(profile):
    frame = profile.frame(profile.counts_SF, "entrez").set_axis([2019.0, 2020.0, 2021.0], axis="columns")
    frame.index = frame.index.astype(float)
    samples = read_samples(workbook({"Sheet1": _rows(frame)}))
    profile.assert_same(samples, names=("2019", "2020", "2021"))


@pytest.mark.parametrize("kind", ["parquet", "feather"])
@pytest.mark.parametrize("index", [True, False])
def test_tables_of_arrow_are_read(profile, kind, index):
    frame, buffer = profile.frame(profile.tpm_SF), io.BytesIO()
    if kind == "feather" or not index:  # Feather keeps no names of rows
        frame = frame.reset_index()
    (frame.to_parquet if kind == "parquet" else frame.to_feather)(buffer)
    profile.assert_same(read_samples(buffer.getvalue(), name=f"x.{kind}"))


@pytest.mark.parametrize(
    ("magic", "code"),
    [(b"PAR1", "damaged_table_file"), (b"ARROW1\0\0", "damaged_table_file"), (b"FEA1", "other_file_kind")],
)
def test_damaged_tables_of_arrow_are_refused_by_name(magic, code):
    with raises_code(code):
        read_samples(magic + bytes(100) + magic)


def test_one_table_of_a_zip_archive_is_read(profile):
    text = profile.frame(profile.tpm_SF).to_csv().encode()
    data = _zip(**{"folder/expr.csv": text, "folder/README.md": b"hello", "__MACOSX/._expr.csv": b"x"})
    samples = read_samples(data, name="one.zip")
    profile.assert_same(samples)
    assert samples.report.source == "one.zip" and warning_codes(samples)[0] == "archive_member"
    assert preview_file(data, "one.zip").n_rows == 3000


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_files_of_one_sample_each_become_a_cohort(profile, kind):
    frame = profile.frame(profile.counts_SF)
    members = {f"GSM{n}_{name}.txt": frame[[name]].to_csv(sep="\t", header=False).encode()
               for n, name in enumerate(profile.samples)}  # fmt: skip
    data = _tar(members) if kind == "tar" else _zip(**members)
    samples = read_samples(data, name="GSE_RAW.tar")
    profile.assert_same(samples, names=tuple(name.removesuffix(".txt") for name in members))
    assert "cohort_of_files" in warning_codes(samples) and samples.report.unit == "counts"


def test_archives_of_other_files_are_refused(profile):
    text = profile.frame(profile.tpm_SF).to_csv().encode()
    with raises_code("few_genes_in_member"):
        read_samples(_tar({"a.txt": b"gene\ta\nTP53\t7\nMYC\t3\n"}))
    with raises_code("mixed_units"):
        read_samples(_zip(**{"a.csv": text, "b.csv": profile.frame(profile.counts_SF).to_csv().encode()}))
    with raises_code("no_known_genes"):
        read_samples(_zip(**{"a.csv": text, "b.csv": b"thing,a\nchair,3\ntable,7\n"}))
    with raises_code("damaged_archive"):
        read_samples(_zip(**{"a.csv": text})[:-60])


def test_unpacked_size_is_limited(monkeypatch):
    data = _zip(**{"a.csv": b"1,2\n" * 100_000})
    monkeypatch.setattr(containers_module, "MAX_BYTES", 10_000)
    with raises_code("too_large"):
        read_samples(data)
    with raises_code("too_large"):
        read_samples(_tar({"a.csv": bytes(20_000)}))


def _salmon(profile, sample: int) -> bytes:
    columns = {
        "Name": profile.names("ensembl"),
        "Length": profile.length_bp,
        "EffectiveLength": profile.length_bp - 10.0,
        "TPM": profile.tpm_SF[sample],
        "NumReads": profile.counts_SF[sample],
    }
    return pd.DataFrame(columns).to_csv(sep="\t", index=False).encode()


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("A.quant.sf", "B.quant.sf", "C.quant.sf"), ("A", "B", "C")),
        (("run/A/quant.sf", "run/B/quant.sf", "run/C/quant.sf"), ("A", "B", "C")),
        (("A/salmon/quant.sf", "B/salmon/quant.sf", "C/salmon/quant.sf"), ("A", "B", "C")),
        (("quant.sf", "quant.sf", "quant.sf"), ("1", "2", "3")),
        (("C:\\a\\quant.sf", "C:\\b\\quant.sf", "D:\\c\\quant.sf"), ("a", "b", "c")),
    ],
)
def test_files_of_a_quantifier_become_one_table(profile, paths, names):
    files = [(path, _salmon(profile, sample)) for sample, path in enumerate(paths)]
    data = pack_files(files)
    assert data == pack_files(files)
    samples = read_samples(data, name="3 files.zip")
    profile.assert_same(samples, names=names)
    assert samples.report.format == "salmon" and "cohort_of_files" in warning_codes(samples)
    assert [one.confidence for one in samples.report.decisions] == [1.0] * 4


def test_files_of_several_units_are_refused(profile):
    text = profile.frame(profile.counts_SF).to_csv().encode()
    with raises_code("mixed_units"):
        read_samples(pack_files([("A.quant.sf", _salmon(profile, 0)), ("counts.csv", text)]))


def test_the_least_sure_decision_stands_for_all_files(profile):
    sure, unsure = (profile.frame(values_SF).to_csv().encode() for values_SF in (profile.tpm_SF, profile.tpm_SF * 0.3))
    with raises_code("mixed_units"):
        read_samples(pack_files([("a.csv", sure), ("b.csv", unsure)]))
    both = read_samples(pack_files([("a_fpkm.csv", sure), ("b.csv", unsure)]))
    assert [doubt.name for doubt in both.report.doubts] == ["unit"]


def test_several_tables_in_a_workbook_are_a_doubt(profile):
    sheets = {"TPM": _rows(profile.frame(profile.tpm_SF)), "counts": _rows(profile.frame(profile.counts_SF))}
    data = workbook({"about": [["n", 3]], **sheets})
    report = read_samples(data).report
    [doubt] = report.doubts
    assert (doubt.name, doubt.value) == ("sheet", report.sheets[0]) and set(report.sheets) == {"TPM", "counts"}
    options = confirm(ReadOptions(), report)
    assert options.sheet == report.sheets[0] and not read_samples(data, options=options).report.doubts
    assert not read_samples(workbook({"about": [["n", 3]], "TPM": sheets["TPM"]})).report.doubts


def test_a_second_sheet_about_the_samples_becomes_annotations(profile):
    about = [
        ["sample", "arm", "age"],
        ["normal", "control", 40],
        ["tumour A", "treated", 61],
        ["tumour B", "treated", 5],
    ]
    data = workbook({"patients": about, "TPM": _rows(profile.frame(profile.tpm_SF))})
    samples = read_samples(data)
    profile.assert_same(samples)
    assert samples.report.annotations == (
        ("arm", ("treated", "treated", "control")),
        ("age", ("61", "5", "40")),
    )
    assert "sample_annotations" in warning_codes(samples) and not samples.report.doubts
