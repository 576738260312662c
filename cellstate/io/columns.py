"""What the columns of a table are: samples, and of which quantity; genes; or something about genes or patients.

A tool or a portal names columns by quantity (``TPM``, ``S1_count``, ``q2_conf_lo``). Columns of the preferred quantity
are samples, the others describe them. Without such names, a column is a sample unless its name or its values say
otherwise. With genes in columns, others are about patients: survival, age, quality of the RNA. Their names may be
aliases of genes: OS is one of MID1, RIN of RIT2, PI of SERPINA1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError, summarise_list
from cellstate.expression.gene_names import readable_names
from cellstate.expression.reading import SAMPLES, Decision, ReadWarning, cut_name
from cellstate.expression.units import plain_name
from cellstate.genes import FOUND, gene_axis
from cellstate.io.table import ParsedTable

#: What a logarithm adds to the name of a quantity.
_LOG, _PLUS = r"(?:(?:log2|log10|log|ln)_?)?", r"(?:_?(?:plus|p)?_?1)?"
#: Quantities in columns, the preferred one first. A quantity of `_OTHER` is never expression.
QUANTITIES = {
    "TPM": rf"{_LOG}tpm(_unstranded)?{_PLUS}|transcripts_per_million",
    "counts": rf"{_LOG}(est|estimated|expected|read|raw|num|n|total|total_gene|gene|uniquely_mapped)?_?"
    rf"(counts?|reads|numreads)(_unstranded)?{_PLUS}|unstranded|num_?reads|read_?count|raw_?count|raw",
    "FPKM": rf"{_LOG}(fpkm|rpkm)(_unstranded)?{_PLUS}",
    "FPKM-UQ": rf"{_LOG}fpkm_?uq(_unstranded)?{_PLUS}",
    "CPM": rf"{_LOG}(cpm|rpm|tmm){_PLUS}|(counts?|reads)_per_million",
    "coverage": r"base_coverage|coverage",
}
_OTHER = (
    r"((tpm|fpkm|rpkm)_)?(conf|ci)_?(lo|hi|low|high)(er|_bound)?|((tpm|fpkm)_)?ci_(lower|upper)_bound|status|"
    r"eff(ective)?_?len(gth)?|length|len|isopct|posterior\w*|pme_(tpm|fpkm)|stranded_(first|second)|"
    r"norm(alized|alised)?(_counts?|_reads)?|unique_(gene_)?(reads|counts)|expression_values?|scaled_estimate|tpm_?se|bootstrap\w*"
)
_END = {name: re.compile(rf"(?:^|_)(?:{pattern})$") for name, pattern in (("", _OTHER), *reversed(QUANTITIES.items()))}
_START = {
    name: re.compile(rf"^(?:{pattern})(?:_|$)") for name, pattern in (("", _OTHER), *reversed(QUANTITIES.items()))
}
_SEPARATORS = re.compile(r"[^a-z0-9]+")
#: Names of numeric columns about genes, whatever the table: places, lengths, identifiers, results of tests.
_ABOUT_GENES = re.compile(
    r"(gene|transcript|exon|cds|tx|chrom|genomic|seq)\w*_(chr|start|end|strand|length|len|size|id|count|version|"
    r"type|biotype|number|bp|kb)(_(bp|kb|nt))?|(start|end|length|position|size)_(bp|kb|nt|mb)|"
    r"(chr|chrom|chromosome)(_(name|start|end|no))?|(gene|transcript)?_?(percentage_|percent_|pct_)?gc(_content)?|"
    r"(n|num|number_of)_(isoforms|transcripts|exons|probes|samples)|exon_length(_kb|_bp)?|(isoform|transcript|exon)s?"
    r"(_count|_number)?|(entrez|ncbi|hgnc|omim|mim|uniprot|ensembl|cosmic|refseq|u133\w*|psid)\w*|\w+_flag|\w+_acc|"
    r"log2?_?(fc|fold_?change|cpm)|(adj_?)?p(_?val(ue)?)?(_?adj)?|fdr|q_?value|fold_?change|fc|lfc_?se|base_?mean|"
    r"ave_?expr|dispersion|cv|sd|sem|stdev|std|std_dev|variance|rank|rsd|mappability|row_?(id|no|number)?|index"
)
#: Summaries over the samples; a column of that name must also lie where the summary would.
_SUMMARY = re.compile(r"(^|_)(mean|avg|average|median|max|maximum|min|minimum|sum|total|sd|stdev)(_|$)")
_SPREAD = re.compile(r"(^|_)(sd|stdev)(_|$)")
#: A summary agrees in this share of rows. Among more columns, a value between the others means nothing.
_MOST_ROWS, _FEW_COLUMNS = 0.95, 12
#: Columns are compared by this many rows; expression of any two samples agrees better than the first threshold,
#: expression and a property of genes worse than the second.
_ROWS_COMPARED, _FEW_ROWS, _MANY_COLUMNS = 4_000, 100, 60
_ALIKE, _UNLIKE = 0.5, 0.25
#: A column without others to compare it with: the only one of numbers, and one that others were left out beside.
_ONLY_ONE, _ONE_OF_SEVERAL = 0.95, 0.8
#: Columns whose names state a quantity.
_STATED = 0.95
#: Correlation at which columns are as likely samples as not: shallow samples of one study reach 0.5 and more, a column
#: that describes genes hardly 0.3 with expression.
_EVEN = 0.4


@dataclass(frozen=True)
class SampleColumns:
    """The columns that are samples.

    Attributes
    ----------
    columns : list of int
    names : list of str
        Names of the samples: those of the columns without the quantity; empty where a column is named by it alone.
    quantity : str or None
        Quantity that the columns state: a key of `QUANTITIES`.
    warnings : tuple of ReadWarning
    """

    columns: list[int]
    names: list[str]
    quantity: str | None = None
    warnings: tuple[ReadWarning, ...] = ()


@dataclass(frozen=True)
class _Named:
    """A column's name in parts: the quantity (``""`` for one that is never expression) and the rest."""

    quantity: str
    rest: str
    sample: str


