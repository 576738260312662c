"""Goals as text: every form, and what is refused with the way to write one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellstate.errors import CellStateError, GoalError
from cellstate.evaluation.tissue import State, model_tissues
from cellstate.genes import gene_axis
from cellstate.goals import FORMS, read_goal
from cellstate.io import hallmark_sets, read_selection, split_selection
from cellstate.model import create_model, load_model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.sample import prepare_sample, training_mean
from cellstate.perturb.search.goal import PRESETS, Goal
from tests.support.tissue_factories import with_tissues


@pytest.fixture(scope="module")
def patient(small_model, cohort):
    return prepare_sample(small_model, cohort.split("test").take([0]))


@pytest.fixture(scope="module")
def files(small_model, cohort, tmp_path_factory):
    """A folder with three reference samples (twice: one name has a #) and with gene sets."""
    folder = tmp_path_factory.mktemp("goals")
    samples = cohort.split("test").take([0, 1, 2])
    genes = np.flatnonzero(~np.isnan(samples.tpm_SA[0]))
    frame = pd.DataFrame(samples.tpm_SA[:, genes].T, index=[gene_axis().ensembl[g] for g in genes])
    frame.columns = list(samples.names)
    for name in ("three.csv", "batch#2.csv"):
        frame.to_csv(folder / name)
    symbols = small_model.space.symbols
    (folder / "sets.gmt").write_text(
        "\t".join(["EMT_UP", "na", *symbols[:4], "NOSUCH"]) + "\n" + "\t".join(["WNT#2", "na", *symbols[4:6]]) + "\n"
        "ALIEN\tna\tNOSUCH\tNEITHER\n"
    )
    (folder / "one.gmt").write_text("\t".join(["ONLY", "na", *symbols[6:9]]) + "\n")
    return folder


def test_gene_sets(small_model, patient, files):
    up = read_goal(f" up:{files}/sets.gmt#EMT_UP ", patient)
    assert up.spec == f"up:{files}/sets.gmt#EMT_UP" and up.label == "EMT_UP up"
    assert np.flatnonzero(up.direction_G).tolist() == [0, 1, 2, 3] and up.missing == ("NOSUCH",)
    down = read_goal(f"DOWN:{files}/sets.gmt#EMT_UP", patient)
    assert np.array_equal(down.direction_G, -up.direction_G)
    assert read_goal(f"up:{files}/sets.gmt#WNT#2", patient).n_genes == 2
    assert read_goal(f"up:{files}/one.gmt", patient).label == "ONLY up"


def test_genes_with_signs(small_model, patient):
    a, b, c = small_model.space.symbols[:3]
    goal = read_goal(f"genes:+{a}, {b.lower()} ,-{c}", patient)
    assert goal.direction_G[:3] == pytest.approx(np.array([1, 1, -1]) / np.sqrt(3))
    assert goal.label == f"{a}, {b.lower()} up, {c} down"


def test_towards_samples_of_a_file(small_model, patient, files):
    every = read_goal(f"toward:{files}/three.csv#P061,P062", patient)
    assert every.label == "toward the mean of 2 samples of three.csv"
    one = read_goal(f"toward:{files}/three.csv#P061", patient)
    same = read_goal(f"toward:{files}/batch#2.csv#P061", patient)
    assert one.label == "toward P061 of three.csv" and one.distance == same.distance != every.distance
    assert read_goal(f"toward:{files}/batch#2.csv", patient).label.startswith("toward the mean of 3")


def test_towards_the_cohort(small_model, patient, files):
    gene = small_model.space.symbols[4]
    high = read_goal(f"cohort:high:{gene}", patient)
    low = read_goal(f"cohort:low:{small_model.space.ensembl[4]}", patient)
    assert high.direction_G[4] * high.distance > low.direction_G[4] * low.distance
    assert high.label == f"toward the quarter of the model's cohort with the highest {gene}"
    by_set = read_goal(f"cohort:low:{files}/sets.gmt#EMT_UP", patient)
    z_SG = load_profiles(small_model).z_SG
    level_S = z_SG[:, :4].mean(axis=1)
    wanted_G = z_SG[np.argsort(level_S)[: len(z_SG) // 4]].mean(axis=0)
    assert by_set.direction_G * by_set.distance == pytest.approx(wanted_G - patient.z_1G[0], abs=1e-4)
    assert read_goal("cohort:median", patient).label == "toward the median of the model's cohort"


def test_from_the_tumours_of_a_tissue_toward_its_normal_state(small_model, cohort, tmp_path):
    model = with_tissues(small_model, tmp_path / "tissues")
    sample = prepare_sample(model, cohort.split("test").take([0]))
    goal = read_goal(" Normal", sample)
    assert goal.label == "from colon tumours toward normal colon" and goal.offset is not None
    # What moves a sample along it looks less like a tumour.
    classifier = model_tissues(model)
    at_C = np.searchsorted(model.space.axis_index_G, classifier.space.axis_index_C)
    of = {c: classifier.class_log1p_JC[j] for j, c in enumerate(classifier.classes)}
    way_C = (of["colon", State.NORMAL] - of["colon", State.TUMOUR]) / model.space.scale_G[at_C]
    assert np.corrcoef(goal.direction_G[at_C], way_C)[0, 1] > 0.7
    with pytest.raises(GoalError, match="another sample"):
        goal.check_sample(prepare_sample(model, cohort.split("test").take([1])))


def test_a_model_without_tissues_has_no_normal_goal(patient):
    with pytest.raises(GoalError, match="knows no normal tissue"):
        read_goal("normal", patient)


def test_presets_need_no_file(small_model, cohort, tmp_path):
    sample = prepare_sample(with_tissues(small_model, tmp_path / "tissues"), cohort.split("test").take([0]))
    goals = {name: read_goal(spec, sample) for name, spec in PRESETS.items()}
    both = [hallmark_sets()[name] for name in ("HALLMARK_E2F_TARGETS", "HALLMARK_G2M_CHECKPOINT")]
    goal = goals["less proliferative"]
    assert goal.label == "HALLMARK_E2F_TARGETS and HALLMARK_G2M_CHECKPOINT down"
    assert goal.n_genes + len(goal.missing) == len({*both[0], *both[1]}) and goal.direction_G.max() == 0


@pytest.mark.parametrize(
    "text",
    ["", "up", "up:", "sideways:A", "genes:", "cohort:high", "cohort:high:", "cohort:mean", "cohort:median:TP53", ":x"],
)
def test_what_is_no_goal_is_refused_with_every_form(small_model, patient, text):
    with pytest.raises(GoalError, match="is not a goal") as refused:
        read_goal(text, patient)
    assert all(form in refused.value.hint for form in FORMS)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("up:DIR/sets.gmt#emt_up", "has no gene set called 'emt_up'", "Did you mean EMT_UP?"),
        ("up:DIR/sets.gmt#EMT_DOWN", "has no gene set", "EMT_UP"),
        ("up:DIR/sets.gmt#QQQQ", "has no gene set", "It holds EMT_UP"),
        ("up:DIR/sets.gmt", "holds 3 gene sets", "EMT_UP, WNT#2, ALIEN"),
        ("up:DIR/sets.gmt#ALIEN", "knows no gene of this goal: NOSUCH, NEITHER", "symbols"),
        ("cohort:high:DIR/sets.gmt#ALIEN", "knows no gene of this goal: NOSUCH, NEITHER", "symbols"),
        ("up:DIR/none.gmt#A", "none.gmt cannot be opened", "name"),
        ("up:DIR/three.csv#A", "not a list of gene sets", "tabs"),
        ("genes:+,B", "sign without a gene", "genes:"),
        ("genes:,", "names no gene", "Name"),
        ("genes:+NOSUCH", "knows no gene of this goal: NOSUCH", "symbols"),
        ("cohort:high:NOSUCH", "No gene is called 'NOSUCH'", "symbol"),
        ("toward:DIR/three.csv#P060", "reference is the sample", "another"),
        ("toward:DIR/three.csv#nobody", "no sample called 'nobody'", "P060"),
        ("toward:DIR/none.csv", "none.csv cannot be opened", "name"),
    ],
)
def test_bad_goals_say_what_is_wrong(small_model, patient, files, text, words, hint):
    with pytest.raises(CellStateError, match=words) as refused:
        read_goal(text.replace("DIR", str(files)), patient)
    assert hint in refused.value.hint


def test_a_model_without_a_cohort_has_no_cohort_goal(tmp_path):
    create_model(tmp_path / "m", "demo", dtype="float16")
    model = load_model(tmp_path / "m", device="cpu")
    with pytest.raises(GoalError, match="carries no cohort"):
        read_goal("cohort:median", training_mean(model))


def test_some_samples_of_a_file(files):
    assert read_selection(f"{files}/three.csv").names == ("P060", "P061", "P062")
    assert read_selection(f"{files}/three.csv# P062 ,P060").names == ("P062", "P060")
    assert split_selection(f"{files}/batch#2.csv#a#b") == (f"{files}/batch#2.csv", "a#b")
    assert split_selection("nowhere.csv#a#b") == ("nowhere.csv", "a#b")
    assert split_selection("x" * 5000 + "#a")[1] == "a"
    assert split_selection("\0#a") == ("\0", "a")


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["", "up:", "down:", "genes:", "toward:", "cohort:", "cohort:high:"]), st.text(max_size=30))
def test_any_text_is_a_goal_or_a_sentence(small_model, patient, form, text):
    try:
        goal = read_goal(form + text, patient)
    except CellStateError as error:
        assert error.message
    else:
        assert isinstance(goal, Goal) and np.linalg.norm(goal.direction_G) == pytest.approx(1, abs=1e-5)


def test_the_sets_that_come_with_cellstate_need_no_file(patient):
    genes = hallmark_sets()["HALLMARK_HYPOXIA"]
    goal = read_goal("up:Hallmark#HALLMARK_HYPOXIA", patient)
    known = {patient.model.space.find(gene) for gene in genes if gene not in goal.missing}
    assert set(np.flatnonzero(goal.direction_G)) == known
    with pytest.raises(GoalError, match="hypoxi"):
        read_goal("up:hallmark#hypoxi", patient)
