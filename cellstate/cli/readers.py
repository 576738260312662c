"""What commands read: the model, the samples, the perturbations, the goal, a list of genes."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellstate.cli.options import check_out
from cellstate.errors import CellStateError, GeneError, PerturbationError, ReadError, summarise_list

if TYPE_CHECKING:
    import numpy as np

    from cellstate.evaluation.ood import OodScore
    from cellstate.expression.reading import ReadReport
    from cellstate.gene_space import GeneSpace
    from cellstate.io import ReadOptions
    from cellstate.model import Model
    from cellstate.perturb.perturbations import Perturbation
    from cellstate.perturb.sample import PreparedSample
    from cellstate.perturb.search.goal import Goal
    from cellstate.samples import Samples

_LIST = "Give a text file with one gene a line."
#: The option that takes a decision of the reader.
_OPTIONS = {
    "unit": "--unit",
    "names": "--ids",
    "orientation": "--orientation",
    "samples": "--columns",
    "sheet": "--sheet",
}
#: Every name of every human gene together has a few megabytes.
_MOST_LIST_BYTES = 50_000_000


def note(options: argparse.Namespace, text: str) -> None:
    """Print a note beside the result; of several processes that share a run, the first prints it."""
    if not getattr(options, "quiet", False):
        print(f"note: {text}", file=sys.stderr)


def at_least_one(option: str, value: int) -> int:
    """Return a number of things, or raise ``CellStateError`` for none."""
    if value < 1:
        raise CellStateError(f"{option} {value} leaves nothing to do.", f"Give {option} 1 or more.")
    return value


def numbers(option: str, text: str, example: str) -> tuple[float, ...]:
    """Return the numbers of a list separated by commas."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise CellStateError(f"{option} {text} is not a list of numbers.", f"Write {option} {example}.") from error


def read_model(options: argparse.Namespace, *, light: bool = False) -> Model:
    """Open the chosen model; ``light`` for a command that needs no torch, see `load_light_model`."""
    from cellstate.model.folder import load_model
    from cellstate.model.numpy_network import load_light_model

    load = load_light_model if light else load_model
    return load(options.model, device=options.device, dtype=options.dtype)


def read_perturbations(options: argparse.Namespace) -> list[Perturbation]:
    """Return the perturbations of ``--perturb``; raises ``PerturbationError`` for none."""
    from cellstate.perturb.perturbations import parse_perturbations

    found = parse_perturbations(options.perturb or [])
    if not found:
        raise PerturbationError("There is no perturbation.", "Write --perturb GENE=ko.")
    return found


def read_patterns(texts: list[str] | None) -> list[str]:
    """Return what a search tries on each gene; raises ``PerturbationError`` for what is no perturbation."""
    from cellstate.perturb.perturbations import parse_patterns

    parts = [part.strip() for text in texts or ["ko"] for part in text.split(",") if part.strip()]
    return list(dict.fromkeys(pattern.action for pattern in parse_patterns(parts)))


def read_overrides(options: argparse.Namespace) -> ReadOptions:
    """Return the settings of a file that are not to be detected."""
    from cellstate.io import ReadOptions

    return ReadOptions(
        format=options.format,
        orientation=options.orientation,
        unit=options.unit,
        id_type=options.ids,
        repair_dates=options.repair_dates,
        columns=options.columns,
        sheet=options.sheet,
    )


def read_source(options: argparse.Namespace) -> tuple[Path | bytes, str, str]:
    """Return the file, its name, and the names of samples after ``#``; several files are packed into one archive."""
    from cellstate.io import load_file, pack_files, split_selection

    if len(options.file) == 1:
        path, names = split_selection(options.file[0])
        return Path(path), Path(path).name, names
    files = [(text, load_file(Path(text))) for text in options.file]
    return pack_files(files), f"{len(files)} files.zip", ""


def read_all_samples(options: argparse.Namespace) -> tuple[Samples, list[int]]:
    """Read FILE, or several; returns it with the positions of the samples of ``FILE#NAME,NAME`` and ``--sample``."""
    from cellstate.io import read_samples

    source, name, names = read_source(options)
    samples = read_samples(source, name=name, options=read_overrides(options))
    note_doubts(options, samples.report)
    positions = list(range(len(samples)))
    if names:
        chosen = [names] if names in samples.names else [name.strip() for name in names.split(",")]
        positions = [samples.names.index(samples.select(name).names[0]) for name in chosen]
    if options.sample is not None:
        [name] = samples.take(positions).select(options.sample).names
        positions = [samples.names.index(name)]
    return samples, positions


