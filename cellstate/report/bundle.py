"""A run bundle: one zip with the settings of a run, its tables, and code that computes the same numbers again.

It holds no name, and no value of a sample beyond the tables, unless the user adds the sample's name or the file. In the
code every value is written as a literal (`repr`, `shlex.quote`), so a name from a file is never code.
"""

from __future__ import annotations

import io
import json
import shlex
import zipfile

from cellstate.io import to_csv
from cellstate.io.write import ExportTable
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.html_report import numbers_sha256
from cellstate.report.provenance import Run

#: Version of ``settings.json``.
FORMAT = 1
#: A fixed time, so that the same run gives the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)
_LISTS = {"genes": "the candidates, of pairs the first genes", "partners": "the second genes of the pairs"}
_README = """# A run of CellState

A hypothesis for the laboratory, for research use only: how genes vary together in the training samples, with no claim
of cause. A real perturbation can do the opposite.

| file | holds |
| --- | --- |
| `settings.json` | request, sample and model, with versions and checksums |
| `tables/{name}.csv`, `.parquet`, `.h5ad` | the whole result, unrounded |
| `reproduce.py`, `reproduce.sh` | the same numbers again, in Python and on the command line |
{more}
## The same numbers again

Install CellState {version}, then

    python reproduce.py {input}
    sh reproduce.sh {input}

{which}
Give a model folder other than the shipped one as a second argument; its files must have the checksums in
`settings.json`. Both report whether the numbers are the same, bit for bit. On another processor, or with other versions
or another number of threads, the last digits may differ; `reproduce.py` then reports by how much.
"""


def settings(run: Run, *, named: bool = False, with_input: bool = False) -> dict:
    """Return what ``settings.json`` holds.

    Parameters
    ----------
    named : bool
        Whether sample and file are named.
    with_input : bool
        Whether the file is in the bundle.
    """
    source, made = run.source, run.made
    return {
        "format": FORMAT,
        "kind": "hypothesis",
        "command": run.command,
        "perturbations": [one.spec if run.command == "perturb" else one.action for one in run.perturbations],
        "predictor": str(run.predictor),
        "goal": run.goal or None,
        "genes": None if run.genes is None else len(run.genes),
        "partners": None if run.partners is None else len(run.partners),
        "options": dict(run.options),
        "seed": "fixed by this version",
        "sample": {
            "name": source.sample if named else None,
            "position": source.position + 1,
            "of": source.n_samples,
        },
        "input": {
            "name": source.name if named else None,
            "sha256": source.sha256,
            "in_bundle": with_input,
            "decided_by_hand": source.overrides.chosen(),
        },
        "model": {
            "name": made.model,
            "folder": made.folder,
            "device": made.device,
            "dtype": made.dtype,
            "sha256": dict(made.files),
        },
        "versions": dict(made.versions),
        "threads": made.threads,
        "tables": {f"{run.name}.csv": {"sha256": numbers_sha256(run.table.frame), "rows": len(run.table.frame)}},
    }


def bundle(run: Run, *, named: bool = False, with_input: bool = False) -> bytes:
    """Return the zip; the same run gives the same bytes.

    Parameters
    ----------
    named, with_input
        As for `settings`.
    """
    held = f"input{run.source.endings}" if with_input else ""
    about = dict(run.table.about)
    if not named:
        about.pop("sample", None)
    table = ExportTable(run.table.frame, run.table.key, run.table.value, about)
    rows = [f"| `{held}` | the uploaded file of the sample |"] if held else []
    rows += [f"| `{name}.txt` | {_LISTS[name]} |" for name in run.lists]
    which = (
        f"`{held}` is the file of the sample."
        if held
        else f"INPUT is the file of the sample, of which the sha256 is\n`{run.source.sha256}`."
    )
    readme = _README.format(
        name=run.name,
        more="".join(f"{row}\n" for row in rows),
        version=run.made.versions["cellstate"],
        input=held or "INPUT",
        which=which,
    )
    files: dict[str, bytes] = {
        "README.md": readme.encode(),
        "settings.json": _json(settings(run, named=named, with_input=with_input)),
        "reproduce.py": python(run).encode(),
        "reproduce.sh": shell(run, named=named).encode(),
        # As the command line writes it, so that a comparison of bytes is enough.
        f"tables/{run.name}.csv": to_csv(run.table.frame).encode(),
        f"tables/{run.name}.parquet": table.parquet(),
        f"tables/{run.name}.h5ad": table.h5ad(),
    }
    files |= {f"{name}.txt": "".join(f"{gene}\n" for gene in genes).encode() for name, genes in run.lists.items()}
    if held:
        files[held] = run.source.contents()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _json(value: dict) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


