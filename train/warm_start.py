"""Start from a linear autoencoder (PCA, or `robust_map`): weights with which a network computes it exactly.

relu(t) - relu(-t) = t, so a signed score passes a ReLU layer as a pair of units. Any network whose hidden layers are
at least twice as wide as its latent layer can carry every component that way, the published one included. The units
that are left over start with random input weights and zero output weights: they change nothing and can learn.

A residual network needs no pairs and no ReLU: its linear maps are the components, and the layers beside them start with
zero weights where they end, so that they add nothing until they have learnt.

Shape suffixes: S samples, B samples of a block, G genes, P principal components, L latent units, H hidden units.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from cellstate.errors import ModelError
from cellstate.model.network import AutoEncoder, initialise
from cellstate.perturb.predictors.linear import principal_rows

from .batches import ArraySource, SampleSource
from .distributed import DistributedContext

#: Exponents of the three weights: residual variance of a gene, length of a sample, leverage.
GENE, SAMPLE, LEVERAGE = -0.25, -1.0, -2.0
_LEAST_VARIANCE = 0.02
#: Passes that sharpen the basis; one more gives the components.
PASSES = 4
#: Directions beside the wanted ones, so that the last of those are found as well.
_SPARE = 16
_BLOCK = 512


def pca_map(components_PG: np.ndarray, variance_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return PCA as an encoder, shape (P, G), whose training scores have variance 1, and a decoder, shape (G, P)."""
    # Unit-variance scores inside the network give every component the same step size.
    scale_P1 = np.sqrt(np.maximum(variance_P, 1e-6))[:, None]
    return components_PG / scale_P1, (components_PG * scale_P1).T


def warm_start(network: AutoEncoder, encoder_PG: np.ndarray, decoder_GP: np.ndarray, seed: int) -> None:
    """Set the weights so that the network equals a linear autoencoder, at most as wide as its latent layer.

    Raises
    ------
    ModelError
        When a network without linear maps of its own is not ReLU or has a hidden layer narrower than twice the
        map.
    """
    config, n = network.config, len(encoder_PG)
    encoder, decoder = (torch.from_numpy(np.ascontiguousarray(m)) for m in (encoder_PG, decoder_GP))
    if config.residual:
        _warm_residual(network, encoder, decoder, seed)
        return
    hidden = [w for i, w in enumerate(config.widths[1:-1], start=1) if i != config.latent_index]
    if config.activation != "relu" or any(w < 2 * n for w in hidden):
        raise ModelError(
            f"A warm start needs relu and hidden layers of {2 * n} units or more.", "Or set warm_start = 'none'."
        )
    initialise(network, seed)
    with torch.no_grad():
        for index, layer in enumerate(network.layers):
            assert isinstance(layer, nn.Linear)
            carried = _carried(network, index, n)
            if index == 0:
                carried = carried @ encoder
            if index == len(network.layers) - 1:
                carried = decoder @ carried
            # Columns of spare units are silenced, so that what they hold does not leak into the pairs.
            inputs = slice(None) if index == 0 else slice(carried.shape[1], None)
            layer.weight[: carried.shape[0]] = 0
            if index > 0:
                layer.weight[:, inputs] = 0
            layer.weight[: carried.shape[0], : carried.shape[1]] = carried


def _warm_residual(network: AutoEncoder, encoder: Tensor, decoder: Tensor, seed: int) -> None:
    initialise(network, seed)
    n, first, last = len(encoder), 0, len(network.layers) - 1
    if network.config.embedding:
        with torch.no_grad():
            network.weight(first)[:n], network.weight(last)[:, :n] = encoder, decoder
            network.weight(first)[n:], network.weight(last)[:, n:] = 0, 0
        encoder = decoder = torch.eye(network.config.n_latent, network.config.widths[1])
        decoder = decoder.T
        n = network.config.n_latent
    assert network.skip_in is not None and network.skip_out is not None
    with torch.no_grad():
        for index in (network.config.latent_index - 1, network.exit):
            network.weight(index).zero_()
        network.skip_in.weight.zero_()
        network.skip_out.weight.zero_()
        network.skip_in.weight[:n] = encoder
        network.skip_out.weight[:, :n] = decoder


def _carried(network: AutoEncoder, index: int, n: int) -> Tensor:
    """Return the block of a layer that carries the n scores: pairs after a ReLU, plain scores after a linear layer."""
    one = torch.eye(n)
    pair = torch.cat([one, -one])
    enters_as_pair = index > 0 and index - 1 not in network.linear
    leaves_as_pair = index not in network.linear
    if enters_as_pair:
        # A pair is never negative, so a further ReLU layer keeps it as it is.
        return torch.eye(2 * n) if leaves_as_pair else pair.T
    return pair if leaves_as_pair else one


