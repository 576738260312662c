"""Names of genes in a table: which column holds them, in which form, and what is refused because it is no human gene.

A form belongs to a whole column (``gene:ENSG…``, ``TSPAN6_ENSG…``, ``GRCh38_TSPAN6``, ``TSPAN6_7105``): it is taken off
only if the names mean far more genes without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cellstate.errors import ReadError
from cellstate.expression.reading import cut_name
from cellstate.genes import FOUND, Resolution, gene_axis

#: Each form with the part that names the gene.
_FORMS = (
    re.compile(r"(?:^|.*?[^A-Za-z0-9])(ENS[GT]\d{11}(?:\.\d+)?)(?![0-9])", re.IGNORECASE),
    re.compile(r"(?:gene|transcript|symbol)s?[:\-_](.+)", re.IGNORECASE),
    re.compile(r"(?:GRCh3[78]|hg(?:19|38)|human|hsapiens|homo_sapiens|hs)[_:\-]+(.+)", re.IGNORECASE),
    re.compile(r"(?:entrez|ncbi|geneid)[_:\- ]*(?:gene)?[_:\- ]*(\d+)", re.IGNORECASE),
    re.compile(r"(.+?)[_ ]+\(?\d+\)?"),
    re.compile(r"\d+[_ |:;,]+(.+)"),
    re.compile(r"([^:;|,]+)[:;|,].+"),
    re.compile(r".+[:;|,]([^:;|,\d][^:;|,]*)"),
)
#: Names of a column that are looked at to find its form, and of unknown ones to find their kind.
_EXAMINED_FOR_FORM, _EXAMINED_UNKNOWN = 500, 2000
#: Fewer names, such as those of a few samples, show no form.
_MIN_NAMES = 20
#: An alias may be an ordinary word, so it does not show that names are genes.
_SURE = ("ensembl", "transcript", "entrez", "symbol", "outside")
#: A column of names is left as it is if so many of them are known.
_KNOWN, _GAIN, _MIN_KNOWN = 0.5, 2.0, 0.25
#: Days since 1899-12-30 of spreadsheet dates: 1990 to 2050.
_FIRST_DAY, _LAST_DAY = 32_874, 54_789
_SERIAL = re.compile(r"\d{5}(\.0+)?")
#: A column with more numbers than this holds identifiers, not dates.
_MAX_SHARE_OF_DATES = 0.02
#: Of human Entrez ids, also of genes outside the axis, more than this share is known.
_MANY_NUMBERS, _MIN_SHARE_OF_ENTREZ = 300, 0.4
#: Only so many columns of text are tried as gene names, because all their names must be resolved.
MAX_NAME_COLUMNS = 40
_ID_TYPES = ("ensembl", "transcript", "entrez", "symbol")
#: Two columns of names are equally good if their numbers of genes differ by no more than this fraction.
_TIE = 0.02
#: A file with fewer known genes is refused if they are also less than this share of its names.
_MIN_GENES, _MIN_SHARE_OF_NAMES = 100, 0.02
_TO_SYMBOLS = "Convert them to gene symbols or Ensembl ids first, for example with BioMart."
_ORTHOLOGS = (
    "CellState reads human data; map the genes to their human orthologues first, for example with Ensembl BioMart or "
    "the R package babelgene."
)
_ENSEMBL_OTHER = re.compile(r"ENS(?!G\d|T\d|P\d|E\d|R\d)[A-Z]{3,4}[GT]\d{6,}")
_TITLE_CASE = re.compile(r"[A-Z](?=\d*[a-z])[a-z0-9]+(-[a-z0-9]+)?$")
#: Genes that only mice (and rats) have, in any letter case.
_MOUSE_ONLY = re.compile(
    r"GM\d{3,6}|\d{7}[A-P]\d{2}RIK|OLFR\d+(-PS\d*)?|VMN[12]R\d+|MUP\d+|RGD\d{6,}|LOC100\d{6}M", re.I
)
_MIN_MOUSE, _MIN_MOUSE_SHARE = 5, 0.01
#: Zebrafish has two copies of many genes, called a and b, and writes them in lower case.
_FISH_COPY = re.compile(r"([a-z][a-z0-9.\-]*[a-z0-9])[ab]")
_MIN_FISH_SHARE = 0.1


@dataclass(frozen=True)
class GeneNames:
    """A list of feature names, resolved to genes.

    Attributes
    ----------
    title : str
        Name of the column.
    ids : list of str
    id_type : str
        ``ensembl``, ``transcript``, ``entrez``, ``symbol``, or empty when nothing resolves.
    n_genes : int
        Number of different genes.
    column : int or None
        Position of the column.
    """

    title: str
    ids: list[str]
    id_type: str
    n_genes: int
    column: int | None = None


def resolve_names(title: str, ids: list[str], column: int | None = None) -> GeneNames:
    """Resolve a list of names to genes."""
    resolution = gene_axis().resolve(readable_names(ids))
    found = resolution.index[resolution.index >= 0]
    return GeneNames(title, ids, most_common_id_type(resolution), len(np.unique(found)), column)


def most_common_id_type(resolution: Resolution) -> str:
    """Return the most common kind of the resolved names; empty if no name resolves."""
    counts: dict[str, int] = {}
    for status, n in resolution.counts().items():
        if status in FOUND:
            kind = "symbol" if status in ("previous", "alias", "repaired") else status
            counts[kind] = counts.get(kind, 0) + n
    return max(counts, key=lambda kind: counts[kind]) if counts else ""


def best_names(candidates: Sequence[GeneNames], wanted: str | None = None) -> GeneNames | None:
    """Choose the names that mean the most genes; in a near tie, Ensembl ids are preferred.

    Parameters
    ----------
    candidates : sequence of GeneNames
    wanted : str, optional
        The user's choice: the name of a column or a kind of name.

    Raises
    ------
    ReadError
        When no candidate is the wanted one.
    """
    if wanted:
        candidates = [c for c in candidates if wanted in (c.title, c.id_type)]
        if not candidates:
            raise ReadError(
                f"The file has no gene names of kind {wanted!r}.", "Let CellState detect it.", code="unknown_option"
            )
    most = max((c.n_genes for c in candidates), default=0)
    near = [c for c in candidates if c.n_genes >= (1 - _TIE) * most]
    return min(near, key=lambda c: [*_ID_TYPES, c.id_type].index(c.id_type), default=None)


def without_stray_numbers(resolution: Resolution) -> Resolution:
    """Return the resolution without Entrez ids if they are rare: numbers among other names are something else."""
    entrez = np.array([status == "entrez" for status in resolution.status])
    is_number = np.array([name.isdigit() for name in resolution.names])
    n_other = int(((resolution.index >= 0) & ~entrez).sum())
    if not entrez.any() or not n_other or (entrez & is_number).sum() >= n_other:
        return resolution
    index = np.where(entrez & is_number, -1, resolution.index).astype(np.int32)
    odd = (entrez & is_number).tolist()
    status = tuple("unknown" if is_odd else s for s, is_odd in zip(resolution.status, odd, strict=True))
    return replace(resolution, index=index, status=status)


# --- forms ---


def readable_names(names: Sequence[str]) -> list[str]:
    """Return the names without the form of their column, as `GeneAxis.resolve` reads them.

    Serial numbers of days among symbols become dates, because a spreadsheet made them of symbols.
    """
    texts = [str(name).strip() for name in names]
    some = [text for text in texts[:: max(1, len(texts) // _EXAMINED_FOR_FORM)] if text]
    if len(texts) < _MIN_NAMES:
        return texts
    known = _known_share(some)
    if known < _KNOWN:
        shares = [(_known_share([_without(form, text) for text in some]), -at) for at, form in enumerate(_FORMS)]
        best, at = max(shares)
        if best >= max(_GAIN * known, _MIN_KNOWN):
            texts = [_without(_FORMS[-at], text) for text in texts]
    serials = [n for n, text in enumerate(texts) if _SERIAL.fullmatch(text) and _FIRST_DAY <= float(text) <= _LAST_DAY]
    n_numbers = sum(text.removesuffix(".0").isdigit() for text in texts)
    if serials and n_numbers <= max(3, _MAX_SHARE_OF_DATES * len(texts)) and n_numbers < len(texts) / 2:
        for n in serials:
            texts[n] = (date(1899, 12, 30) + timedelta(days=int(float(texts[n])))).isoformat()
    return texts


def _without(form: re.Pattern[str], text: str) -> str:
    match = form.fullmatch(text) or (form.match(text) if form is _FORMS[0] else None)
    return match.group(1).strip() if match else text


def _known_share(names: Sequence[str]) -> float:
    """Return the share of names that are genes, on the axis or outside, by more than an alias."""
    status = gene_axis().resolve(names).status
    return sum(s in _SURE for s in status) / max(1, len(status))


# --- refusals ---


def check_names(resolution: Resolution) -> int:
    """Raise ``ReadError`` if the names are not human genes; return how many look like those of another animal."""
    names, unknown = resolution.names, resolution.with_status("unknown")
    n_found, n_dates = int((resolution.index >= 0).sum()), len(resolution.with_status("date"))
    animals = [name for name in unknown if _is_other_animal(name)]
    if len(animals) > n_found:
        raise _refused(_animal_refusal(cut_name(animals[0])))
    if species := _other_species(names, unknown):
        raise _refused(species)
    if species := _mouse_entrez(names, n_found + len(resolution.with_status("outside"))):
        raise _refused(species)
    if n_found and (n_found >= _MIN_GENES or n_found + n_dates >= _MIN_SHARE_OF_NAMES * len(names)):
        return len(animals)
    if kind := _foreign_kind(unknown):
        raise _refused(kind)
    how_many = "None" if n_found == 0 else f"Only {n_found:,}"
    raise ReadError(
        f"{how_many} of the {len(names):,} names is a known human protein-coding gene, for example {names[0][:30]!r}.",
        "Name genes by Ensembl id, Entrez id or approved symbol, in the first column or the first row.",
        code="no_known_genes",
    )


def _refused(kind: _ForeignKind) -> ReadError:
    return ReadError(kind.sentence, kind.hint, code=kind.code)


class _ForeignKind(NamedTuple):
    """A kind of names: code of the error, sentence, and hint."""

    code: str
    sentence: str
    hint: str


_KINDS = (
    (r"\d+(_[a-z])*_at|AFFX.*|ILMN_\d+|cg\d{8}|A_\d{2}_P\d+|TC\d{8,}.*|\d{7,8}|GE\d{5,}|PH_hs_\d+",
     _ForeignKind("microarray_probes", "The names are microarray probes, not genes.",
                  "Convert them to gene symbols first; RNA-seq data suit the model better.")),
    (r"[NXY][MRP]_\d+(\.\d+)?",
     _ForeignKind("refseq_names", "The names are RefSeq transcripts or proteins.", _TO_SYMBOLS)),
    (r"([OPQ]\d[A-Z0-9]{3}\d|[A-NR-Z]\d([A-Z][A-Z0-9]{2}\d){1,2})([-.]\d+)?([;,].*)?|(sp|tr)\|.*",
     _ForeignKind("uniprot_names", "The names are UniProt proteins, not genes.",
                  "Proteomics does not measure transcripts; upload RNA-seq data, with gene symbols or Ensembl ids.")),
    (r"HGNC:\d+", _ForeignKind("hgnc_names", "The names are HGNC numbers.", _TO_SYMBOLS)),
    (r"uc\d{3}[a-z]{3}(\.\d+)?", _ForeignKind("ucsc_names", "The names are UCSC transcripts.", _TO_SYMBOLS)),
    (r"ENSP\d{11}(\.\d+)?", _ForeignKind("protein_names", "The names are Ensembl proteins.", _TO_SYMBOLS)),
    (r"hsa-(mir|let)-.*|MI(MAT)?\d{7}",
     _ForeignKind("mirna_names", "The names are microRNAs.",
                  "CellState reads the expression of protein-coding genes.")),
    (r"(XLOC|TCONS)_\d+|MSTRG\.\d+.*",
     _ForeignKind("assembled_names", "The names are loci that an assembler numbered, not known genes.",
                  "Quantify against a reference annotation, or upload the table that names their genes.")),
    (r"(chr)?[0-9XYMT]{1,2}[:_]\d+([-_]\d+)?.*",
     _ForeignKind("coordinates", "The names are places in the genome, not genes.", _TO_SYMBOLS)),
    (r"(Un)?[Aa]ssigned.*", _ForeignKind(
        "count_summary", "This is the summary of a featureCounts run, not its counts.",
        "Upload the table of counts itself.")),
    (r"FBgn\d{7}|WBGene\d{8}|AT[1-5CM]G\d{5}.*|Y[A-P][LR]\d{3}[WC].*|ENSDAR[GT]\d+.*",
     _ForeignKind("other_species", "The gene names look like those of another species, for example fly or yeast.",
                 _ORTHOLOGS)),
)  # fmt: skip


_PATTERNS = tuple((re.compile(pattern), kind) for pattern, kind in _KINDS)


def _foreign_kind(unknown: Sequence[str]) -> _ForeignKind | None:
    """Return the kind of names that more than 30% of the unknown names are, or None."""
    some = unknown[:: max(1, len(unknown) // _EXAMINED_UNKNOWN)]
    for pattern, kind in _PATTERNS:
        if sum(bool(pattern.fullmatch(name)) for name in some) > 0.3 * max(1, len(some)):
            return kind
    return None


def _is_other_animal(name: str) -> bool:
    """Return whether a name is an Ensembl id of another animal, or a human symbol as mouse genes are written."""
    return bool(_ENSEMBL_OTHER.match(name)) or (bool(_TITLE_CASE.match(name)) and name.upper() in _symbols())


def _other_species(names: Sequence[str], unknown: Sequence[str]) -> _ForeignKind | None:
    """Return the species that names are of if they are not human, although many of them look so."""
    lower = [name for name in unknown if name.islower()]
    copies = [name for name in lower if (match := _FISH_COPY.fullmatch(name)) and match.group(1).upper() in _symbols()]
    if len(copies) >= max(_MIN_MOUSE, _MIN_FISH_SHARE * len(names)):
        others = f"{copies[0]} and {len(copies) - 1:,} others are copies"
        text = f"The genes are those of zebrafish or another animal: {others}."
        return _ForeignKind("other_species", text, _ORTHOLOGS)
    mouse = [name for name in unknown if _MOUSE_ONLY.fullmatch(name)]
    if len(mouse) >= max(_MIN_MOUSE, _MIN_MOUSE_SHARE * len(names)):
        text = f"The genes are those of mouse: {mouse[0]} and {len(mouse) - 1:,} others exist in mouse only."
        return _ForeignKind("other_species", text, _ORTHOLOGS)
    return None


def _animal_refusal(example: str) -> _ForeignKind:
    """Return what to say about names of which most are another animal's."""
    text = f"The gene names look like those of mouse or another animal, for example {example}."
    return _ForeignKind("other_species", text, _ORTHOLOGS)


def _mouse_entrez(names: Sequence[str], n_known: int) -> _ForeignKind | None:
    """Return what to say about many numbers of which few are Entrez ids of human genes, on the axis or outside.

    Mouse genes have other numbers, some of which are human genes too.
    """
    n_numbers = sum(name.isdigit() for name in names)
    if len(names) >= _MANY_NUMBERS and n_numbers > 0.9 * len(names) and n_known < _MIN_SHARE_OF_ENTREZ * len(names):
        text = f"Only {n_known:,} of {len(names):,} numbers are Entrez ids of human genes; those of mouse are others."
        return _ForeignKind("other_species", text, _ORTHOLOGS)
    return None


@lru_cache(maxsize=1)
def _symbols() -> frozenset[str]:
    return frozenset(gene_axis().symbol)