# --- code of a bundle ---


_OPTIONS = {
    "format": "--format",
    "orientation": "--orientation",
    "unit": "--unit",
    "id_type": "--ids",
    "repair_dates": "--repair-dates",
    "columns": "--columns",
    "sheet": "--sheet",
}
#: Options whose name on the command line differs from that in Python.
_NAMES = {"max_perturbations": "max"}
_PYTHON = '''"""Computes the numbers of this bundle again and compares them: python reproduce.py INPUT [MODEL_FOLDER]"""

import io
import json
import os
import sys
from pathlib import Path

# Set before any library starts its threads: another number may change the last digits.
os.environ["OMP_NUM_THREADS"] = "{threads}"

import pandas as pd
import torch

from cellstate import load_model, read_samples
from cellstate.files import sha256
from cellstate.io import ReadOptions, to_csv
{imports}

if len(sys.argv) < 2:
    sys.exit(__doc__)
here = Path(__file__).resolve().parent
settings = json.loads((here / "settings.json").read_text(encoding="utf-8"))
torch.set_num_threads({threads})

if sha256(Path(sys.argv[1])) != settings["input"]["sha256"]:
    sys.exit("This is not the file of the run.")
model = load_model(sys.argv[2] if len(sys.argv) > 2 else None, device={device!r}, dtype={dtype!r})
changed = [name for name, known in settings["model"]["sha256"].items() if sha256(model.folder / name) != known]
if changed:
    sys.exit(f"This is not the model of the run: {{', '.join(changed)}} differ. Give its folder as a second argument.")

samples = read_samples(sys.argv[1], options={overrides!r})
sample = prepare_sample(model, samples.take([{position}]))
{question}

before, again = (here / "tables" / {table!r}).read_bytes(), to_csv(table).encode()
(here / "again.csv").write_bytes(again)
if before == again:
    print("The same numbers, bit for bit.")
    sys.exit(0)
one, two = (pd.read_csv(io.BytesIO(data)).set_index({key!r}) for data in (before, again))
decimals = one.select_dtypes("float").columns
print(f"Not the same: numbers differ by up to {{(one[decimals] - two[decimals]).abs().max().max():.3g}}.")
sys.exit(1)
'''
_PERTURB_IMPORTS = """from cellstate import Perturbation, predict, prepare_sample
from cellstate.evaluation.ood import ood_score_after, ood_scores
from cellstate.evaluation.reliability import reliability_table"""
_PERTURB = """perturbations = {perturbations!r}
prediction = predict(sample, perturbations, {predictor!r})
is_ood, is_ood_after = ood_scores([sample])[0].is_ood, ood_score_after(prediction).is_ood
table = reliability_table(prediction, is_ood=is_ood, is_ood_after=is_ood_after)"""
_SEARCH_IMPORTS = """from cellstate import {command}, prepare_sample, read_goal
from cellstate.perturb.search.goal import find_genes"""
_SEARCH = """goal = read_goal({goal!r}, sample)
{genes}
"""
_SCREEN = """arguments = {{"perturbations": {perturbations!r}, "predictor": {predictor!r}}}
table = screen(sample, goal, genes=genes, **arguments).table"""
_PAIRS = """arguments = {{"perturbation": {perturbation!r}, "anchor": {anchor}, "by": {by!r}}}
table = pairs(sample, goal, genes=genes, partners=partners, **arguments).table"""
_COMBINE = """arguments = {{
    "max_perturbations": {max_perturbations!r},
    "fraction": {fraction!r},
    "perturbations": {perturbations!r},
    "predictor": {predictor!r},
}}
table = combine(sample, goal, genes=genes, **arguments).steps"""
_GENES = """{name} = find_genes(model.space, (here / "{name}.txt").read_text(encoding="utf-8").split())[0]"""
_SHELL = """#!/bin/sh
# Computes the numbers of this bundle again and compares them: sh reproduce.sh INPUT [MODEL_FOLDER]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export OMP_NUM_THREADS={threads}
cellstate {command} "$1" \\
{options}  ${{2:+--model "$2"}} --out "$here/again.csv" > /dev/null
if cmp -s "$here/again.csv" "$here/tables/{table}"; then
  echo "The same numbers, bit for bit."
else
  echo "Not the same: reproduce.py reports by how much."
  exit 1
fi
"""


