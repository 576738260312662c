"""Names that are not human genes: what they are, and what to do about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from cellstate.genes import gene_axis

_TO_SYMBOLS = "Convert them to gene symbols or Ensembl ids first, for example with BioMart."
_ORTHOLOGS = (
    "CellState reads human data; map the genes to their human orthologues first, for example with Ensembl BioMart or "
    "the R package babelgene."
)


class ForeignKind(NamedTuple):
    """A kind of names: code of the error, sentence, and hint."""

    code: str
    sentence: str
    hint: str


_KINDS = (
    (r"\d+(_[a-z])*_at|AFFX.*|ILMN_\d+|cg\d{8}|A_\d{2}_P\d+|TC\d{8,}.*|\d{7,8}|GE\d{5,}|PH_hs_\d+",
     ForeignKind("microarray_probes", "The names are microarray probes, not genes.",
                 "Convert them to gene symbols first; RNA-seq data suit the model better.")),
    (r"[NXY][MRP]_\d+(\.\d+)?",
     ForeignKind("refseq_names", "The names are RefSeq transcripts or proteins.", _TO_SYMBOLS)),
    (r"([OPQ]\d[A-Z0-9]{3}\d|[A-NR-Z]\d([A-Z][A-Z0-9]{2}\d){1,2})([-.]\d+)?([;,].*)?|(sp|tr)\|.*",
     ForeignKind("uniprot_names", "The names are UniProt proteins, not genes.",
                 "Proteomics does not measure transcripts; upload RNA-seq data, with gene symbols or Ensembl ids.")),
    (r"HGNC:\d+", ForeignKind("hgnc_names", "The names are HGNC numbers.", _TO_SYMBOLS)),
    (r"uc\d{3}[a-z]{3}(\.\d+)?", ForeignKind("ucsc_names", "The names are UCSC transcripts.", _TO_SYMBOLS)),
    (r"ENSP\d{11}(\.\d+)?", ForeignKind("protein_names", "The names are Ensembl proteins.", _TO_SYMBOLS)),
    (r"hsa-(mir|let)-.*|MI(MAT)?\d{7}",
     ForeignKind("mirna_names", "The names are microRNAs.", "CellState reads the expression of protein-coding genes.")),
    (r"(XLOC|TCONS)_\d+|MSTRG\.\d+.*",
     ForeignKind("assembled_names", "The names are loci that an assembler numbered, not known genes.",
                 "Quantify against a reference annotation, or upload the table that names their genes.")),
    (r"(chr)?[0-9XYMT]{1,2}[:_]\d+([-_]\d+)?.*",
     ForeignKind("coordinates", "The names are places in the genome, not genes.", _TO_SYMBOLS)),
    (r"(Un)?[Aa]ssigned.*", ForeignKind(
        "count_summary", "This is the summary of a featureCounts run, not its counts.",
        "Upload the table of counts itself.")),
    (r"FBgn\d{7}|WBGene\d{8}|AT[1-5CM]G\d{5}.*|Y[A-P][LR]\d{3}[WC].*|ENSDAR[GT]\d+.*",
     ForeignKind("other_species", "The gene names look like those of another species, for example fly or yeast.",
                 _ORTHOLOGS)),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern), kind) for pattern, kind in _KINDS)
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
_EXAMINED = 2000
#: Of human Entrez ids, also of genes outside the axis, more than this share is known.
_MANY_NUMBERS, _MIN_SHARE_OF_ENTREZ = 300, 0.4


def foreign_kind(unknown: Sequence[str]) -> ForeignKind | None:
    """Return the kind of names that more than 30% of the unknown names are, or None."""
    some = unknown[:: max(1, len(unknown) // _EXAMINED)]
    for pattern, kind in _PATTERNS:
        if sum(bool(pattern.fullmatch(name)) for name in some) > 0.3 * max(1, len(some)):
            return kind
    return None


def is_other_animal(name: str) -> bool:
    """Return whether a name is an Ensembl id of another animal, or a human symbol as mouse genes are written."""
    return bool(_ENSEMBL_OTHER.match(name)) or (bool(_TITLE_CASE.match(name)) and name.upper() in _symbols())


def other_species(names: Sequence[str], unknown: Sequence[str]) -> ForeignKind | None:
    """Return the species that names are of if they are not human, although many of them look so."""
    lower = [name for name in unknown if name.islower()]
    copies = [name for name in lower if (match := _FISH_COPY.fullmatch(name)) and match.group(1).upper() in _symbols()]
    if len(copies) >= max(_MIN_MOUSE, _MIN_FISH_SHARE * len(names)):
        others = f"{copies[0]} and {len(copies) - 1:,} others are copies"
        text = f"The genes are those of zebrafish or another animal: {others}."
        return ForeignKind("other_species", text, _ORTHOLOGS)
    mouse = [name for name in unknown if _MOUSE_ONLY.fullmatch(name)]
    if len(mouse) >= max(_MIN_MOUSE, _MIN_MOUSE_SHARE * len(names)):
        text = f"The genes are those of mouse: {mouse[0]} and {len(mouse) - 1:,} others exist in mouse only."
        return ForeignKind("other_species", text, _ORTHOLOGS)
    return None


def animal_refusal(example: str) -> ForeignKind:
    """Return what to say about names of which most are another animal's."""
    text = f"The gene names look like those of mouse or another animal, for example {example}."
    return ForeignKind("other_species", text, _ORTHOLOGS)


def mouse_entrez(names: Sequence[str], n_known: int) -> ForeignKind | None:
    """Return what to say about many numbers of which few are Entrez ids of human genes, on the axis or outside.

    Mouse genes have other numbers, some of which are human genes too.
    """
    n_numbers = sum(name.isdigit() for name in names)
    if len(names) >= _MANY_NUMBERS and n_numbers > 0.9 * len(names) and n_known < _MIN_SHARE_OF_ENTREZ * len(names):
        text = f"Only {n_known:,} of {len(names):,} numbers are Entrez ids of human genes; those of mouse are others."
        return ForeignKind("other_species", text, _ORTHOLOGS)
    return None


@lru_cache(maxsize=1)
def _symbols() -> frozenset[str]:
    return frozenset(gene_axis().symbol)
