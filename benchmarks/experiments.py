"""Virtual against real: two public perturbation experiments, every predictor.

    python -m benchmarks.experiments [--quick] [--data DIR]

HOXA1 knock-down in lung fibroblasts (GSE37704: 3 control, 3 siRNA samples) and EHF over-expression in lung carcinoma
cells (SRP049988: 5 and 5). The model's perturbation is the change of the gene that the experiment measured, so that
the comparison is about all other genes. ``DIR`` holds the two tables (default: ../shared/data/perturbation).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.report import show
from cellstate import load_model, read_samples
from cellstate.evaluation.experiment import compare
from cellstate.evidence import Benchmark, Dataset, EvidenceRecord, Metric, PredictorId
from cellstate.files import resource_path
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_samples

EXPERIMENTS = (
    (Dataset.HOXA1_KNOCKDOWN, "GSE37704_featurecounts.csv", "HOXA1", (0, 1, 2), (3, 4, 5)),
    (Dataset.EHF_OVEREXPRESSION, "SRP049988.raw_counts.tsv.gz", "EHF", (5, 6, 7, 8, 9), (0, 1, 2, 3, 4)),
)


def measure(model: Model, folder: Path) -> list[EvidenceRecord]:
    """Return Pearson-delta and sign accuracy of every method in each experiment."""
    records = []
    for dataset, file, gene, control, treated in EXPERIMENTS:
        samples = read_samples(folder / file)
        before, after = samples.take(control), samples.take(treated)
        position = model.space.find(gene)
        levels = [align(group, model.space).tpm_SG[:, position].mean() for group in (before, after)]
        experiment = compare(
            prepare_samples(model, before),
            prepare_samples(model, after),
            [Perturbation(gene, "multiply", float(levels[1] / levels[0]))],
        )
        for name, agreement in experiment.agreement.items():
            if agreement.pearson_delta is not None and agreement.sign_accuracy_top50 is not None:
                records += [
                    EvidenceRecord(
                        benchmark=Benchmark.EXPERIMENTS,
                        dataset=dataset,
                        predictor=PredictorId(name),
                        metric=Metric.PEARSON_DELTA,
                        value=agreement.pearson_delta,
                        ci_low=agreement.low,
                        ci_high=agreement.high,
                    ),
                    EvidenceRecord(
                        benchmark=Benchmark.EXPERIMENTS,
                        dataset=dataset,
                        predictor=PredictorId(name),
                        metric=Metric.SIGN_ACCURACY_TOP50,
                        value=agreement.sign_accuracy_top50,
                    ),
                ]
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same; it claims nothing either way")
    parser.add_argument("--data", type=Path, default=resource_path("..", "shared", "data", "perturbation"))
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"there is no folder {options.data}: give --data DIR")
    model = load_model(device="cpu")
    show(Benchmark.EXPERIMENTS, records=measure(model, options.data), quick=options.quick, model=model)


if __name__ == "__main__":
    main()