def python(run: Run) -> str:
    """Return ``reproduce.py``."""
    if run.command == "perturb":
        imports = _PERTURB_IMPORTS
        question = _PERTURB.format(perturbations=list(run.perturbations), predictor=str(run.predictor))
    else:
        imports = _SEARCH_IMPORTS.format(command=run.command)
        question = _search(run)
    return _PYTHON.format(
        imports=imports,
        threads=run.made.threads,
        device=run.made.device,
        dtype=run.made.dtype,
        overrides=run.source.overrides,
        position=run.source.position,
        question=question,
        table=f"{run.name}.csv",
        key=list(run.table.key),
    )


def _search(run: Run) -> str:
    """Return the lines that repeat a search."""
    names = ("genes", "partners") if run.command == "pairs" else ("genes",)
    genes = [_GENES.format(name=name) if name in run.lists else f"{name} = None" for name in names]
    question = _SEARCH.format(goal=run.goal, genes="\n".join(genes))
    patterns, predictor = [_action(one) for one in run.perturbations], str(run.predictor)
    if run.command == "screen":
        return question + _SCREEN.format(perturbations=patterns, predictor=predictor)
    if run.command == "combine":
        return question + _COMBINE.format(perturbations=patterns, predictor=predictor, **run.options)
    gene = run.options["anchor"]
    anchor = f"model.space.find({gene!r})" if gene else None
    return question + _PAIRS.format(perturbation=patterns[0], anchor=anchor, by=run.options["by"])


def shell(run: Run, *, named: bool) -> str:
    """Return ``reproduce.sh``; a sample that is not named must be given as a variable where the file holds several."""
    return _SHELL.format(
        threads=run.made.threads,
        command=run.command,
        options="".join(f"  {line} \\\n" for line in command_options(run, named=named)),
        table=f"{run.name}.csv",
    )


def command_options(run: Run, *, named: bool) -> list[str]:
    """Return the options of the ``cellstate`` command, quoted for a shell, one kind a line."""
    source = run.source
    lines = [
        f"{_OPTIONS[name]} {shlex.quote(value)}" if isinstance(value, str) else _OPTIONS[name]
        for name, value in source.overrides.chosen().items()
    ]
    if named and source.n_samples > 1:
        # With an equals sign, a name that begins with a dash is no option.
        lines.append(f"--sample={shlex.quote(source.sample)}")
    elif source.position:
        lines.append(f'--sample="${{SAMPLE:?set SAMPLE to the name of sample {source.position + 1} of the file}}"')
    if run.command == "perturb":
        lines += [f"--perturb={shlex.quote(f'{one.gene}={_action(one)}')}" for one in run.perturbations]
    else:
        lines.append(f"--goal={shlex.quote(run.goal)}")
        lines += [f"--perturb={shlex.quote(_action(one))}" for one in run.perturbations]
        lines += [f'--{name} "$here/{name}.txt"' for name in run.lists]
    lines += [
        f"--{_NAMES.get(name, name)}={shlex.quote(str(value))}"
        for name, value in run.options.items()
        if value is not None
    ]
    if run.command != "pairs":
        lines.append(f"--predictor {shlex.quote(run.predictor)}")
    lines.append(f"--device {shlex.quote(run.made.device)} --dtype {shlex.quote(run.made.dtype)}")
    return lines


def _action(one: Perturbation) -> str:
    """Return a perturbation without its gene, its amount in full: `Perturbation.action` keeps six digits."""
    if Perturbation.pattern(one.action).amount == one.amount:
        return one.action
    return one.action.removesuffix(f"{one.amount:g}") + repr(one.amount)
