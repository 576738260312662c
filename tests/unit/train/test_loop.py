"""What the loop learns, keeps and refuses, in one process."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from cellstate.errors import CellStateError
from tests.unit.train.runs import ALONE, GENES, fresh, make_sources, run
from train.batches import ArraySource, batches
from train.config import LoopConfig, RunConfig
from train.loop import best_of


def test_training_learns():
    notes, outcome = run(make_sources(), epochs=30)
    assert outcome.finished and outcome.steps == 30 * 4
    assert notes.epochs[-1].validation_loss < 0.3 * notes.epochs[0].validation_loss
    assert notes.epochs[0].train_loss is None
    assert [s.step for s in notes.steps] == list(range(1, 121))
    assert [s.samples for s in notes.steps[:4]] == [16, 16, 16, 2]


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_training_loss_of_an_epoch_is_that_of_its_own_steps(missing):
    train, validation = make_sources(missing)
    notes, _ = run((train, validation), epochs=3)
    measured_S = (~np.isnan(train.z_SG)).sum(axis=1)
    for epoch in (1, 2, 3):
        rows = [b.rows for b in batches(train, GENES, LoopConfig(batch_size=16), epoch, ALONE)]
        steps = notes.steps[4 * (epoch - 1) : 4 * epoch]
        weights = [measured_S[of_step].sum() for of_step in rows]
        expected = np.average([step.loss for step in steps], weights=weights)
        assert notes.epochs[epoch].train_loss == pytest.approx(expected, rel=1e-9)


def test_the_learning_rate_rises_evenly_and_falls_as_half_a_cosine():
    notes, _ = run(make_sources(), epochs=6, learning_rate=0.01, warmup_steps=4, patience=6)
    rates = np.array([step.learning_rate for step in notes.steps]) / 0.01
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1])
    # 24 steps in all: of the 20 after the warm-up, half are over at the 15th step.
    assert rates[4:] == pytest.approx(0.5 * (1 + np.cos(np.pi * np.arange(20) / 20)))
    assert rates[14] == pytest.approx(0.5)


def test_a_deep_network_starts_close_to_the_mean_and_leaves_it():
    from cellstate.model import ModelConfig
    from cellstate.model.network import AutoEncoder, initialise

    network = AutoEncoder(ModelConfig("deep", (30, 32, 24, 16, 12, 8, 12, 16, 24, 32, 30)))
    initialise(network, 0)
    train, validation = make_sources(n=200)
    scaled = [ArraySource(s.z_SG / train.z_SG.std(), s.names) for s in (train, validation)]
    notes, _ = run((scaled[0], scaled[1]), network=network, epochs=30, batch_size=40, learning_rate=6e-3, patience=30)
    assert notes.epochs[0].validation_loss == pytest.approx(float((scaled[1].z_SG ** 2).mean()), rel=0.05)
    assert notes.epochs[-1].validation_loss < 0.4 * notes.epochs[0].validation_loss


def test_a_run_repeats_itself_exactly_and_a_seed_changes_it():
    def losses(**settings):
        return run(make_sources(), epochs=4, hide=0.3, noise=0.1, **settings)[0].losses

    assert losses() == losses() != losses(seed=1)


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("settings", [{}, {"hide": 0.4, "loss_on": "hidden"}], ids=["all", "hidden"])
def test_small_parts_add_up_to_the_batch(missing, settings):
    whole, parts = (
        run(make_sources(missing), epochs=3, how=RunConfig(micro_batch=m), **settings)[0].losses for m in (0, 5)
    )
    assert parts == pytest.approx(whole, rel=1e-5)


def test_recomputing_changes_nothing():
    plain, again = (run(make_sources(), epochs=3, how=RunConfig(recompute=r))[0].losses for r in (False, True))
    assert again == pytest.approx(plain, rel=1e-6)


def test_a_compiled_network_learns_the_same(monkeypatch):
    """The wiring alone: with a backend that fuses nothing, since not every machine has a C++ compiler."""
    plain, _ = run(make_sources(), epochs=2)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    compiled, _ = run(make_sources(), epochs=2, how=RunConfig(compile=True))
    assert compiled.losses == pytest.approx(plain.losses, rel=1e-6)


def test_bfloat16_learns_nearly_the_same():
    plain, low = (run(make_sources(), epochs=10, how=RunConfig(precision=p))[0] for p in ("float32", "bfloat16"))
    assert low.losses != plain.losses
    assert low.epochs[-1].validation_loss == pytest.approx(plain.epochs[-1].validation_loss, rel=0.1)


def test_the_best_epoch_s_weights_are_handed_on_and_training_stops():
    sources = make_sources()
    notes, outcome = run(sources, epochs=60, learning_rate=0.3, batch_size=8, patience=4, warmup_steps=1)
    best = best_of(outcome.history)
    assert len(outcome.history) - 1 - best.epoch == 4
    kept = fresh()
    kept.load_state_dict(notes.kept)
    with torch.inference_mode():
        z = torch.from_numpy(sources[1].z_SG)
        assert float(((kept(z) - z) ** 2).mean()) == pytest.approx(best.validation_loss, rel=1e-5)


def test_the_last_weights_are_handed_on_where_they_are_wanted():
    sources, network = make_sources(), fresh()
    notes, outcome = run(sources, network=network, epochs=8, learning_rate=0.3, keep="last", patience=8)
    assert best_of(outcome.history).epoch < 8
    assert all(torch.equal(notes.kept[name], value) for name, value in network.state_dict().items())


def test_a_value_that_is_not_measured_counts_for_nothing():
    """The loss of a step is the mean over what is measured, and what a network says of the rest has no gradient."""
    train, validation = make_sources()
    half = train.z_SG.copy()
    half[:, ::2] = np.nan
    network = fresh()
    before = network.layers[-1].weight.detach().clone()
    notes, _ = run((ArraySource(half, train.names), validation), network=network, epochs=1, batch_size=50)
    with torch.inference_mode():
        z = torch.from_numpy(half)
        output = fresh()(torch.nan_to_num(z))
    expected = float(((output - z)[:, 1::2] ** 2).mean())
    assert notes.steps[0].loss == pytest.approx(expected, rel=1e-5)
    assert torch.equal(network.layers[-1].weight[::2], before[::2])
    assert not torch.equal(network.layers[-1].weight[1::2], before[1::2])


def test_a_loss_on_hidden_genes_is_their_mean():
    train, validation = make_sources(0.1)
    config = LoopConfig(batch_size=50, hide=0.5, loss_on="hidden")
    (batch,) = batches(train, 30, config, 1, ALONE)
    seen_BG = batch.parts[0].seen_BG.numpy()
    z_BG = train.z_SG[batch.rows]
    with torch.inference_mode():
        output_BG = fresh()(torch.from_numpy(np.nan_to_num(z_BG) * seen_BG)).numpy()
    asked_BG = ~seen_BG & ~np.isnan(z_BG)
    assert 0.1 < asked_BG.mean() < 0.4
    notes, _ = run((train, validation), epochs=1, batch_size=50, hide=0.5, loss_on="hidden")
    assert notes.steps[0].loss == pytest.approx(float(((output_BG - z_BG)[asked_BG] ** 2).mean()), rel=1e-5)


def test_what_is_hidden_depends_on_seed_epoch_and_sample_alone():
    train, _ = make_sources()
    config = LoopConfig(batch_size=16, hide=0.5, noise=0.1)

    def drawn(epoch, context, size):
        found = {}
        for batch in batches(train, 30, replace(config, batch_size=size), epoch, context):
            rows = batch.rows[context.share(len(batch.rows))]
            for b, row in enumerate(rows):
                found[int(row)] = (batch.parts[0].seen_BG[b].tolist(), batch.parts[0].noise_BG[b].tolist())
        return found

    alone = drawn(1, ALONE, 16)
    two = [drawn(1, replace(ALONE, rank=r, size=2), 16) for r in (0, 1)]
    assert two[0] | two[1] == alone == drawn(1, ALONE, 7)
    assert len(alone) == 50 and drawn(2, ALONE, 16) != alone


def test_reading_begins_where_a_run_stopped():
    train, _ = make_sources()
    whole = [b.rows.tolist() for b in batches(train, 30, LoopConfig(batch_size=16), 3, ALONE)]
    assert sorted(row for rows in whole for row in rows) == list(range(50))
    assert [b.rows.tolist() for b in batches(train, 30, LoopConfig(batch_size=16), 3, ALONE, skip=2)] == whole[2:]


def test_bins_are_weighted():
    """With all the weight on one bin, only its values have a gradient."""
    from cellstate.gene_space import GeneSpace
    from cellstate.genes import gene_axis
    from train.objective import Objective

    space = GeneSpace(gene_axis().ensembl[:3], np.zeros(3, np.float32), np.ones(3, np.float32), np.ones(3))
    z_BG = torch.log1p(torch.tensor([[1.0, 2.5, 9.9], [10.0, 99.0, 100.0]]))
    output_BG = torch.zeros(2, 3, requires_grad=True)
    for weights, hit in (((1, 0, 0, 0), [0]), ((0, 1, 0, 0), [1, 2]), ((0, 0, 1, 0), [3, 4]), ((0, 0, 0, 2), [5])):
        objective = Objective(LoopConfig(bin_weights=tuple(float(w) for w in weights)), space)
        squares = objective.squares(output_BG, z_BG, None)
        (gradient,) = torch.autograd.grad(squares, output_BG)
        assert np.flatnonzero(gradient.numpy().ravel()).tolist() == hit
        expected = float((z_BG.ravel()[hit] ** 2).sum()) * max(weights)
        assert float(squares.detach()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_bad_sample_is_named_and_changes_no_weight(value):
    train, validation = make_sources()
    train.z_SG[7, 3] = value
    network = fresh()
    with pytest.raises(CellStateError, match=r"not a number at step \d+: infinite values in T7\.") as caught:
        run((train, validation), network=network, epochs=3)
    assert "as it was" in caught.value.hint
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_a_loss_that_runs_away_names_its_batch():
    train, validation = make_sources()
    with pytest.raises(CellStateError, match=r"not a number at step \d+: the batch was T\d+, T\d+"):
        run((train, validation), epochs=30, learning_rate=1e30, clip_norm=1e30)


def test_the_linear_maps_stay_where_they_are_to():
    network = fresh("gelu", residual=True)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    run(make_sources(), network=network, epochs=1, freeze_linear=True)
    moved = {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if not name.startswith("skip")}
