"""The demo cohort: atomic storage, cleaning, split by patient."""

import hashlib
import json
import zipfile

import numpy as np
import pytest

from cellstate.cohorts import coadread, get_coadread, open_cohort
from cellstate.cohorts.coadread import COADREAD_MEMBER, HISEQ, ILLUMINA_GA, assign_splits
from cellstate.errors import DataError
from cellstate.genes import gene_axis
from tests.support.read_codes import raises_code

NAMES = [f"TCGA-AA-{i:04d}-01" for i in range(40)]
OLDER = set(NAMES[30:])


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A small wheel with a table made as the real one is: two id columns, negatives, duplicates, a batch with gaps."""
    axis, rng = gene_axis(), np.random.default_rng(0)
    rows = []
    for position in range(2000):
        values = rng.gamma(1, 300, len(NAMES))
        values[3] = -0.5 if position == 7 else values[3]
        shown = ["" if name in OLDER and position >= 500 else f"{v:.4f}" for name, v in zip(NAMES, values, strict=True)]
        rows.append([axis.symbol[position], axis.entrez[position], *shown])
    rows += [["", axis.entrez[0], *["100"] * len(NAMES)], ["NOSUCH", "999999999", *["5"] * len(NAMES)]]
    text = "\n".join("\t".join(row) for row in [["Hugo_Symbol", "Entrez_Gene_Id", *NAMES], *rows])
    path = tmp_path / "wheel.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(COADREAD_MEMBER, text)
    monkeypatch.setattr(coadread, "COADREAD_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_cleaning(wheel, tmp_path):
    cohort = get_coadread(tmp_path / "c", source=wheel)
    assert cohort.manifest["n_samples"] == 40
    assert cohort.manifest["n_negatives_clipped"] == 1
    assert cohort.manifest["n_genes"] == len({e for e in gene_axis().entrez[:2000] if e})
    tpm = np.asarray(cohort.tpm_SA)
    assert np.allclose(np.nansum(tpm, axis=1), 1e6, rtol=1e-4)
    assert tpm[3, 7] == 0
    older = cohort.table["batch"] == ILLUMINA_GA
    assert set(cohort.table["name"][older]) == OLDER
    assert np.isnan(tpm[older.to_numpy(), 600]).all()
    assert set(cohort.table["split"][older]) == {"older_test"}


def test_duplicate_rows_of_a_gene_are_summed(wheel, tmp_path):
    tpm = np.asarray(get_coadread(tmp_path / "c", source=wheel).tpm_SA)
    length = gene_axis().length_bp
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(COADREAD_MEMBER).decode().splitlines()
    first, second = (float(lines[1 + gene].split("\t")[2]) for gene in (0, 1))
    assert tpm[0, 0] / tpm[0, 1] == pytest.approx((first + 100) / length[0] / (second / length[1]), rel=1e-4)


def test_repeating_changes_nothing_and_tampering_is_noticed(wheel, tmp_path):
    lines: list[str] = []
    get_coadread(tmp_path / "c", source=wheel)
    again = get_coadread(tmp_path / "c", source=wheel, report_progress=lines.append)
    assert lines == [f"already complete: {again.path}"]
    data = (tmp_path / "c" / "tpm.npy").read_bytes()
    (tmp_path / "c" / "tpm.npy").write_bytes(data[:-4] + b"1234")
    with raises_code("changed", DataError):
        get_coadread(tmp_path / "c", source=wheel)


def test_an_interrupted_run_leaves_nothing(wheel, tmp_path, monkeypatch):
    def stop(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(coadread, "counts_to_tpm", stop)
    with pytest.raises(KeyboardInterrupt):
        get_coadread(tmp_path / "c", source=wheel)
    assert [p.name for p in tmp_path.iterdir()] == ["wheel.whl"]
    monkeypatch.undo()


def test_another_wheel_is_refused(tmp_path):
    (tmp_path / "w.whl").write_bytes(b"something else")
    with raises_code("wrong_checksum", DataError):
        get_coadread(tmp_path / "c", source=tmp_path / "w.whl")
    with raises_code("missing_file", DataError):
        get_coadread(tmp_path / "c", source=tmp_path / "none.whl")


def test_a_folder_that_holds_something_else_is_left_alone(wheel, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "notes.txt").write_text("mine")
    with raises_code("folder_in_use", DataError):
        get_coadread(tmp_path / "c", source=wheel)


def test_a_failing_download_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(coadread, "COADREAD_WHEEL", "this is no package name")
    with raises_code("download_failed", DataError):
        get_coadread(tmp_path / "c")


def test_a_missing_or_foreign_cohort_is_named(cohort, tmp_path):
    with raises_code("incomplete", DataError):
        open_cohort(tmp_path)
    with raises_code("unknown_split", DataError):
        cohort.split("all")
    manifest = json.loads((cohort.path / "manifest.json").read_text())
    for name in ("tpm.npy", "samples.tsv"):
        (tmp_path / name).write_bytes((cohort.path / name).read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"axis_hash": "older"}))
    with raises_code("other_axis", DataError):
        open_cohort(tmp_path)


def test_no_patient_sits_on_two_sides():
    patients = [f"P{i % 300}" for i in range(400)]
    batch = np.array([ILLUMINA_GA if i % 300 >= 250 else HISEQ for i in range(400)])
    batch[399] = ILLUMINA_GA  # P99 was sequenced on both
    split = assign_splits(patients, batch)
    sides: dict[str, set[str]] = {}
    for patient, side in zip(patients, split, strict=True):
        sides.setdefault(patient, set()).add(side)
    assert all(len(s) == 1 for s in sides.values())
    assert sides["P99"] == {"older_test"}
    newer = [s for s in sides.values() if s != {"older_test"}]
    assert (newer.count({"train"}), newer.count({"validation"}), newer.count({"test"})) == (174, 25, 50)


def test_splits_depend_on_nothing_but_the_patients():
    patients = [f"P{i}" for i in range(50)]
    batch = np.array([HISEQ] * 50)
    forward = dict(zip(patients, assign_splits(patients, batch), strict=True))
    backward = dict(zip(patients[::-1], assign_splits(patients[::-1], batch), strict=True))
    assert forward == backward
