"""The list of mutants fits the tree, its check notices where it does not, and moved code is found again."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.mutants import REPOSITORY, locate, problems, read_mutants


def test_every_mutant_fits_the_tree() -> None:
    mutants = read_mutants()
    assert len(mutants) == 46
    assert problems(mutants) == []


def test_a_mutant_that_does_not_fit_is_named() -> None:
    first, second, third, *_ = read_mutants()
    (problem,) = problems([replace(first, file="cellstate/errors.py")])
    assert first.id in problem and "cellstate/errors.py" in problem
    assert len(problems([replace(first, old="no such text")])) == 1
    assert len(problems([replace(second, new=second.old), replace(third, tests=("tests/nothing.py",))])) == 2
    assert len(problems([first, first])) == 1


def test_moved_code_and_tests_are_found_again_where_they_are_unique() -> None:
    first = read_mutants()[0]
    test = first.tests[0].rpartition("/")[2]
    assert locate(replace(first, file="cellstate/gone.py", tests=(f"tests/gone/{test}",))) == first
    nowhere = replace(first, old="no such text", file="cellstate/gone.py", tests=("tests/nothing.py",))
    everywhere = replace(first, old="def ", file="cellstate/gone.py")
    assert locate(nowhere, REPOSITORY) == nowhere and locate(everywhere) == everywhere
