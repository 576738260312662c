"""Files as people have them, and tables written in random ways."""

from __future__ import annotations

import pytest

from benchmarks.round_trip import check, write
from benchmarks.upload_cases import Case, case_files, judge, load_cases, load_truth

_CASES = load_cases()


@pytest.fixture(scope="module")
def truth_SA():
    return load_truth()


@pytest.mark.slow
@pytest.mark.parametrize("case", _CASES, ids=[case.case for case in _CASES])
def test_file_is_read_right_or_refused_plainly(case: Case, shared_data, truth_SA):
    files = case_files(shared_data / "upload_cases")
    verdict, said = judge(case, files[case.case], truth_SA)
    assert verdict == "right", said


def test_a_case_can_fail(shared_data, truth_SA):
    path = case_files(shared_data / "upload_cases")["old_mac_cr"]
    right = next(case for case in _CASES if case.case == "old_mac_cr")
    wrong_unit = Case(**{**vars(right), "units": "counts"})
    assert judge(wrong_unit, path, truth_SA)[0] == "read wrongly and silently"
    assert judge(right, path, truth_SA[1:])[0] == "read wrongly and silently"
    assert judge(Case(**{**vars(right), "outcome": "refuse"}), path, truth_SA)[0] == "read wrongly and silently"


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_tables_are_read_back_equal_however_written(first):
    assert {seed: fault for seed in range(first, first + 30) if (fault := check(write(seed)))} == {}