def note_doubts(options: argparse.Namespace, report: ReadReport) -> None:
    """Note the decisions of the reader that may be wrong, before any result."""
    from cellstate.report.narrative.sample import doubt_sentence

    for doubt in report.doubts:
        note(options, f"{doubt_sentence(doubt)} ({_OPTIONS[doubt.name]} chooses)")


def read_chosen_samples(options: argparse.Namespace) -> Samples:
    """Read the named samples of FILE, or all of them."""
    samples, positions = read_all_samples(options)
    return samples.take(positions)


def first_of(options: argparse.Namespace, samples: Samples, positions: list[int]) -> int:
    """Return the first of some positions, with a note where there are several."""
    if len(positions) > 1:
        note(options, f"{len(positions)} samples; the first, {samples.names[positions[0]]}, is used (--sample NAME)")
    return positions[0]


def read_sample(options: argparse.Namespace, model: Model) -> PreparedSample:
    """Read and prepare the one named sample of FILE, or the first."""
    from cellstate.perturb.sample import prepare_sample

    samples, positions = read_all_samples(options)
    return prepare_sample(model, samples.take([first_of(options, samples, positions)]))


def read_goal(options: argparse.Namespace, sample: PreparedSample) -> Goal:
    """Return the goal of ``--goal``; a note lists its names that are not genes of the model."""
    from cellstate.goals import read_goal as make_goal

    goal = make_goal(options.goal, sample)
    if n := len(goal.missing):
        shown = summarise_list([name[:40] for name in goal.missing], 5)
        note(options, f"{n:,} name(s) of the goal are not genes of the model: {shown}")
    return goal


def goal_entries(goal: Goal) -> dict:
    """Return the entries of every answer about a goal."""
    return {
        "goal": goal.spec,
        "goal_label": goal.label,
        "goal_genes": goal.n_genes,
        "goal_distance": goal.distance,
        "goal_missing": list(goal.missing),
        "goal_offset": None if goal.offset is None else asdict(goal.offset),
    }


@dataclass(frozen=True, eq=False)
class SearchInput:
    """A prepared sample, its goal and its out-of-distribution score: what every search starts from."""

    sample: PreparedSample
    goal: Goal
    ood: OodScore

    @property
    def model(self) -> Model:
        """The model of the sample."""
        return self.sample.model

    def to_dict(self) -> dict:
        """Return the entries of every search."""
        return {
            **goal_entries(self.goal),
            "sample": self.sample.name,
            "kind": "hypothesis",
            "ood_score": self.ood.score,
            "is_ood": self.ood.is_ood,
        }

    def lines(self) -> list[str]:
        """Return the same for a person."""
        from cellstate.report.narrative.search import offset_sentence

        goal = self.goal
        offset = offset_sentence(goal).replace("**", "")
        return [
            f"{self.sample.name}: {goal.label} (hypotheses, for research only)",
            f"The goal has {goal.n_genes:,} genes and is {goal.distance:.3g} SD away. {self.ood.sentence}",
            *([offset] if offset else []),
        ]


def read_search(options: argparse.Namespace) -> SearchInput:
    """Open the model, read and prepare the sample, and make its goal."""
    from cellstate.evaluation.ood import ood_scores

    sample = read_sample(options, read_model(options))
    return SearchInput(sample, read_goal(options, sample), ood_scores([sample])[0])


def read_candidates(options: argparse.Namespace) -> tuple[SearchInput, list[str], np.ndarray | None]:
    """Return what a search of candidates starts from, what it tries on each gene, and on which genes."""
    perturbations = read_patterns(options.perturb)
    check_out(options)
    given = read_search(options)
    return given, perturbations, read_genes(options, options.genes, given.model.space)


def read_genes(options: argparse.Namespace, text: str | None, space: GeneSpace) -> np.ndarray | None:
    """Return the model positions of the genes ``tf``, ``all`` or those of a file; ``None`` is all.

    In a file, the first column counts; the rest of a line after ``#`` is a comment. A note lists the names that are not
    genes of the model.

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
