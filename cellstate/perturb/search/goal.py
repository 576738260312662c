"""Goals: where a sample should move, as a direction in standardised gene space.

The score of an expression change is its component along the direction, in SD (standard deviations over the training
cohort), the perturbed genes left out.

Shape suffixes: S samples, G genes of the model, K genes of a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cellstate.errors import GoalError, summarise_list
from cellstate.gene_space import GeneSpace, align
from cellstate.genes import gene_axis
from cellstate.perturb.search.study_offset import follows_depth, study_trend
from cellstate.samples import Samples

if TYPE_CHECKING:
    from cellstate.model.cohort import Profiles
    from cellstate.perturb.sample import PreparedSample

#: A gene closer to the reference than this, in SD, is where it should be: rounding, not a direction.
SAME = 1e-5
#: The same once a trend was taken out, which is computed from many genes in float32.
OFFSET_SAME = 1e-4
#: The goal, as the command line writes it, toward the normal state of the sample's own tissue.
NORMAL = "normal"
#: Goals that need nothing of the user, by what they make a sample.
PRESETS = {
    "less proliferative": "down:hallmark#HALLMARK_E2F_TARGETS,HALLMARK_G2M_CHECKPOINT",
    "more epithelial": "down:hallmark#HALLMARK_EPITHELIAL_MESENCHYMAL_TRANSITION",
    "more like normal tissue": NORMAL,
}
#: One part in so many of the cohort that is its high or low end.
END = 4


@dataclass(frozen=True, eq=False)
class Signature:
    """A direction in standardised gene space.

    Attributes
    ----------
    direction_G : ndarray of float32, shape (G,)
        Unit length; 0 where a gene is no part of it.
    missing : tuple of str
        Names of its genes that nobody knows or that the model does not cover.
    """

    direction_G: np.ndarray
    missing: tuple[str, ...] = ()

    @property
    def n_genes(self) -> int:
        """Genes whose direction is not 0."""
        return int(np.count_nonzero(self.direction_G))


@dataclass(frozen=True)
class StudyOffset:
    """What was taken out of a goal because it separates studies.

    Attributes
    ----------
    n_genes : int
        Ribosomal protein and mitochondrial genes that were left out.
    fraction_left : float
        Fraction of the squared distance over the other genes that is left without the trend.
    """

    n_genes: int
    fraction_left: float


@dataclass(frozen=True, eq=False)
class Goal:
    """A signature to move a sample along, with what it takes to read a score.

    Attributes
    ----------
    spec : str
        The goal as the command line writes it.
    label : str
        The goal in words.
    signature : Signature
    distance : float
        Distance along the direction that counts as 100 %, in SD: fraction = score / distance.
    made_for : str or None
        Fingerprint of the sample that the goal starts from; None for a goal that fits every sample.
    offset : StudyOffset or None
        What was taken out of a goal towards samples of another study; None where nothing was.
    """

    spec: str
    label: str
    signature: Signature
    distance: float
    made_for: str | None = None
    offset: StudyOffset | None = None

    @property
    def direction_G(self) -> np.ndarray:
        """Unit direction of the signature, float32, shape (G,)."""
        return self.signature.direction_G

    @property
    def n_genes(self) -> int:
        """Genes of the signature."""
        return self.signature.n_genes

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the signature that nobody knows or that the model does not cover."""
        return self.signature.missing

    def check_sample(self, sample: PreparedSample) -> None:
        """Refuse a sample that the goal was not made for.

        Parameters
        ----------
        sample : PreparedSample
            The sample that is to be moved towards the goal.

        Raises
        ------
        GoalError
            The goal was made for another sample, or for another model's genes.
        """
        if len(self.direction_G) != len(sample.tpm_G) or self.made_for not in (None, sample.fingerprint):
            raise GoalError(
                f"The goal {self.label!r} was made for another sample than {sample.name}.",
                "Make the goal again for this sample.",
            )


