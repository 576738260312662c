"""The list of mutants fits the tree, and its check notices where it does not."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.mutants import problems, read_mutants


def test_every_mutant_fits_the_tree() -> None:
    mutants = read_mutants()
    assert len(mutants) == 46
    assert problems(mutants) == []


def test_a_mutant_that_fits_no_more_is_named() -> None:
    first, second, third, *_ = read_mutants()
    moved = replace(first, file="cellstate/errors.py")
    (said,) = problems([moved])
    assert first.id in said and first.file in said
    assert len(problems([replace(first, old="no such text")])) == 1
    assert len(problems([replace(second, new=second.old), replace(third, tests=("tests/nothing.py",))])) == 2
    assert len(problems([first, first])) == 1