def is_about_genes(name: str) -> bool:
    """Return whether the name of a numeric column says that it describes genes or results, not samples."""
    return bool(_ABOUT_GENES.fullmatch(_words(name)))


def choose_samples(table: ParsedTable, columns: Sequence[int]) -> SampleColumns:
    """Choose the samples among the numeric columns of a table with genes in rows."""
    header = {c: table.header[c] for c in columns}
    filled = [c for c in columns if not np.isnan(table.matrix([c])).all()] or list(columns)
    parts = {c: split_name(header[c]) for c in filled}
    chosen, quantity = _by_quantity(filled, parts)
    if quantity is None:
        chosen = [c for c in filled if not is_about_genes(header[c])] or filled
        chosen = _without_other_forms(chosen, header, parts)
        chosen = _without_summaries(table, chosen)
        chosen = _without_unlike(table, chosen)
    names = [part.sample if quantity and (part := parts[c]) else header[c] for c in chosen]
    left_out = [header[c] for c in columns if c not in set(chosen) and plain_name(header[c])]
    return SampleColumns(chosen, names, quantity, tuple(_left_out_warnings(left_out)))


def chosen_samples(table: ParsedTable, numbers: str) -> SampleColumns:
    """Return the columns that the user chose as samples, by their numbers from 1, such as ``2,3,5``.

    Raises
    ------
    ReadError
        When one of them is no column of numbers.
    """
    chosen = sorted({int(number) - 1 for number in numbers.split(",")})
    if missing := [str(c + 1) for c in chosen if c not in table.numeric]:
        raise ReadError(
            f"The table has no column of numbers at {summarise_list(missing)}.",
            f"The columns of numbers are {summarise_list([str(c + 1) for c in table.numeric], 10)}.",
            code="unknown_option",
        )
    return SampleColumns(chosen, [table.header[c] for c in chosen])


def _left_out_warnings(left_out: Sequence[str]) -> list[ReadWarning]:
    if not left_out:
        return []
    listed = summarise_list([cut_name(name) for name in left_out], 6)
    subject = "Column" if len(left_out) == 1 else "Columns"
    verb = "is" if len(left_out) == 1 else "are"
    return [ReadWarning(f"{subject} {listed} {verb} left out, being no sample.", "columns_left_out")]


def _words(name: str) -> str:
    return _SEPARATORS.sub("_", name.lower().replace("%", " percent ")).strip("_")


def split_name(name: str) -> _Named | None:
    """Split the name of a column into a quantity and the rest; None if it names no quantity at its end or start."""
    words = _words(name)
    for at_end, patterns in ((True, _END), (False, _START)):
        found = [(len(match.group().strip("_")), q) for q, p in patterns.items() if (match := p.search(words))]
        if found:
            length, quantity = max(found, key=lambda f: f[0])
            rest = words[:-length] if at_end else words[length:]
            return _Named(quantity, rest.strip("_"), _cut(name, length, at_end=at_end))
    return None


def _cut(name: str, length: int, *, at_end: bool) -> str:
    """Return a name without the word of ``length`` plain characters at its end or start, and without its separator."""
    size = length
    for size in range(length, len(name) + 1):  # separators of the name may be longer than those of its words
        part = name[-size:] if at_end else name[:size]
        if len(_words(part)) >= length:
            break
    rest = name[:-size] if at_end else name[size:]
    return rest.strip(" ._-:|()[]\t/")


