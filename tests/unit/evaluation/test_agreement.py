"""How far predictors agree: over the genes that none of them was told, and only where both say something."""

import pandas as pd
import pytest

from cellstate.evaluation.answer_evidence import agreement, correlation


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0, 0), (1, 2), (2, 4)], 1.0),
        ([(0, 3), (1, 2), (2, 1)], -1.0),
        ([(0, 0), (1, 1)], None),
        ([(0, 1), (1, 1), (2, 1)], None),
        ([(0, 0), (1, 1), (2, float("nan"))], None),
        ([], None),
    ],
)
def test_what_does_not_vary_is_not_correlated(rows: list, expected: float | None) -> None:
    found = correlation(pd.DataFrame(rows, columns=["a", "b"]))
    assert found is None if expected is None else found == pytest.approx(expected)


def test_perturbed_genes_do_not_count() -> None:
    table = pd.DataFrame(
        {
            "log2_fold_change": [-9.0, 1.0, 2.0, 3.0],
            "is_perturbed": [True, False, False, False],
            "log2_fold_change_pca": [-9.0, 3.0, 2.0, 1.0],
            "log2_fold_change_no_change": 0.0,
        }
    )
    assert agreement(table) == {"pca": pytest.approx(-1.0), "no_change": None}
