"""What the trainer learns from: the disease cohort sets genes, mean and scale; further cohorts follow it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cellstate.cohorts import open_cohort
from cellstate.gene_space import align
from tests.support.factories import make_cohort, small_config
from train.callbacks import ProgressDisplay
from train.data import prepare
from train.distributed import DistributedContext
from train.fit import fit


@pytest.fixture
def further(tmp_path):
    """A second cohort: other samples of the same genes, some not measured, some at another level."""
    path = make_cohort(tmp_path / "further", n_train=20).path
    tpm_SA = np.load(path / "tpm.npy")
    measured = np.flatnonzero(~np.isnan(tpm_SA[0]))
    tpm_SA[:, measured[3]] = np.nan
    tpm_SA[:4, measured[7]] = np.nan
    tpm_SA[:, measured[10:40]] *= np.float32(3)
    np.save(path / "tpm.npy", tpm_SA)
    return open_cohort(path)


def test_further_cohorts_change_neither_genes_nor_standardisation(cohort, further):
    alone, both = prepare(cohort, 0.05), prepare(cohort, 0.05, (further,))
    assert alone.further_z_SG.shape == (0, 240)
    assert both.space.ensembl == alone.space.ensembl
    for name in ("mean_G", "scale_G", "share_tpm_G"):
        assert getattr(both.space, name).tobytes() == getattr(alone.space, name).tobytes()
    assert both.train_z_SG.tobytes() == alone.train_z_SG.tobytes()
    assert both.further_z_SG.shape == (20, 240) and both.further_z_SG.dtype == np.float32


def test_only_training_samples_are_added(cohort, further):
    before = prepare(cohort, 0.05, (further,)).further_z_SG
    tpm_SA = np.load(further.path / "tpm.npy")
    tpm_SA[(further.table["split"] != "train").to_numpy()] *= np.float32(5)
    np.save(further.path / "tpm.npy", tpm_SA)
    assert prepare(cohort, 0.05, (open_cohort(further.path),)).further_z_SG.tobytes() == before.tobytes()


def test_a_gene_that_is_not_measured_is_the_mean(cohort, further):
    for centre in (False, True):
        data = prepare(cohort, 0.05, (further,), centre=centre)
        measured_SG = align(further.split("train"), data.space).measured_SG
        assert not measured_SG.all()
        assert (data.further_z_SG[~measured_SG] == 0).all()


def test_centring_removes_differences_between_cohorts(cohort, further):
    plain, centred = (prepare(cohort, 0.05, (further,), centre=c) for c in (False, True))
    measured_SG = align(further.split("train"), plain.space).measured_SG
    assert np.abs(plain.further_z_SG.mean(axis=0)).max() > 1
    assert np.allclose(centred.further_z_SG.sum(axis=0), 0, atol=1e-3)
    # What lies between two profiles of the cohort stays as it was.
    within = measured_SG.all(axis=0)
    assert np.allclose(np.ptp(plain.further_z_SG[:, within], 0), np.ptp(centred.further_z_SG[:, within], 0), atol=1e-4)


def test_rescaling_measures_each_gene_by_its_own_spread(cohort, further):
    data = prepare(cohort, 0.05, (further,), rescale=True)
    gene = 100
    level_S = further.split("train").tpm_SA[:, data.space.axis_index_G].astype(float)
    log1p_S = np.log1p(level_S[:, gene] * np.nansum(~np.isnan(level_S) * data.space.share_tpm_G) / np.nansum(level_S))
    expected_S = (log1p_S - log1p_S.mean()) / (log1p_S.std() + 0.1)
    assert np.allclose(data.further_z_SG[:, gene], expected_S, atol=1e-4)


def test_a_further_cohort_keeps_the_levels_between_its_profiles(cohort, further):
    tpm_SA = np.load(further.path / "tpm.npy")
    np.save(further.path / "tpm.npy", tpm_SA * np.float32(7))
    sevenfold = prepare(cohort, 0.05, (open_cohort(further.path),), centre=False, rescale=False)
    tpm_SA[0] *= np.float32(2)
    np.save(further.path / "tpm.npy", tpm_SA)
    doubled = prepare(cohort, 0.05, (open_cohort(further.path),), centre=False, rescale=False)
    loud = cohort.split("train").tpm_SA[:, doubled.space.axis_index_G].min(axis=0) > 100
    log1p_SG = doubled.space.log1p_tpm(doubled.further_z_SG) - sevenfold.space.log1p_tpm(sevenfold.further_z_SG)
    measured = (doubled.further_z_SG != 0).all(axis=0) & loud
    assert measured.sum() > 5
    assert np.allclose(log1p_SG[0, measured] - log1p_SG[1, measured], np.log(2), atol=0.02)


def test_cohorts_of_any_size_weigh_the_same(cohort, further):
    data = prepare(cohort, 0.05, (further,))
    balanced_SG = data.balanced_z_SG
    assert balanced_SG[:48].tobytes() == data.train_z_SG.tobytes()
    mean_square_G = (balanced_SG[48:] ** 2).sum(axis=0) / 48
    assert np.allclose(mean_square_G, (data.further_z_SG**2).mean(axis=0), rtol=1e-4)
    assert len(prepare(cohort, 0.05).balanced_z_SG) == 48


def test_the_card_and_the_metrics_name_every_source(cohort, further, tmp_path):
    config = small_config(cohort.path, tmp_path / "m", epochs=1)
    config = replace(config, data=replace(config.data, also=(str(further.path),)))
    manifest = json.loads((further.path / "manifest.json").read_text())
    named = {"name": "a second cohort", "licence": "CC BY-SA 4.0", "attribution": "its makers"}
    (further.path / "manifest.json").write_text(json.dumps(manifest | named))
    fit(config, DistributedContext(0, 1, torch.device("cpu")), ProgressDisplay(visible=False))
    metrics = json.loads((tmp_path / "m" / "metrics.json").read_text())
    assert metrics["trained_on"]["name"] == "synthetic cohort"
    assert [one["name"] for one in metrics["also_trained_on"]] == ["a second cohort"]
    card = (tmp_path / "m" / "MODEL_CARD.md").read_text()
    assert "a second cohort" in card and "licence CC BY-SA 4.0; by its makers. 20 profiles" in card