def robust_map(z_SG: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return encoder, shape (L, G), and decoder, shape (G, L) of a linear autoencoder that holds on new samples.

    z is predicted as decoder @ encoder @ z. PCA is optimal on the samples that it was fitted to, and there alone: its
    components follow the few samples farthest from the mean and the noisiest genes. Three weights correct that, all
    from the training samples, chosen on validation patients alone:

    1. every sample counts by its direction, not its length (spherical PCA, Locantore et al., Test 1999);
    2. every gene counts by the inverse root of its residual standard deviation, half way from PCA to factor analysis;
    3. the decoder is a regression in which a sample counts the less the more it steered the components (its leverage).

    Parameters
    ----------
    z_SG : ndarray, shape (S, G)
        Standardised training samples.
    width : int
        Latent units; fewer come back where there are fewer samples. Their training scores have variance 1.
    """
    z_SG = z_SG.astype(np.float64)
    n = min(width, *z_SG.shape)
    first_LG = _directions(z_SG, n)
    spare = max(1, len(z_SG) - n)
    residual_G = ((z_SG - (z_SG @ first_LG.T) @ first_LG) ** 2).sum(axis=0) / spare
    weight_G = np.maximum(residual_G, _LEAST_VARIANCE) ** GENE
    length_S = np.maximum(np.linalg.norm(z_SG, axis=1), 1e-9)
    encoder_LG = _directions(z_SG * weight_G * length_S[:, None] ** SAMPLE, n) * weight_G
    encoder_LG /= np.maximum((z_SG @ encoder_LG.T).std(axis=0), 1e-9)[:, None]
    score_SL = z_SG @ encoder_LG.T
    counts_S = (1 + (score_SL**2).mean(axis=1)) ** LEVERAGE
    weighed_LS = (score_SL * counts_S[:, None]).T
    decoder_LG = np.linalg.lstsq(weighed_LS @ score_SL, weighed_LS @ z_SG, rcond=None)[0]
    return encoder_LG.astype(np.float32), decoder_LG.T.astype(np.float32)


def _directions(z_SG: np.ndarray, n: int) -> np.ndarray:
    return np.linalg.svd(z_SG, full_matrices=False)[2][:n]


def principal_components(
    source: SampleSource, n_genes: int, width: int, context: DistributedContext, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return components, shape (P, G), orthonormal rows, and the variance of their scores, shape (P,).

    Exact for samples in memory. Those of a store are read once a pass: subspace iteration with a random start (Halko,
    Martinsson and Tropp, SIAM Review 2011) multiplies a basis by the covariance, which is never formed. ``P`` is
    ``width``, or fewer where there are fewer samples or genes.
    """
    if isinstance(source, ArraySource):
        z_SG = source.complete_SG
        return principal_rows(z_SG if source.weight_S is None else z_SG * np.sqrt(source.weight_S)[:, None], width)
    n = len(source.names)
    generator = torch.Generator().manual_seed(seed)
    basis_GP = torch.randn(n_genes, min(width + _SPARE, n, n_genes), generator=generator).to(context.device)
    for _ in range(PASSES):
        basis_GP = torch.linalg.qr(basis_GP)[0]
        moved_GP = torch.zeros_like(basis_GP)
        for z_BG in _blocks(source, context):
            moved_GP += z_BG.T @ (z_BG @ basis_GP)
        basis_GP = context.total(moved_GP) / n
    basis_GP = torch.linalg.qr(basis_GP)[0]
    gram_PP = torch.zeros(basis_GP.shape[1], basis_GP.shape[1], dtype=torch.float64, device=context.device)
    for z_BG in _blocks(source, context):
        score_BP = (z_BG @ basis_GP).double()
        gram_PP += score_BP.T @ score_BP
    variance_P, turn_PP = torch.linalg.eigh(context.total(gram_PP) / n)
    order = torch.arange(len(variance_P) - 1, -1, -1)[:width]
    components_PG = (basis_GP.double() @ turn_PP[:, order]).T
    largest_P1 = components_PG.abs().argmax(dim=1, keepdim=True)
    components_PG *= components_PG.gather(1, largest_P1).sign()
    return components_PG.float().cpu().numpy(), variance_P[order].float().cpu().numpy()


def _blocks(source: SampleSource, context: DistributedContext) -> Iterator[Tensor]:
    """Yield this process's samples, 0 where not measured."""
    n = len(source.names)
    own = np.arange(n)[context.share(n)]
    for start in range(0, len(own), _BLOCK):
        fetched = tuple(t.to(context.device) for t in source.fetch(own[start : start + _BLOCK]))
        yield torch.nan_to_num(source.z(fetched))
