"""Plausibility of what was read: refusals of implausible names and values, and warnings for the user.

Shape suffixes: S samples, F features of the file, A genes of the axis.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from cellstate.errors import ReadError, summarise_list
from cellstate.genes import N_AXIS, Resolution, gene_axis
from cellstate.io.raw_table import LARGEST_VALUE, one_line
from cellstate.io.units import Unit, log_offset
from cellstate.samples import ReadWarning, Samples

#: A file with fewer known genes is refused if they are also less than this share of its names.
_MIN_GENES, _MIN_SHARE_OF_NAMES = 100, 0.02
#: Characters of a name that a sentence shows.
_MAX_CHARS = 40
_OTHER_SPECIES = re.compile(r"ENS(MUS|RNO|DAR|SSC|BTA|CAF|GAL|MMU|PTR)[GT]\d{6,}")
_TITLE_CASE = re.compile(r"[A-Z](?=\d*[a-z])[a-z0-9]+(-[a-z0-9]+)?$")
_MICROARRAY_PROBE = re.compile(r"\d+(_[a-z])?_at$|ILMN_\d+$|cg\d{8}$")
#: Negative values are noise of a normalisation if they are above this, and no more than this share of all values.
_LOWEST_NOISE, _MAX_SHARE_OF_NOISE = -1.0, 0.02

#: Files that measure fewer genes of the axis get a warning, and samples with fewer reads or detected genes.
FEW_GENES = 15_000
FEW_READS = 1_000_000
FEW_DETECTED = 5_000
#: In a deep sample about a fifth of the detected genes lie below 1 TPM. In a shallow one, fewer than this share do, and
#: more than this share of the measured genes is silent.
_WEAK_TPM, _FEW_WEAK, _MANY_SILENT = 1.0, 0.08, 0.25


def check_names(resolution: Resolution) -> list[ReadWarning]:
    """Raise ``ReadError`` if the names are not human genes; return warnings about the names that are left out."""
    names, n_names = resolution.names, len(resolution.names)
    n_found = int((resolution.index >= 0).sum())
    unknown = resolution.with_status("unknown")
    n_mouse = _count_other_species(unknown)
    if n_mouse > n_found:
        example = next(name for name in unknown if _OTHER_SPECIES.match(name) or _TITLE_CASE.match(name))
        raise ReadError(
            f"The gene names look like those of mouse or another animal, for example {one_line(example, _MAX_CHARS)}.",
            "CellState reads human data; convert the names to human orthologues first.",
            code="other_species",
        )
    dates = resolution.with_status("date")
    if n_found == 0 or (n_found < _MIN_GENES and n_found + len(dates) < _MIN_SHARE_OF_NAMES * n_names):
        if sum(bool(_MICROARRAY_PROBE.match(name)) for name in unknown[:1000]) > 0.3 * min(len(unknown), 1000):
            raise ReadError(
                "The names are microarray probes, not genes.",
                "Convert them to gene symbols first.",
                code="microarray_probes",
            )
        how_many = "None" if n_found == 0 else f"Only {n_found:,}"
        raise ReadError(
            f"{how_many} of the {n_names:,} names is a known human protein-coding gene, for example {names[0][:30]!r}.",
            "Name genes by Ensembl id, Entrez id or approved symbol, in the first column or the first row.",
            code="no_known_genes",
        )
    warnings = []
    if n_mouse > 0.2 * n_names:
        warnings.append(
            ReadWarning(
                f"{n_mouse:,} of {n_names:,} gene names look like mouse genes; they were left out.", "other_species"
            )
        )
    if dates:
        meanings = summarise_list([_with_candidates(one_line(name, _MAX_CHARS)) for name in dates])
        warnings.append(
            ReadWarning(
                f"{_count(dates, 'gene name')} turned into dates by a spreadsheet and left out: {meanings}.",
                "date_names",
            )
        )
    if ambiguous := resolution.with_status("ambiguous"):
        warnings.append(
            ReadWarning(
                f"{_count(ambiguous, 'name')} left out as meaning more than one gene: {_first(ambiguous)}.",
                "ambiguous_names",
            )
        )
    if len(unknown) > 0.1 * n_names:
        warnings.append(
            ReadWarning(f"{_count(unknown, 'name')} left out, being no known gene: {_first(unknown)}.", "unknown_names")
        )
    return warnings


def repair_warnings(repaired: Sequence[tuple[str, str]]) -> list[ReadWarning]:
    """Return a warning that lists the restored dates, given as (date, symbol)."""
    if not repaired:
        return []
    pairs = summarise_list([f"{one_line(name, _MAX_CHARS)} is {symbol}" for name, symbol in repaired])
    names = [name for name, _ in repaired]
    return [
        ReadWarning(
            f"{_count(names, 'gene name')} put back from dates, each meaning one gene only: {pairs}.", "repaired_dates"
        )
    ]


def _count(names: list[str], noun: str) -> str:
    return f"{len(names):,} {noun} was" if len(names) == 1 else f"{len(names):,} {noun}s were"


def _first(names: list[str]) -> str:
    return summarise_list([one_line(name, _MAX_CHARS) for name in names])


def _with_candidates(name: str) -> str:
    candidates = gene_axis().candidates(name)
    return f"{name} (perhaps {' or '.join(candidates)})" if candidates else name


def _count_other_species(unknown: list[str]) -> int:
    """Count the Ensembl ids of other animals, and human symbols in title case (as mouse genes are written)."""
    symbols = set(gene_axis().symbol)
    return sum(
        bool(_OTHER_SPECIES.match(name)) + (bool(_TITLE_CASE.match(name)) and name.upper() in symbols)
        for name in unknown
    )


def check_values(values_SF: np.ndarray, unit: Unit | None) -> tuple[np.ndarray, list[str]]:
    """Refuse values that cannot be expression values, and set negative noise to zero.

    Parameters
    ----------
    values_SF : ndarray, shape (S, F)
    unit : Unit or None
        The unit, if it is already known.

    Returns
    -------
    values_SF : ndarray
        Without negative noise.
    warnings : list of str

    Raises
    ------
    ReadError
        When values are infinite or too large, or negative but not logarithms.
    """
    lowest, highest = float(np.nanmin(values_SF, initial=0.0)), float(np.nanmax(values_SF, initial=0.0))
    if max(-lowest, highest) > LARGEST_VALUE:
        n_samples = sum(bool((np.abs(row_F) > LARGEST_VALUE).any()) for row_F in values_SF)
        raise ReadError(
            f"The file has infinite or absurdly large values in {n_samples:,} sample{'s' * (n_samples > 1)}.",
            "They come from a division by zero or a logarithm of zero; export the values before that step.",
            code="infinite_values",
        )
    n_negative = int(np.count_nonzero(values_SF < 0))
    is_log = log_offset(values_SF) is not None
    if is_log and unit and unit.base is None:
        raise ReadError(
            f"The file has {n_negative:,} negative values, so these are logarithms, not plain {unit}.",
            "Choose the logarithm as the unit, or upload the values before it was taken.",
            code="negative_logarithms",
        )
    if lowest >= 0 or is_log or (unit and unit.offset < 1):
        return values_SF, []
    may_be_noise = highest > 100 or lowest > -1e-6
    if lowest <= _LOWEST_NOISE or n_negative > _MAX_SHARE_OF_NOISE * values_SF.size or not may_be_noise:
        raise ReadError(
            f"The file has {n_negative:,} negative values, so these are ratios or z-scores, not expression values.",
            "Upload counts, TPM or their logarithms, before any comparison, centring or scaling.",
            code="negative_values",
        )
    warning = ReadWarning(
        f"{n_negative:,} small negative values (the lowest {lowest:.2g}) were set to zero.", "negative_noise"
    )
    return np.maximum(values_SF, 0.0), [warning]


def coverage_warnings(samples: Samples) -> list[ReadWarning]:
    """Return warnings about genes of the axis that the file, or single samples of it, do not measure."""
    measured_S = samples.measured_SA.sum(axis=1)
    n_genes = samples.n_measured
    warnings = []
    if n_genes < FEW_GENES:
        warnings.append(
            ReadWarning(
                f"The file measures {n_genes:,} of {N_AXIS:,} genes; the others are treated as missing, not as zero.",
                "few_genes",
            )
        )
    fewer = [name for name, n in zip(samples.names, measured_S, strict=True) if n < 0.95 * n_genes]
    if fewer:
        subject = "1 sample has" if len(fewer) == 1 else f"{len(fewer):,} samples have"
        warnings.append(
            ReadWarning(
                f"{subject} no value for more than one gene in twenty: {summarise_list(fewer)}.", "uneven_coverage"
            )
        )
    return warnings


def depth_warnings(samples: Samples, is_tpm: bool) -> list[ReadWarning]:
    """Return a warning that names the samples of very low sequencing depth.

    Parameters
    ----------
    samples : Samples
    is_tpm : bool
        Whether the file holds TPM. If the depth is unknown, it is then judged by the weakly expressed genes.
    """
    measured_S = samples.measured_SA.sum(axis=1)
    has_few_reads_S = samples.library_size_S < FEW_READS
    # A file that measures few genes cannot have many detected ones.
    measures_many_S = measured_S > 2 * FEW_DETECTED
    has_few_detected_S = (samples.detected_genes_S < FEW_DETECTED) & measures_many_S
    is_unknown_S = is_tpm & np.isnan(samples.library_size_S) & measures_many_S
    is_shallow_S = has_few_reads_S | has_few_detected_S | (is_unknown_S & _lacks_weak_genes(samples))
    names = [name for name, is_shallow in zip(samples.names, is_shallow_S, strict=True) if is_shallow]
    if not names:
        return []
    subject = f"Sample {names[0]} is" if len(names) == 1 else f"{len(names):,} samples are"
    listed = "" if len(names) == 1 else f": {summarise_list(names)}"
    return [
        ReadWarning(
            f"{subject} very shallow (fewer than {FEW_READS:,} reads or too few weakly expressed genes), "
            f"so weaker genes are mostly chance{listed}.",
            "low_depth",
        )
    ]


def _lacks_weak_genes(samples: Samples) -> np.ndarray:
    """Return whether many genes of a sample are silent and few are weakly expressed, as with few reads; shape (S,)."""
    measured_S = np.maximum(samples.measured_SA.sum(axis=1), 1)
    detected_S = np.maximum(samples.detected_genes_S, 1)
    weak_S = np.array([np.count_nonzero((row_A > 0) & (row_A < _WEAK_TPM)) for row_A in samples.tpm_SA])
    return (detected_S < (1 - _MANY_SILENT) * measured_S) & (weak_S < _FEW_WEAK * detected_S)
