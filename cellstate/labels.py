"""The words that people read for ids: prediction methods, data, metrics and strata, each named here alone."""

from __future__ import annotations

from cellstate.evidence import Dataset, EvidenceRecord, Metric, PredictorId, Stratum

PREDICTORS = {
    PredictorId.AUTOENCODER: "Autoencoder",
    PredictorId.PCA: "PCA",
    PredictorId.COEXPRESSION: "Co-expression",
    PredictorId.WHITENED_COEXPRESSION: "Whitened co-expression",
    PredictorId.RIDGE: "Ridge",
    PredictorId.ELASTIC_NET: "Elastic net",
    PredictorId.RIDGE_TF: "Ridge on TFs",
    PredictorId.NO_CHANGE: "No change",
    PredictorId.GENE_MEAN: "Gene mean",
    PredictorId.PPCA: "Probabilistic PCA",
    PredictorId.RANDOM: "Random ranking",
    PredictorId.VARIABILITY: "Gene variability",
    PredictorId.TRUTH: "True effects",
    PredictorId.COLLECTRI: "CollecTRI, correlation",
    PredictorId.COLLECTRI_MEAN: "CollecTRI, sign-weighted mean",
    PredictorId.OTHER_PERTURBATIONS: "Mean of other perturbations, same cells",
    PredictorId.REPLICATES: "Replicates",
    PredictorId.CORPUS_NESTED: "Broad corpus",
    PredictorId.COHORT: "Patients of the cohort",
    PredictorId.AUTOENCODER_HIDDEN_INPUT: "Autoencoder, half of the input hidden",
    PredictorId.MASKED_AUTOENCODER: "Masked autoencoder",
    PredictorId.MASKED_AUTOENCODER_ENSEMBLE: "Masked autoencoders, ensemble",
    PredictorId.RIDGE_MASKED_AUTOENCODER: "Ridge and masked autoencoder",
    PredictorId.SPARSE_LINKS: "Sparse links",
    PredictorId.SPARSE_LINKS_CURVES: "Sparse links with titration curves",
    PredictorId.PRODUCTS: "Products of regulators",
    PredictorId.FUSION: "Whitened co-expression and elastic net",
    PredictorId.STATE_ELASTIC_NET: "Elastic net of each state, half pooled",
}
DATASETS = {
    Dataset.TEST: "Held out",
    Dataset.OLDER_TEST: "Held out, Illumina GA",
    Dataset.TRAINING_MEAN: "Training mean",
    Dataset.TARGETS_TUMOURS: "Fitted to tumours",
    Dataset.TARGETS_TUMOURS_ATLAS: "Fitted to tumours and atlas",
    Dataset.TARGETS_MODEL: "This model",
    Dataset.HOXA1_KNOCKDOWN: "HOXA1 knock-down",
    Dataset.EHF_OVEREXPRESSION: "EHF over-expression",
    Dataset.REAL_EXPERIMENTS: "Real experiments",
    Dataset.GEO_SIGNATURES: "GEO signatures",
    Dataset.REAL_POOLED: "Real experiments and GEO signatures",
    Dataset.SIMULATION: "Simulated network",
    Dataset.CORPUS_VALIDATION: "Corpus, validation data sets",
    Dataset.CORPUS_TEST: "Corpus, test data sets",
}
STRATA = {
    Stratum.TPM_0_2_5: "0–2.5 TPM",
    Stratum.TPM_2_5_10: "2.5–10 TPM",
    Stratum.TPM_10_100: "10–100 TPM",
    Stratum.TPM_100_UP: "100 and more TPM",
    Stratum.HPA_BRAIN: "brain (HPA)",
    Stratum.SHUFFLED_GENES: "shuffled genes",
    Stratum.COUNTS_AS_TPM: "raw counts as TPM",
    Stratum.LOG_OF_LOG: "log of log",
    Stratum.GENES_MISSING: "30% of genes missing",
    Stratum.MOST_GENES_MISSING: "60% of genes missing",
    Stratum.MOUSE_ORTHOLOGS: "mouse orthologs as human",
    Stratum.COLORECTAL_TUMOUR: "colorectal tumours of other laboratories",
    Stratum.BREAST: "breast and breast cell lines",
    Stratum.LUNG: "lung",
    Stratum.BLOOD: "blood",
    Stratum.ALL_PAIRS: "all pairs",
    Stratum.REGULATOR_PAIRS: "pairs of regulators",
}
METRICS = {
    Metric.R2_GENE_MEDIAN: "median R² per gene",
    Metric.R2_GENE_MEDIAN_GAIN: "gain in median R² per gene",
    Metric.R2_HIDDEN_GENE_MEDIAN: "median R² per gene, of hidden genes",
    Metric.R2_HIDDEN_GENE_MEDIAN_GAIN: "gain in median R² per gene, of hidden genes",
    Metric.CEILING_SHARE: "accuracy as a share of the ceiling",
    Metric.CEILING_SHARE_MODE: "accuracy as a share of the ceiling, conditional mode",
    Metric.MODE_ACCURACY_GAIN_WORST_BIN: "gain in accuracy, conditional mode, worst bin above 2.5 TPM",
    Metric.INTERVAL_COVERAGE: "coverage of the 90% intervals",
    Metric.INTERVAL_COVERAGE_ERROR: "distance of that coverage from 90%",
    Metric.INTERVAL_COVERAGE_HIDDEN: "coverage of the 90% intervals, hidden genes",
    Metric.FALSE_ALARM_RATE: "held-out samples flagged as out of distribution",
    Metric.OOD_AUROC: "out-of-distribution AUROC",
    Metric.OOD_FLAGGED: "samples flagged as out of distribution",
    Metric.TISSUE_FIRST: "tissue named first",
    Metric.TISSUE_FIRST_TWO: "tissue named among the first two",
    Metric.STATE_ACCURACY: "state named correctly",
    Metric.TISSUE_CALIBRATION_ERROR: "expected calibration error of the first tissue's probability",
    Metric.RESPONSE_OTHERS: "response of other genes (rms)",
    Metric.RESPONSE_OWN: "response of the perturbed gene",
    Metric.RESPONSE_OWN_TO_OTHERS: "response of the perturbed gene / of other genes",
    Metric.RESPONSE_LEAF_TO_TF: "response to other genes / to transcription factors",
    Metric.PEARSON_DELTA: "Pearson-delta",
    Metric.PEARSON_DELTA_GAIN: "gain in Pearson-delta",
    Metric.PEARSON_DELTA_MEDIAN: "Pearson-delta, median",
    Metric.SIGN_ACCURACY_TOP50: "sign accuracy, top 50 genes",
    Metric.SIGN_ACCURACY_TOP100: "sign accuracy, top 100 genes",
    Metric.REGULATOR_PERCENTILE: "percentile of the perturbed gene",
    Metric.REGULATOR_PERCENTILE_GAIN: "gain in percentile of the perturbed gene",
    Metric.REGULATOR_PERCENTILE_MATCHED: "percentile of the perturbed gene among equally variable genes",
    Metric.REGULATOR_TOP_5_PERCENT: "perturbed gene in the top 5%",
    Metric.DISCRIMINATION: "discrimination between perturbed genes",
    Metric.TARGET_AUROC: "AUROC of known targets",
    Metric.TARGET_AUROC_GAIN: "gain in AUROC of known targets",
    Metric.TARGET_AUROC_LOG2: "AUROC of known targets, ranked in log2",
    Metric.TARGET_SPECIFICITY: "target specificity",
    Metric.TARGET_SPECIFICITY_GAIN: "gain in target specificity",
    Metric.REGULATOR_AUROC: "regulator against leaf, AUROC",
    Metric.REGULATOR_PRECISION_TOP20: "regulators among the top 20",
    Metric.LEAF_EFFECT_RATIO: "median effect of a leaf / of a regulator",
    Metric.COMBINATION_OF_3_SHARE: "three knock-outs, share of the best three's effect",
    Metric.SUBTYPE_REGULATOR_TOP5: "the subtype's regulator in the top 5",
    Metric.OTHER_SUBTYPE_REGULATOR_TOP5: "the other subtype's regulator in the top 5",
    Metric.PLANTED_PAIR_AUROC: "planted pairs, AUROC",
    Metric.PLANTED_PAIR_PRECISION_TOP20: "planted pairs among the top 20",
    Metric.PLANTED_PAIR_FDR: "false pairs among those called at FDR 10%",
    Metric.PLANTED_PAIR_POWER: "planted pairs called at FDR 10%",
    Metric.COOPERATING_SHARE: "called pairs that interact, planted or not",
    Metric.GOAL_PAIR_AUROC: "right pair toward a goal, AUROC",
    Metric.GOAL_PAIR_TOP20: "right pair toward a goal, in the top 20",
    Metric.GOAL_PAIRS_CALLED: "pairs called toward a goal",
    Metric.GOAL_PAIR_FDR: "false pairs among those called toward a goal",
    Metric.JOINT_PAIR_TOP20: "planted pair in the top 20 of its own goal, both effects added",
    Metric.PAIR_SIGN_AGREEMENT_TOP1000: "sign agreement, top 1,000 pairs",
    Metric.N_REGULATORS: "number of regulators",
    Metric.N_TARGETS: "number of known targets",
    Metric.N_GENE_SETS: "number of gene sets",
    Metric.N_PERTURBED_GENES: "number of perturbed genes",
}


def predictor_label(predictor: str) -> str:
    """Return the name of a prediction method as it begins a sentence; an unknown id is shown as it is."""
    try:
        return PREDICTORS[PredictorId(predictor)]
    except ValueError:
        return predictor


def in_sentence(label: str) -> str:
    """Return a label inside a sentence: lower case, unless it begins with an abbreviation."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def describe(record: EvidenceRecord) -> str:
    """Return a record's data, stratum, method, metric and reference in one line."""
    where = ", ".join(filter(None, (DATASETS[record.dataset], record.stratum and STRATA[record.stratum])))
    what = METRICS[record.metric]
    if record.predictor is not None:
        what = f"{in_sentence(PREDICTORS[record.predictor])}, {what}"
    return f"{where}: {what}" + (
        f" over {in_sentence(PREDICTORS[record.reference])}" if record.reference is not None else ""
    )
