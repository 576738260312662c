"""What commands read: the model, the samples, the one sample, the list of genes."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cellstate.errors import CellStateError, GeneError, PerturbationError, ReadError, summarise_list

if TYPE_CHECKING:
    import numpy as np

    from cellstate.gene_space import GeneSpace
    from cellstate.io import ReadOptions
    from cellstate.model import Model
    from cellstate.perturb.perturbations import Perturbation
    from cellstate.samples import Samples

_LIST = "Give a text file with one gene a line."
#: Every name of every human gene together has a few megabytes.
_MOST_LIST_BYTES = 50_000_000


def note(options: argparse.Namespace, text: str) -> None:
    """Tell the user something beside the result; of several processes of one run, the first does."""
    if not getattr(options, "quiet", False):
        print(f"note: {text}", file=sys.stderr)


def at_least_one(option: str, value: int) -> int:
    """Return a number of things, or raise ``CellStateError`` for none."""
    if value < 1:
        raise CellStateError(f"{option} {value} asks for nothing.", f"Give {option} 1 or more.")
    return value


def read_model(options: argparse.Namespace) -> Model:
    """Open the model that the options name."""
    from cellstate.model import load_model

    return load_model(options.model, device=options.device, dtype=options.dtype)


def read_perturbations(options: argparse.Namespace) -> list[Perturbation]:
    """Return the perturbations of ``--perturb``; raises ``PerturbationError`` for none."""
    from cellstate.perturb.perturbations import parse_perturbations

    found = parse_perturbations(options.perturb or [])
    if not found:
        raise PerturbationError("There is no perturbation.", "Write --perturb GENE=ko.")
    return found


def read_overrides(options: argparse.Namespace) -> ReadOptions:
    """Return what overrules the reader."""
    from cellstate.io import ReadOptions

    return ReadOptions(
        format=options.format,
        orientation=options.orientation,
        unit=options.unit,
        id_type=options.ids,
        repair_dates=options.repair_dates,
    )


def read_whole_file(options: argparse.Namespace) -> tuple[Samples, list[int]]:
    """Read FILE, and return it with the positions of the samples that ``FILE#NAME,NAME`` or ``--sample`` asks for."""
    from cellstate.io import read_samples, split_selection

    path, names = split_selection(options.file)
    samples = read_samples(path, options=read_overrides(options))
    named = samples.names
    positions = list(range(len(samples)))
    if names:
        asked = [names] if names in named else [name.strip() for name in names.split(",")]
        positions = [named.index(samples.select(name).names[0]) for name in asked]
    if getattr(options, "sample", None) is not None:
        chosen = samples.take(positions)
        positions = [positions[chosen.names.index(chosen.select(options.sample).names[0])]]
    return samples, positions


def read_file(options: argparse.Namespace) -> Samples:
    """Read the samples of FILE that are asked for; all of them where none is named."""
    samples, positions = read_whole_file(options)
    return samples.take(positions)


def read_sample(options: argparse.Namespace) -> Samples:
    """Read the one sample of FILE that is asked for; the first, with a note, if none of several is named."""
    samples = read_file(options)
    if len(samples) > 1:
        note(options, f"{len(samples)} samples; the first, {samples.names[0]}, is used (--sample NAME)")
    return samples.take([0])


def read_genes(options: argparse.Namespace, text: str | None, space: GeneSpace) -> np.ndarray | None:
    """Return the model positions that ``tf``, ``all`` or a file of names stands for; ``None`` is all.

    Of a file, the first column counts; the rest of a line after ``#`` is a comment. Names that the model does not
    know are told in a note.

    Raises
    ------
    CellStateError
        A file that cannot be read, or none of whose names the model knows.
    """
    import numpy as np

    from cellstate.perturb.search.goal import find_genes

    if text is None or text.lower() == "all":
        return None
    if text.lower() == "tf":
        return np.flatnonzero(space.is_tf_G)
    names = list(dict.fromkeys(_names(Path(text))))
    genes, missing = find_genes(space, names)
    known = np.unique(genes[genes >= 0])
    shown = summarise_list([name[:40] for name in missing])
    if not len(known):
        raise GeneError(
            f"The model knows none of the {len(names):,} names in {text}" + (f": {shown}." if names else "."),
            "Write one gene a line: approved human symbols, Ensembl or Entrez ids.",
        )
    if missing:
        note(options, f"{len(missing):,} of the {len(names):,} names in {text} are not genes of the model: {shown}")
    return known


def _names(path: Path) -> Iterator[str]:
    from cellstate.io.source import load_content

    if not path.exists():
        raise CellStateError(f"There is no gene list {path}.", "Write tf, all, or the path of a file.")
    try:
        content = load_content(path)
    except ReadError as error:
        raise CellStateError(f"{path} is not a list of names.", f"{error.message} {_LIST}") from error
    if content.is_hdf5 or len(content.data) > _MOST_LIST_BYTES:
        raise CellStateError(f"{path} is not a list of names.", _LIST)
    for line in content.data.decode("utf-8").splitlines():
        if name := re.split(r"[\t,;]", line.partition("#")[0])[0].strip().strip("\"'").strip():
            yield name
