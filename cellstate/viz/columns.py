"""Columns of the tables that figures take, in one place."""

from __future__ import annotations

GENE = "gene"
TPM_BEFORE = "tpm_before"
TPM_AFTER = "tpm_after"
#: Predicted change of the default method, and the same column of a baseline: the prefix and its name.
CHANGE = "log2_fold_change"
CHANGE_OF = f"{CHANGE}_"
CHANGE_A, CHANGE_B = f"{CHANGE}_a", f"{CHANGE}_b"
IS_PERTURBED = "is_perturbed"
IS_RELIABLE = "is_reliable"
REASON = "reason"
#: Score of a perturbation toward the goal, and the same column of a baseline: the prefix and its name.
SCORE = "score"
SCORE_OF = f"{SCORE}_"
FRACTION = "fraction_of_distance"
INTERACTION = "interaction"
COHORT_R = "cohort_r"
TITRATED_TPM = "level_tpm"
