"""The scripted users of the app's benchmark: each has files of its own, and would notice somebody else's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.proto.Dataframe_pb2 import Dataframe

from benchmarks.app_users import User, table_value
from cellstate import read_samples


@pytest.fixture
def user(small_model) -> User:
    return User(1, 0, small_model, 0.0)


def page(words: str, *tables: dict) -> Any:
    """What a user sees."""
    shown = []
    for columns in tables:
        table, sink = pa.table(columns), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        shown.append(Dataframe())
        shown[-1].arrow_data.data = sink.getvalue().to_pybytes()
    return SimpleNamespace(words=lambda: words, errors=list, elements=lambda kind: iter(shown))


def test_a_file_names_its_user_and_holds_levels_of_its_own(user: User, small_model) -> None:
    data = user._file("User01x01")
    samples = read_samples(data, name="own.tsv")
    assert samples.names == ("User01x01",)
    assert samples.report.unit == "TPM"
    other = User(2, 0, small_model, 0.0)
    mine, theirs = user._levels(data), other._levels(other._file("User02x01"))
    differ = [abs(mine[gene] - theirs[gene]) > 0.01 * mine[gene] for gene in user._genes]
    assert len(differ) > 100 and np.mean(differ) > 0.9


def test_a_sample_of_another_user_is_noticed(user: User) -> None:
    user._check(page("User01x01 and perturbations"), "User01x01")
    assert not user.diary.mixed
    user._check(page("User02x01"), "User01x01")
    user._check(page("User01x01 beside User02x01"), "User01x01")
    assert len(user.diary.mixed) == 2 and not user.diary.errors
    user._check(page("no sample"), "User01x01")
    assert len(user.diary.mixed) == 2 and len(user.diary.errors) == 1


def test_a_level_of_another_user_is_noticed(user: User) -> None:
    seen = page("", {"other": [1]}, {"gene": ["MYC", "TP53"], "tpm_before": [3.0, 12.5]})
    assert table_value(seen, "TP53", "tpm_before") == 12.5
    user._check_level(seen, "TP53", 12.501)
    assert not user.diary.mixed
    user._check_level(seen, "TP53", 13.0)
    assert len(user.diary.mixed) == 1
    user._check_level(page(""), "TP53", 13.0)
    assert user.diary.errors == ["TP53 is not in the table."]