def find_genes(space: GeneSpace, names: Sequence[str], *, typed: bool = False) -> tuple[np.ndarray, tuple[str, ...]]:
    """Look up names of any kind.

    Parameters
    ----------
    typed : bool
        A person typed the names, so letter case is forgiven: ``her2`` is ERBB2. In a file it is not (``Cdh1`` is a
        mouse gene).

    Returns
    -------
    genes : ndarray of int64, as long as ``names``
        Position in the model, -1 where there is none.
    missing : tuple of str
        The names that have none, each once.
    """
    resolution = gene_axis().resolve(names)
    on_axis = resolution.index.copy()
    if typed and (unknown := [i for i, status in enumerate(resolution.status) if status == "unknown"]):
        on_axis[unknown] = gene_axis().resolve(resolution.names[i].upper() for i in unknown).index
    position = np.full(len(gene_axis()), -1)
    position[space.axis_index_G] = np.arange(len(space))
    genes = np.where(on_axis >= 0, position[on_axis], -1)
    missing = dict.fromkeys(name for name, gene in zip(resolution.names, genes, strict=True) if gene < 0)
    return genes, tuple(missing)


def gene_set_goal(
    space: GeneSpace,
    signs: Mapping[str, int] | Iterable[tuple[str, int]],
    *,
    spec: str,
    label: str,
    typed: bool = False,
) -> Goal:
    """Make a goal of genes to move up (+1) or down (-1), each as important as the next; 100 % is one SD of every gene.

    Raises
    ------
    GoalError
        No gene that the model knows, a sign that is not +1 or -1, or a gene with both signs.
    """
    pairs = list(signs.items()) if isinstance(signs, Mapping) else list(signs)
    if any(sign not in (1, -1) for _, sign in pairs):
        raise GoalError("A gene of a goal goes up (+1) or down (-1).", "Give each gene one of the two signs.")
    genes, missing = find_genes(space, [name for name, _ in pairs], typed=typed)
    if not (genes >= 0).any():
        raise no_known_gene(missing)
    direction_G = np.zeros(len(space))
    for gene, (_, sign) in zip(genes, pairs, strict=True):
        if gene < 0:
            continue
        if direction_G[gene] == -sign:
            raise GoalError(f"{space.symbols[gene]} is to go both up and down.", "Keep one sign of a gene.")
        direction_G[gene] = sign
    distance = float(np.sqrt(np.count_nonzero(direction_G)))
    return Goal(spec, label, Signature((direction_G / distance).astype(np.float32), missing), distance)


def toward_goal(sample: PreparedSample, reference: Samples, *, spec: str, label: str, same_study: bool = False) -> Goal:
    """Make a goal that leads from a sample to a reference: the mean log1p TPM of one or more samples.

    Only genes count that the sample and every reference sample measure; 100 % is the whole distance that is left.

    Parameters
    ----------
    same_study : bool
        The reference was measured with the sample, so that all of the difference counts. Otherwise its trend with
        expression level and gene length is taken out (`study_trend`), and ribosomal protein and mitochondrial genes
        are no part of the goal.

    Raises
    ------
    GoalError
        No such gene, a reference that is the sample, or one that differs from it as two studies do, and no more.
    """
    space = sample.model.space
    tpm_SG = align(reference, space).tpm_SG
    # z is linear in log1p TPM, so the mean of one is the mean of the other.
    z_G = space.standardise(tpm_SG).mean(axis=0, dtype=np.float64)
    known_G = ~np.isnan(tpm_SG).any(axis=0)
    whole = _toward(sample, z_G, known_G, spec, label)
    return whole if same_study else _without_offset(whole, space, known_G & sample.measured_G)


def between_goal(sample: PreparedSample, start: Samples, end: Samples, *, spec: str, label: str) -> Goal:
    """Make a goal along the difference of two profiles of other studies, for example of a tumour and its normal tissue.

    What separates the sample from both of them is no part of it; their trend with expression level and gene length is
    taken out as in `toward_goal`. Only genes count that the sample and both measure; 100 % is the whole difference.

    Parameters
    ----------
    start, end : Samples
        One profile each.

    Raises
    ------
    GoalError
        No such gene, or two profiles that differ as two studies do, and no more.
    """
    space = sample.model.space
    start_G, end_G = (align(profile, space).tpm_SG[0] for profile in (start, end))
    known_G = ~np.isnan(start_G) & ~np.isnan(end_G)
    way_G = space.standardise(end_G[None])[0].astype(np.float64) - space.standardise(start_G[None])[0]
    return _without_offset(_along(sample, way_G, known_G, spec, label), space, known_G & sample.measured_G)


def cohort_goal(
    sample: PreparedSample, profiles: Profiles, members: np.ndarray | None = None, *, spec: str, label: str
) -> Goal:
    """Make a goal that leads from a sample to some patients of the model's cohort.

    Parameters
    ----------
    members : ndarray of int or bool, optional
        Which profiles; their mean log1p TPM is the reference. Without it, each gene's median over all of them is.
    """
    z_SG = profiles.z_SG
    z_G = np.median(z_SG, axis=0) if members is None else z_SG[members].mean(axis=0, dtype=np.float64)
    return _toward(sample, z_G, np.ones(len(z_G), bool), spec, label)


