"""The file of scenarios: what is written is read, and anything else ends in one sentence."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellstate.errors import CellStateError, ReadError
from cellstate.expression import GeneSpace
from cellstate.genes import gene_axis
from cellstate.perturb.perturbations import KINDS, Perturbation
from cellstate.ui.link import MOST_EDITS
from cellstate.ui.scenario_file import (
    MOST_BYTES,
    MOST_NAME_CHARS,
    MOST_SCENARIOS,
    checked_name,
    fits,
    merged,
    read_scenarios,
    write_scenarios,
)

N_GENES = 80
SPACE = GeneSpace(gene_axis().ensembl[:N_GENES], *(np.ones(N_GENES, np.float32) for _ in range(3)))
A, B = SPACE.symbols[:2]

names = (
    st.text(min_size=1, max_size=MOST_NAME_CHARS)
    .filter(str.isprintable)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)
an_edit = st.builds(Perturbation, st.sampled_from(SPACE.symbols), st.sampled_from(KINDS), st.floats(0, 100))
some_edits = st.lists(an_edit, min_size=1, max_size=5, unique_by=lambda edit: edit.gene).map(tuple)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def whole(**fields: Any) -> dict:
    """A good file, with some of its fields replaced."""
    edit = {"gene": A, "kind": "knock-out", "amount": 0.0}
    scenario = {"name": "One", "edits": [edit | fields.pop("edit", {})]} | fields.pop("scenario", {})
    return {"format": "cellstate-scenarios", "version": 1, "scenarios": [scenario]} | fields


def read(value: object) -> dict[str, tuple[Perturbation, ...]]:
    return read_scenarios(json.dumps(value).encode(), SPACE)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(names, some_edits, min_size=1, max_size=4))
def test_what_is_written_is_read_to_the_last_digit(scenarios: dict[str, tuple[Perturbation, ...]]) -> None:
    assert read_scenarios(write_scenarios(scenarios), SPACE) == scenarios


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(ReadError):
        read_scenarios(data, SPACE)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["edit", "scenario", "file"]), st.text(max_size=8), anything)
def test_a_good_file_with_one_field_changed_is_read_or_refused(where: str, field: str, value: Any) -> None:
    changed = whole(**{field: value}) if where == "file" else whole(**{where: {field: value}})
    try:
        read(changed)
    except CellStateError as error:
        assert error.message and error.hint
    else:
        assert changed == whole()


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"version": 2}, "not of version 1"),
        ({"version": True}, "not of version 1"),
        ({"format": "other"}, "not a file of scenarios"),
        ({"sample": "P1"}, "and nothing else"),
        ({"scenarios": []}, "no list of scenarios"),
        ({"scenarios": {}}, "no list of scenarios"),
        ({"scenario": {"edits": []}}, "no list of edits"),
        ({"scenario": {"name": " \n "}}, "has no name"),
        ({"scenario": {"name": "x" * (MOST_NAME_CHARS + 1)}}, "at most 80 characters"),
        ({"scenario": {"tpm": [1, 2]}}, "and nothing else"),
        ({"edit": {"gene": "NOSUCHGENE"}}, "No gene is called"),
        ({"edit": {"gene": 7}}, "no text"),
        ({"edit": {"kind": "explode"}}, "There is no perturbation 'explode'"),
        ({"edit": {"kind": ["set"]}}, "There is no perturbation"),
        ({"edit": {"kind": "set", "amount": -1}}, "not negative"),
        ({"edit": {"kind": "set", "amount": float("nan")}}, "not negative"),
        ({"edit": {"kind": "set", "amount": 10**400}}, "too large"),
        ({"edit": {"kind": "set", "amount": "7"}}, "no number"),
        ({"edit": {"kind": "set", "amount": True}}, "no number"),
        ({"edit": {"kind": "knock-down", "amount": 101}}, "0 to 100"),
    ],
)
def test_each_mistake_has_its_sentence(changed: dict, said: str) -> None:
    with pytest.raises(CellStateError) as caught:
        read(whole(**changed))
    assert said in caught.value.message and caught.value.hint
    assert caught.value.message.count(".") <= 2


def test_limits_are_held() -> None:
    edits = [{"gene": symbol, "kind": "knock-out", "amount": 0} for symbol in SPACE.symbols]
    assert len(read(whole(scenario={"edits": edits[:MOST_EDITS]}))["One"]) == MOST_EDITS
    for fields in ({"scenario": {"edits": edits[: MOST_EDITS + 1]}}, {"scenario": {"edits": [edits[0]] * 2}}):
        with pytest.raises(CellStateError, match=r"more than 50|perturbed twice"):
            read(whole(**fields))
    one = whole()["scenarios"][0]
    many = [one | {"name": f"S{i}"} for i in range(MOST_SCENARIOS + 1)]
    assert len(read(whole(scenarios=many[:-1]))) == MOST_SCENARIOS
    for scenarios in (many, [one, one]):
        with pytest.raises(ReadError, match=r"more than 100|Two scenarios"):
            read(whole(scenarios=scenarios))
    with pytest.raises(ReadError, match="200 kB"):
        read_scenarios(write_scenarios({"One": (Perturbation(A, "knock-out"),)}) + b" " * MOST_BYTES, SPACE)
    with pytest.raises(ReadError, match="no JSON"):
        read_scenarios(b"[" * 150_000, SPACE)


def test_what_is_kept_can_be_exported_and_imported_again() -> None:
    edits = tuple(Perturbation(symbol, "multiply", 1 / 3) for symbol in SPACE.symbols[:MOST_EDITS])
    full: dict[str, tuple[Perturbation, ...]] = {}
    while fits(full | {f"Größe {len(full)}": edits}):
        full[f"Größe {len(full)}"] = edits
    assert len(full) > MOST_SCENARIOS / 2 and read_scenarios(write_scenarios(full), SPACE) == full
    with pytest.raises(ReadError, match="200 kB"):
        merged(full, {"one more": edits})


def test_a_taken_name_gets_a_number_and_nothing_is_lost() -> None:
    one, two, three = ((Perturbation(A, "multiply", factor),) for factor in (1.0, 2.0, 3.0))
    assert merged({"S": one}, {"S": one, "T": two}) == {"S": one, "T": two}
    assert merged({"S": one, "S (2)": two}, {"S": three}) == {"S": one, "S (2)": two, "S (3)": three}
    long = "x" * MOST_NAME_CHARS
    assert all(checked_name(name) == name for name in merged({long: one}, {long: two}))
    with pytest.raises(ReadError, match="more than 100"):
        merged({str(i): one for i in range(MOST_SCENARIOS)}, {"new": one})
