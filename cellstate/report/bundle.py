"""A run bundle: one zip with the settings of a run, its tables, and code that computes the same numbers again.

It holds no name, and no value of a sample beyond the tables, unless the user adds the sample's name or the file.
"""

from __future__ import annotations

import io
import json
import zipfile

from cellstate.io import to_csv
from cellstate.io.write import ExportTable
from cellstate.report.bundle_code import python, shell
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