def _by_quantity(columns: Sequence[int], parts: dict[int, _Named | None]) -> tuple[list[int], str | None]:
    """Return the columns of the preferred quantity and its name, where the names of columns state quantities.

    Quantities are stated if the same samples have several, or all columns have one. A single sample that is named
    ``tpm pilot`` among others states nothing.
    """
    groups: dict[str, list[int]] = {}
    for c in columns:
        if part := parts[c]:
            groups.setdefault(part.quantity, []).append(c)
    rests = {q: sorted(parts[c].rest for c in of) for q, of in groups.items()}  # type: ignore[union-attr]
    for quantity in QUANTITIES:
        of = groups.get(quantity)
        if not of:
            continue
        has_blank = any(not rest for rest in rests[quantity])
        shared = any(set(rests[quantity]) & set(others) for q, others in rests.items() if q != quantity)
        n_none = sum(parts[c] is None for c in columns)
        if has_blank and len(of) > 1:  # one column named by the quantity alone among others that have a sample's name
            continue
        if has_blank or shared or len(of) == len(columns) or (len(of) > 1 and n_none <= len(of)):
            return list(of), quantity
    return list(columns), None


def _without_other_forms(columns: list[int], header: dict[int, str], parts: dict[int, _Named | None]) -> list[int]:
    """Leave out another form of a column that is there itself, such as ``S1_norm`` beside ``S1``."""
    plain = {_words(header[c]) for c in columns if parts[c] is None}
    kept = [c for c in columns if not ((part := parts[c]) and part.rest in plain)]
    return kept or columns


def _without_summaries(table: ParsedTable, columns: Sequence[int]) -> list[int]:
    """Leave out columns named as a mean or the like whose values are those of the other columns, or near them."""
    named = [c for c in columns if _SUMMARY.search(_words(table.header[c]))]
    others = [c for c in columns if c not in named]
    if not named or len(others) < 2:
        return [c for c in columns if not (_SUMMARY.fullmatch(_words(table.header[c])) and others)]
    return [c for c in columns if c not in named or not _is_summary(table, c, others)]


def _is_summary(table: ParsedTable, column: int, others: Sequence[int]) -> bool:
    """Return whether a column is a summary of all others, of those that share a word with it, or lies among a few."""
    words = {word for word in _words(table.header[column]).split("_") if not _SUMMARY.fullmatch(word)}
    group = [c for c in others if words & set(_words(table.header[c]).split("_"))]
    values_R = table.numbers(column)
    for of in (others, group):
        if not of:
            continue
        matrix_CR = table.matrix(of).astype(np.float64)
        spread_R = matrix_CR.std(axis=0)
        summaries = [function(matrix_CR, axis=0) for function in (np.mean, np.median, np.max, np.min, np.sum)]
        for summary_R in (*summaries, spread_R, spread_R * np.sqrt(len(of) / max(1, len(of) - 1))):
            if np.mean(np.abs(values_R - summary_R) <= 0.02 * np.abs(summary_R) + 0.01) > _MOST_ROWS:
                return True
    if len(others) > _FEW_COLUMNS:  # anything lies between the lowest and the highest of many samples
        return False
    low_R, high_R = np.nanmin(table.matrix(others), axis=0), np.nanmax(table.matrix(others), axis=0)
    tolerance_R = 0.01 * np.abs(high_R) + 0.01
    if _SPREAD.search(_words(table.header[column])):
        low_R, high_R = np.zeros_like(low_R), high_R - low_R
    return bool(np.mean((values_R >= low_R - tolerance_R) & (values_R <= high_R + tolerance_R)) > _MOST_ROWS)


def _without_unlike(table: ParsedTable, columns: list[int]) -> list[int]:
    """Leave out columns that correlate with no other, where the others agree as samples do."""
    if not 3 <= len(columns) <= _MANY_COLUMNS or table.n_rows < _FEW_ROWS:
        return columns
    best_C, spread_C = _best_correlations(table, columns)
    # Constant columns are empty samples, which are refused by name.
    is_unlike_C = (best_C < _UNLIKE) & (spread_C > 0)
    kept = [c for c, unlike in zip(columns, is_unlike_C, strict=True) if not unlike]
    return kept if np.sort(best_C)[-2:].min() > _ALIKE and len(kept) >= 2 else columns


def are_alike(table: ParsedTable, columns: Sequence[int]) -> bool:
    """Return whether each of some columns agrees with another as two samples do."""
    return len(columns) > 1 and bool((_best_correlations(table, columns)[0] > _ALIKE).all())


