"""Reading expression profiles from a file: `read_samples`, and `read_selection` for ``FILE#NAME``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cellstate.errors import ReadError, summarise_list
from cellstate.expression.reading import (
    Decision,
    ProgressCallback,
    ProgressReporter,
    RawTable,
    ReadOptions,
    ReadWarning,
    cut_name,
    unique_names,
)
from cellstate.io.containers import Sheet, archive_members, is_tar, is_zip_of_files
from cellstate.io.formats import delimited, gct, quantifiers
from cellstate.io.layout import DELIMITERS, first_lines
from cellstate.io.sample_sheet import annotations_in
from cellstate.io.source import FileContent, load_bytes, load_content, refuse_known
from cellstate.samples import Samples

Reader = Callable[[FileContent, ReadOptions], RawTable]
_DETECT = ReadOptions()
#: A file of an archive with fewer genes is no sample.
_MIN_GENES_OF_MEMBER = 100


def _read_h5ad(content: FileContent, options: ReadOptions) -> RawTable:
    from cellstate.io.formats import h5ad  # imports h5py and scipy

    return h5ad.read(content, options)


#: The reader of each format.
READERS: dict[str, Reader] = {
    **dict.fromkeys(DELIMITERS.values(), delimited.read),
    "gct": gct.read,
    **{tool.name: tool.read for tool in quantifiers.TOOLS},
    "star": quantifiers.read_star,
    "featurecounts": quantifiers.read_featurecounts,
    "h5ad": _read_h5ad,
}


def choose_format(content: FileContent, options: ReadOptions) -> str:
    """Return the format that the user chose, or the one that is detected.

    Raises
    ------
    ReadError
        When the chosen format does not exist, or is text for a binary file (or the reverse).
    """
    if options.format is None:
        return detect_format(content)
    wanted = options.format_name
    if wanted not in READERS:
        raise ReadError(
            f"There is no format {options.format!r}.", f"The formats are: {', '.join(READERS)}.", code="unknown_option"
        )
    if content.is_hdf5 != (wanted == "h5ad"):
        raise ReadError(
            f"The file is not of format {wanted!r}.", "Let CellState detect the format.", code="wrong_format"
        )
    return wanted


def detect_format(content: FileContent) -> str:
    """Return the format of a file by its content; ``tsv`` stands for any delimited text. The name does not matter."""
    if content.is_hdf5:
        return "h5ad"
    refuse_known(content.data)
    lines = [line for line in first_lines(content.data) if line.strip()] or [""]
    if lines[0].replace(" ", "").startswith(("#1.2", "#1.3")):
        return "gct"
    if lines[0].startswith("N_unmapped\t"):
        return "star"
    header = next((line for line in lines if not line.startswith("# ")), "").split("\t")
    names = [name.strip().lower() for name in header]
    if names[1:] == quantifiers.STAR_COLUMNS:
        return "star"
    for tool in quantifiers.TOOLS:
        if names[0] in tool.feature and {tool.tpm, tool.counts, tool.length} <= set(names):
            return tool.name
    first = [name.strip('"') for name in names[: len(quantifiers.FEATURECOUNTS_COLUMNS)]]
    return "featurecounts" if first == quantifiers.FEATURECOUNTS_COLUMNS else "tsv"


def read_samples(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    options: ReadOptions = _DETECT,
    progress: ProgressCallback | None = None,
) -> Samples:
    """Read expression profiles from a file or an upload.

    Parameters
    ----------
    source : path or bytes
        A file or its content, plain or packed with gzip.
    name : str, optional
        File name of an upload. It names a single sample that has no name in the file.
    options : ReadOptions
        Settings that are not to be detected.
    progress : callable, optional
        Called as ``progress(step, fraction)`` in the thread that reads. The steps are "Unpacking", "Reading the table",
        "Matching names" and "Converting to TPM"; the fraction of the whole (0 to 1) never decreases. An exception
        raised by it stops reading and reaches the caller.

    Returns
    -------
    Samples
        TPM over the measured genes of the axis. ``report`` has all settings and warnings.

    Raises
    ------
    ReadError
        When the file has no human expression profiles, or values that cannot be interpreted.
    """
    report_progress = ProgressReporter(progress)
    data, file_name = load_bytes(source, name, report_progress)
    if is_tar(data) or is_zip_of_files(data):
        return _read_archive(data, file_name, options)
    content = load_content(data, file_name, report_progress, options.sheet)
    del data
    table = READERS[choose_format(content, options)](content, options)
    table = replace(
        table,
        warnings=(*content.notes, *table.warnings),
        decisions=(*table.decisions, *content.decisions),
        sheets=content.sheets,
    )
    beside = content.beside
    del content  # frees the unpacked file, which may be large
    samples = Samples.from_table(table, options, file_name, report_progress)
    return _with_annotations(samples, beside)


def _with_annotations(samples: Samples, beside: Sequence[Sheet]) -> Samples:
    """Return samples with the columns about them in another sheet of their workbook."""
    found = [column for sheet in beside for column in annotations_in(sheet, samples.names)]
    if not found:
        return samples
    listed = summarise_list([cut_name(title) for title, _ in found], 6)
    note = ReadWarning(f"Another sheet of the workbook describes the samples: {listed}.", "sample_annotations")
    report = samples.report
    report = replace(report, annotations=(*report.annotations, *found), warnings=(*report.warnings, note))
    return replace(samples, report=report)


def _read_archive(data: bytes, name: str, options: ReadOptions) -> Samples:
    """Read the one table of an archive, or its files of one sample each as a cohort."""
    members = archive_members(data)
    kind = "tar" if is_tar(data) else "zip"
    if len(members) == 1 and kind == "zip":
        samples = read_samples(members[0].data, name=members[0].name, options=options)
        text = f"The table is the file {members[0].name!r} of the zip archive."
        note = ReadWarning(text, "archive_member")
        report = replace(samples.report, source=name, warnings=(note, *samples.report.warnings))
        return replace(samples, report=report)
    return read_cohort(members, name=name, options=options, kind=f"{kind} archive")


def read_cohort(
    files: Sequence[tuple[str, bytes]],
    *,
    name: str = "files",
    options: ReadOptions = _DETECT,
    kind: str = "set of files",
) -> Samples:
    """Read several files, such as one ``quant.sf`` a sample, as one cohort.

    Parameters
    ----------
    files : sequence of (str, bytes)
        Name and content of each file. If all have the same name, the samples are numbered.
    name : str
        Name of the whole, for the report.
    options : ReadOptions
    kind : str
        What the files are together, for sentences.

    Raises
    ------
    ReadError
        When a file cannot be read, has hardly any gene, or is of another unit than the others.
    """
    read = []
    for file_name, data in files:
        try:
            samples = read_samples(data, name=file_name, options=options)
        except ReadError as error:
            hint = f"{error.message} Remove the file, or upload the files of samples alone."
            raise ReadError(
                f"This is a {kind}, and its file {file_name!r} cannot be read.", hint, code=error.code
            ) from error
        if samples.n_measured < _MIN_GENES_OF_MEMBER:
            raise ReadError(
                f"This is a {kind}, and its file {file_name!r} has only {samples.n_measured:,} known genes.",
                "Unpack it and upload the table of all samples.",
                code="few_genes_in_member",
            )
        read.append(samples)
    units = {samples.report.unit for samples in read}
    if len(units) > 1:
        raise ReadError(
            f"This is a {kind} whose files differ in unit: {', '.join(sorted(units))}.",
            "Upload files of one kind.",
            code="mixed_units",
        )
    text = f"{len(read):,} files of the {kind} are read together as {sum(map(len, read)):,} samples."
    warnings = dict.fromkeys([ReadWarning(text, "cohort_of_files"), *(w for s in read for w in s.report.warnings)])
    return Samples(
        unique_names(sample for samples in read for sample in samples.names),
        np.concatenate([samples.tpm_SA for samples in read]),
        np.concatenate([samples.library_size_S for samples in read]),
        replace(read[0].report, source=name, warnings=tuple(warnings), annotations=(), decisions=_least_sure(read)),
    )


def _least_sure(read: Sequence[Samples]) -> tuple[Decision, ...]:
    """Return the decisions on several files: of each kind, the least sure one."""
    least: dict[str, Decision] = {}
    for decision in (one for samples in read for one in samples.report.decisions):
        if decision.name not in least or decision.confidence < least[decision.name].confidence:
            least[decision.name] = decision
    return tuple(least.values())


def read_selection(text: str | Path, *, options: ReadOptions = _DETECT) -> Samples:
    """Read all samples of a file, or those named after a ``#``: ``FILE``, ``FILE#NAME`` or ``FILE#NAME,NAME``.

    Raises
    ------
    ReadError
        As `read_samples`, or when the file has no sample with one of the names.
    """
    path, selection = split_selection(str(text))
    samples = read_samples(path, options=options)
    if not selection:
        return samples
    names = [selection] if selection in samples.names else [name.strip() for name in selection.split(",")]
    return samples.take([samples.names.index(samples.select(name).names[0]) for name in names])


def split_selection(text: str) -> tuple[str, str]:
    """Split ``FILE#SELECTION`` into the path and the selection (empty if there is none).

    A ``#`` that belongs to the name of an existing file does not split.
    """
    positions = [at for at, letter in enumerate(text) if letter == "#"]
    for at in (len(text), *reversed(positions)):
        if _is_file(text[:at]):
            return text[:at], text[at + 1 :].strip()
    path, _, selection = text.partition("#")
    return path, selection.strip()


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # not a valid file name, for example too long
        return False
