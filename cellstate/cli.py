"""The command ``cellstate``: parses, calls the package, prints.

With ``--json`` standard output is one JSON document; everything else goes to standard error. Exit status 0 is done,
2 is bad input.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cellstate import __version__
from cellstate.errors import CellStateError, print_error

GENES_SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        result, lines = options.run(options)
    except CellStateError as error:
        return print_error(error)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    try:
        print(json.dumps(_plain(result)) if options.json else "\n".join(lines))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe (head) had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


Answer = tuple[dict, list[str]]


def _inspect(options: argparse.Namespace) -> Answer:
    from cellstate.evaluate import distances

    model = _model(options)
    samples, report = _samples(options)
    n_matched = int(samples.measured_SA[:, model.space.axis_index_G].any(axis=0).sum())
    judged = distances(model, samples)
    detected_S = samples.detected_genes_S
    result = {
        "file": report.source,
        "format": report.format,
        "orientation": report.orientation,
        "unit": report.unit,
        "id_type": report.id_type,
        "n_samples": len(samples),
        "n_genes_read": report.n_genes_read,
        "n_genes_matched": n_matched,
        "fraction_matched": n_matched / len(model.space),
        "n_duplicates": report.n_duplicates,
        "names": report.status_counts,
        "n_unmatched": len(report.unmatched),
        "unmatched": list(report.unmatched[:GENES_SHOWN]),
        "warnings": list(report.warnings),
        "samples": [
            {"name": name, "detected_genes": int(detected), "ood_score": d.score, "ood_flag": d.flag}
            for name, detected, d in zip(samples.names, detected_S, judged, strict=True)
        ],
    }
    lines = [
        f"{report.source}: {report.format}, {report.orientation}, {report.unit}, {report.id_type} names",
        f"{len(samples)} sample(s); {n_matched:,} of the model's {len(model.space):,} genes "
        f"({result['fraction_matched']:.1%})",
        *(f"warning: {warning}" for warning in report.warnings),
        *(
            f"{name}: {detected:,} genes detected. {d.sentence}"
            for name, detected, d in zip(samples.names, detected_S, judged, strict=True)
        ),
    ]
    return result, lines


def _perturb(options: argparse.Namespace) -> Answer:
    from cellstate.evaluate import distances, trust_table
    from cellstate.io import write_table
    from cellstate.perturb import parse_edits, perturb

    edits = parse_edits(options.edit)
    model = _model(options)
    samples, _ = _samples(options)
    if options.sample is None and len(samples) > 1:
        print(f"note: {len(samples)} samples; the first, {samples.names[0]}, is used (--sample NAME)", file=sys.stderr)
    sample = samples.take([0]) if options.sample is None else samples.select(options.sample)
    shift = perturb(model, sample, edits)
    distance = distances(model, sample)[0]
    table = trust_table(model, shift, far=distance.flag)
    if options.out:
        write_table(table, options.out)
    rivals = list(shift.rival_log1p_after)
    result = {
        "sample": sample.names[0],
        "edits": [edit.spec for edit in edits],
        "kind": "hypothesis",
        "ood_score": distance.score,
        "ood_flag": distance.flag,
        "genes": [
            {
                "gene": row["gene"],
                "ensembl_id": row["ensembl_id"],
                "tpm_before": row["tpm_before"],
                "tpm_after": row["tpm_after"],
                "delta_log2": row["delta_log2"],
                "baseline_deltas": {name: row[f"delta_log2_{name}"] for name in rivals},
                "trusted": bool(row["trusted"]),
                "reason": row["reason"],
                "edited": bool(row["edited"]),
            }
            for row in table.to_dict("records")
        ],
    }
    shown = table[~table["edited"]].head(GENES_SHOWN)
    lines = [
        f"{sample.names[0]}: {', '.join(edit.label for edit in edits)} (a hypothesis, for research only)",
        distance.sentence,
        f"{'gene':<12}{'TPM before':>12}{'TPM after':>12}{'log2 change':>13}" + "".join(f"{n:>14}" for n in rivals),
        *(
            f"{row['gene']:<12}{row['tpm_before']:>12.2f}{row['tpm_after']:>12.2f}{row['delta_log2']:>+13.3f}"
            + "".join(f"{row[f'delta_log2_{n}']:>+14.3f}" for n in rivals)
            + ("" if row["trusted"] else f"  not trusted: {row['reason']}")
            for row in shown.to_dict("records")
        ),
    ]
    return result, lines


def _evaluate(options: argparse.Namespace) -> Answer:
    from cellstate.evaluate import Tolerance, evaluate
    from cellstate.evaluate.bins import EDGES
    from cellstate.evaluate.reconstruction import PREDICTORS

    model = _model(options)
    samples, _ = _samples(options)
    edges = EDGES if options.edges is None else _numbers(options.edges)
    tolerance = Tolerance(options.relative, options.absolute)
    evaluation = evaluate(model, samples, edges=edges, tolerance=tolerance)
    result = evaluation.to_dict()
    heads = [f"{b['low']:g}-{b['high']:g}" if b["high"] is not None else f">{b['low']:g}" for b in result["bins"]]
    lines = [
        f"{len(samples)} sample(s), {result['n_values']:,} values",
        f"{'':<28}{'pooled R2':>10}{'per gene':>10}" + "".join(f"{h + ' TPM':>14}" for h in heads),
    ]
    for name, quality in evaluation.quality.items():
        gene = quality.r2_gene_median
        lines.append(
            f"{PREDICTORS[name]:<28}{quality.r2_pooled:>10.4f}{'-' if gene is None else f'{gene:.3f}':>10}"
            + "".join(f"{_share(b.accuracy):>14}" for b in quality.bins)
        )
    lines.append(f"{'Ceiling (counting noise)':<48}" + "".join(f"{_share(b.accuracy):>14}" for b in evaluation.ceiling))
    return result, lines


def _compare(options: argparse.Namespace) -> Answer:
    from cellstate.evaluate import compare
    from cellstate.perturb import parse_edits

    edits = parse_edits(options.edit)
    model = _model(options)
    experiment = compare(model, _group(options.control), _group(options.treated), edits)
    result = experiment.to_dict()
    lines = [
        f"{', '.join(edit.label for edit in edits)}: {result['n_control']} control and {result['n_treated']} treated "
        f"sample(s), {result['n_genes']:,} genes",
        f"{'':<16}{'Pearson-delta':>14}{'95% interval':>18}{'sign, top 50':>14}",
        *(
            f"{name:<16}{_signed(a.pearson_delta):>14}"
            f"{'-' if a.low is None else f'{_signed(a.low)} to {_signed(a.high)}':>18}"
            f"{_share(a.sign_accuracy_top50):>14}"
            for name, a in experiment.agreement.items()
        ),
        experiment.verdict,
    ]
    return result, lines


def _model_init(options: argparse.Namespace) -> Answer:
    from cellstate.model import create_model

    config = create_model(options.out, options.preset, dtype=options.dtype, seed=options.seed)
    result = {"path": str(options.out), "preset": options.preset, "n_parameters": config.n_parameters}
    return result, [f"{options.out}: {config.n_parameters:,} random parameters"]


def _model_show(options: argparse.Namespace) -> Answer:
    from cellstate.model import describe_model
    from cellstate.model.folder import default_model_folder

    result = describe_model(options.folder or options.model or default_model_folder())
    lines = [
        f"{result['name']}: {result['n_parameters']:,} parameters, {result['genes']:,} genes, "
        f"{result['n_latent']:,} latent, {result['dtype']}" + ("" if result["trained"] else ", random weights"),
        *(f"  {layer['inputs']:>6,} -> {layer['outputs']:>6,}  {layer['activation']}" for layer in result["layers"]),
        f"sha256 {result['sha256']}",
    ]
    return result, lines


def _data_get(options: argparse.Namespace) -> Answer:
    from cellstate.cohorts import get_coadread

    cohort = get_coadread(options.out, wheel=options.wheel, say=lambda line: print(line, file=sys.stderr))
    keys = ("n_samples", "n_genes", "sha256", "splits", "source", "licence")
    result = {"path": str(cohort.path)} | {key: cohort.manifest[key] for key in keys}
    return result, [f"{cohort.path}: {result['n_samples']} samples, {result['n_genes']:,} genes"]


def _app(options: argparse.Namespace) -> Answer:
    from cellstate.paths import shipped

    entry = shipped("app.py")
    # Streamlit reads .streamlit/config.toml of the folder in which it starts.
    command = [sys.executable, "-m", "streamlit", "run", str(entry), "--server.port", str(options.port)]
    environment = os.environ | ({"CELLSTATE_MODEL": str(Path(options.model).resolve())} if options.model else {})
    status = subprocess.call(command, cwd=entry.parent, env=environment)
    return {"status": status}, []


def _model(options: argparse.Namespace):
    from cellstate.model import load_model

    return load_model(options.model, device=options.device, dtype=options.dtype)


def _samples(options: argparse.Namespace):
    from cellstate.io import Overrides, read_samples

    overrides = Overrides(
        format=options.format, orientation=options.orientation, unit=options.unit, id_type=options.ids
    )
    samples = read_samples(options.file, overrides=overrides)
    return samples, samples.report


def _group(text: str):
    """Read the samples of a file, or those named after a ``#``."""
    from cellstate.io import read_samples

    path, _, names = text.partition("#") if not Path(text).exists() else (text, "", "")
    samples = read_samples(path)
    if not names:
        return samples
    return samples.take([samples.names.index(samples.select(name.strip()).names[0]) for name in names.split(",")])