def agreement(table: ParsedTable, columns: Sequence[int]) -> float | None:
    """Return the lowest of the columns' best correlations with another of them; None for one column.

    Of many columns, some are looked at; constant ones, which are empty samples, are not.
    """
    columns = columns[:: -(-len(columns) // _MANY_COLUMNS)]
    if len(columns) < 2 or table.n_rows < _FEW_ROWS:
        return None
    best_C, spread_C = _best_correlations(table, columns)
    return float(best_C[spread_C > 0].min()) if (spread_C > 0).sum() > 1 else None


def _best_correlations(table: ParsedTable, columns: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the best correlation of each column with another, of logarithms, and the spread of each; shape (C,)."""
    step = max(1, table.n_rows // _ROWS_COMPARED)
    values_CR = np.log1p(np.abs(table.matrix(columns)[:, ::step].astype(np.float64)))
    values_CR = np.where(np.isnan(values_CR), 0.0, values_CR)
    spread_C = values_CR.std(axis=1)
    scale_C = np.where(spread_C > 0, spread_C, np.inf)
    centred_CR = (values_CR - values_CR.mean(axis=1, keepdims=True)) / scale_C[:, None]
    correlation_CC = centred_CR @ centred_CR.T / values_CR.shape[1]
    np.fill_diagonal(correlation_CC, 0.0)
    return correlation_CC.max(axis=1), spread_C


def samples_decision(samples: SampleColumns, agreement: float | None, *, is_chosen: bool) -> Decision:
    """Return the decision on which columns are samples.

    Parameters
    ----------
    samples : SampleColumns
    agreement : float or None
        Lowest of the columns' best correlations with another of them; None where they cannot be compared.
    is_chosen : bool
        Whether the user chose the columns.
    """
    value = ",".join(str(c + 1) for c in samples.columns)
    if is_chosen:
        return Decision(SAMPLES, value, 1.0, "they were chosen")
    if samples.quantity is not None:
        return Decision(SAMPLES, value, _STATED, f"the names of the columns state {samples.quantity}")
    if agreement is None:
        if len(samples.columns) > 1:
            return Decision(SAMPLES, value, _ONE_OF_SEVERAL, "there are too few rows to compare the columns")
        if samples.warnings:
            return Decision(SAMPLES, value, _ONE_OF_SEVERAL, "the other columns of numbers describe genes")
        return Decision(SAMPLES, value, _ONLY_ONE, "it is the only column of numbers")
    reason = f"each column correlates with another by at least {agreement:.2f}"
    # Half at the even point, 0 and 1 at the ends of the scale.
    confidence = 0.5 * agreement / _EVEN if agreement < _EVEN else 0.5 + 0.5 * (agreement - _EVEN) / (1 - _EVEN)
    return Decision(SAMPLES, value, min(max(confidence, 0.0), 1.0), reason)


# --- genes and patients in columns ---


#: Words that name a column about samples, alone or with others of them.
_WORDS = frozenset((
    "os", "pfs", "dfs", "dss", "pfi", "efs", "rfs", "mfs", "ttp", "time", "days", "day", "months", "month", "years",
    "year", "event", "status", "censor", "censored", "vital", "alive", "dead", "death", "followup", "survival",
    "relapse", "recurrence", "rin", "pi", "sd", "end", "age", "sex", "gender", "bmi", "race", "stage", "grade", "t",
    "n", "m", "tnm", "pt", "pn", "pm", "purity", "ploidy", "tmb", "msi", "mss", "dv200", "batch", "plate", "run",
    "lane", "center", "centre", "site", "depth", "reads", "library", "size", "weight", "height", "dose", "er", "pr",
    "her2", "ki67", "her", "psa", "ecog", "smoker", "smoking", "pack", "cms", "score", "ratio", "group", "arm",
    "response", "responder", "treatment", "therapy", "sample", "id", "patient", "case", "index", "set", "gc", "start",
    "stop", "rate", "total", "mapped", "counts",
))  # fmt: skip


def is_clinical(name: str) -> bool:
    """Return whether the name of a column is one about patients or samples, as far as a name tells."""
    words = [word for word in _SEPARATORS.split(name.lower()) if word]
    return any(word in _WORDS for word in words) and all(word in _WORDS or word.isdigit() for word in words)


def genes_in_header(names: Sequence[str]) -> np.ndarray:
    """Return which names of a header with genes in columns are genes; shape (names,) of bool.

    An older name or an alias is none if it has the name of a clinical column, or if another column has the gene's
    approved name.
    """
    resolution = gene_axis().resolve(readable_names(names))
    is_old = np.array([status in ("previous", "alias") for status in resolution.status])
    is_known = np.array([status in (*FOUND, "outside") for status in resolution.status])
    named_directly = np.unique(resolution.index[is_known & ~is_old & (resolution.index >= 0)])
    is_repeat = is_old & np.isin(resolution.index, named_directly)
    looks_clinical = np.array([is_clinical(name) for name in names])
    return is_known & ~(is_old & looks_clinical) & ~(is_repeat & np.array([len(name) <= 8 for name in names]))