def cohort_end(profiles: Profiles, genes: Sequence[int] | np.ndarray, *, high: bool) -> np.ndarray:
    """Return which profiles are the quarter with the highest (or lowest) mean z of some genes, shape (S,) of bool.

    Patients level with the last of the quarter belong to it, so the choice never depends on their order.

    Raises
    ------
    GoalError
        When the genes do not vary enough for the cohort to have such an end.
    """
    level_S = profiles.z_SG[:, np.asarray(genes)].mean(axis=1, dtype=np.float64)
    if not high:
        level_S = -level_S
    last = np.sort(level_S)[::-1][max(1, len(level_S) // END) - 1]
    members = level_S >= last
    if members.all():
        word = "high" if high else "low"
        raise GoalError(f"No quarter of the model's cohort is {word} in it: too many patients are level.")
    return members


def cohort_end_goal(
    sample: PreparedSample, profiles: Profiles, genes: Sequence[int] | np.ndarray, title: str, end: str, *, spec: str
) -> Goal:
    """Make a goal that leads from a sample to the ``high`` or ``low`` end of the cohort in some genes.

    Parameters
    ----------
    title : str
        What to call the genes.
    """
    members = cohort_end(profiles, genes, high=end == "high")
    label = f"toward the quarter of the model's cohort with the {end}est {title}"
    return cohort_goal(sample, profiles, members, spec=spec, label=label)


def known_genes(space: GeneSpace, names: Sequence[str]) -> np.ndarray:
    """Return the model positions of the names that the model knows, or raise ``GoalError`` where it knows none."""
    genes, missing = find_genes(space, names)
    if not (genes >= 0).any():
        raise no_known_gene(missing)
    return np.unique(genes[genes >= 0])


def no_known_gene(missing: Sequence[str]) -> GoalError:
    """Return the error of a goal without a gene, naming the first few names."""
    if not missing:
        return GoalError("The goal names no gene.", "Name at least one gene.")
    shown = summarise_list([name[:40] for name in missing])
    return GoalError(
        f"The model knows no gene of this goal: {shown}.", "Use approved human symbols, Ensembl or Entrez ids."
    )


def _toward(sample: PreparedSample, reference_G: np.ndarray, known_G: np.ndarray, spec: str, label: str) -> Goal:
    return _along(sample, reference_G - sample.z_1G[0].astype(np.float64), known_G, spec, label)


def _along(sample: PreparedSample, way_G: np.ndarray, known_G: np.ndarray, spec: str, label: str) -> Goal:
    """Make a goal of a way in z that starts from a sample."""
    shared_G = known_G & sample.measured_G
    if not shared_G.any():
        raise GoalError(
            "The sample and the reference have no measured gene in common.", "Choose a reference of the same assay."
        )
    way_G = np.where(shared_G, way_G, 0.0)
    way_G[np.abs(way_G) < SAME] = 0.0
    distance = float(np.linalg.norm(way_G))
    if distance == 0:
        raise GoalError("The reference is the sample itself: there is no way to go.", "Choose another reference.")
    signature = Signature((way_G / distance).astype(np.float32))
    return Goal(spec, label, signature, distance, made_for=sample.fingerprint)


def _without_offset(whole: Goal, space: GeneSpace, compared_G: np.ndarray) -> Goal:
    """Take out of a goal what separates two studies."""
    excluded_G = follows_depth(space) & compared_G
    kept_G = compared_G & ~excluded_G
    way_G = np.where(kept_G, whole.direction_G.astype(np.float64) * whole.distance, 0.0)
    left_G = np.where(kept_G, way_G - study_trend(way_G, kept_G, space), 0.0)
    left_G[np.abs(left_G) < OFFSET_SAME] = 0.0
    distance = float(np.linalg.norm(left_G))
    if distance == 0:
        raise GoalError(
            "Sample and reference differ as two studies do, and no more: there is no way to go.",
            "Choose another reference, or write toward-raw: where both were measured in one study.",
        )
    offset = StudyOffset(int(excluded_G.sum()), distance**2 / float(way_G @ way_G))
    signature = Signature((left_G / distance).astype(np.float32))
    return replace(whole, signature=signature, distance=distance, offset=offset)