def _plain(value):
    """Return a value that JSON can hold: numpy scalars as numbers, what is not a number as null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise CellStateError(f"{text!r} is not a list of numbers.", "Write --edges 0,2.5,10,100,inf") from error


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _share(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{accuracy:.3f}"


def _parser() -> argparse.ArgumentParser:
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--json", action="store_true", help="print one JSON document")
    every.add_argument("--model", metavar="DIR", help="model folder (default: the shipped demo model)")

    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    running.add_argument("--dtype", default="auto", help="auto, float32, bfloat16, float16")

    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument("file", metavar="FILE", help="an RNA-seq profile in any format that can be read")
    for name, words in (
        ("format", "file format"),
        ("orientation", "'genes in rows' or 'genes in columns'"),
        ("unit", "counts, coverage, TPM, FPKM or a log of these"),
        ("ids", "kind of gene names"),
    ):
        reading.add_argument(f"--{name}", metavar="X", help=f"overrule the decision: {words}")

    parser = argparse.ArgumentParser(
        prog="cellstate",
        description="Virtual gene manipulation on one patient's transcriptome. Research use only: every prediction "
        "is a hypothesis.",
    )
    parser.add_argument("--version", action="version", version=f"cellstate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, words: str, run: Callable[[argparse.Namespace], Answer], *parents, under=commands):
        added = under.add_parser(name, help=words, description=words, parents=[*parents, every])
        added.set_defaults(run=run)
        return added

    command("inspect", "what was read, before any prediction", _inspect, reading, running)

    one = command("perturb", "predicted shift of every gene after edits", _perturb, reading, running)
    one.add_argument(
        "--edit",
        action="append",
        required=True,
        metavar="GENE=EDIT",
        help="ko, kd50 (down by 50 %%), x3 (times 3), =12.5 (set to 12.5 TPM); may be given again",
    )
    one.add_argument("--sample", metavar="NAME", help="which sample of the file (default: the first)")
    one.add_argument("--out", metavar="CSV", help="also write the whole table")

    one = command("evaluate", "predicted against true: R2 and accuracy per TPM bin", _evaluate, reading, running)
    one.add_argument("--edges", metavar="LIST", help="bin edges in TPM (default: 0,2.5,10,100,inf)")
    one.add_argument("--relative", type=float, default=0.20, help="tolerance as a share of the truth (default 0.20)")
    one.add_argument("--absolute", type=float, default=0.1, help="tolerance in TPM added to it (default 0.1)")

    one = command("compare", "virtual against real: predicted and measured change of an experiment", _compare, running)
    for group in ("control", "treated"):
        words = f"the {group} samples: a file, or FILE#NAME,NAME for some samples of it"
        one.add_argument(f"--{group}", required=True, metavar="FILE", help=words)
    one.add_argument("--edit", action="append", required=True, metavar="GENE=EDIT", help="what was done to the cells")

    models = commands.add_parser("model", help="random weights of a preset; a summary of a model folder")
    kinds = models.add_subparsers(dest="kind", required=True, metavar="COMMAND")
    one = command("init", "write random weights of a preset", _model_init, under=kinds)
    one.add_argument("--preset", required=True, help="poster or demo")
    one.add_argument("--out", required=True, metavar="DIR", help="new model folder")
    one.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16")
    one.add_argument("--seed", type=int, default=0)
    one = command("show", "parameters, layers, genes, precision, checksum", _model_show, under=kinds)
    one.add_argument("folder", nargs="?", metavar="DIR", help="model folder (default: the shipped demo model)")

    data = commands.add_parser("data", help="public cohorts")
    actions = data.add_subparsers(dest="action", required=True, metavar="COMMAND")
    one = command("get", "fetch, check and store a cohort", _data_get, under=actions)
    one.add_argument("cohort", choices=["coadread"])
    one.add_argument("--out", default="data/cohorts/coadread", metavar="DIR", help="folder of the stored cohort")
    one.add_argument("--from", dest="wheel", metavar="FILE", help="the wheel of TumorDecon 1.1.1, if on disk already")

    one = command("app", "serve the web app", _app)
    one.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8501")))
    return parser


if __name__ == "__main__":
    sys.exit(main())
