"""Distances, similarities and their losses against PyTorch's."""

import inspect

import numpy as np
import pytest
from losscheck import REDUCTIONS
from opcheck import check_op, torch_or_none

import gpunet
import gpunet.nn.functional as F
from gpunet import nn

torch = torch_or_none()
RNG = np.random.default_rng(0)
X, Y, Z = RNG.standard_normal((3, 4, 5))


def theirs(name, *more, **options):
    if torch is None:
        return None
    function = getattr(torch.nn.functional, name)
    return lambda *xs: function(*xs, *(torch.tensor(a) for a in more), **options)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cosine_similarity(dim, device):
    for x, y in ((X, Y), (X, Y[:1]), (X * 1e-9, Y)):
        check_op(
            lambda a, b: F.cosine_similarity(a, b, dim),
            x, y,
            device=device,
            torch_function=theirs("cosine_similarity", dim=dim),
            differentiable=(0, 1) if x is X else (1,),
        )  # fmt: skip


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_pairwise_distance(p, keepdim, device):
    check_op(
        lambda a, b: F.pairwise_distance(a, b, p, keepdim=keepdim),
        X, Y,
        device=device,
        torch_function=theirs("pairwise_distance", p=p, keepdim=keepdim),
    )  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("margin", [0.0, 0.2, -0.5])
def test_cosine_embedding_loss(margin, reduction, device):
    target = np.array([1, -1, 1, -1])
    for x, y, t in ((X, Y, target), (X, X * 0.9, target), (X[1], Y[1], target[1])):
        check_op(
            lambda a, b, t=t: F.cosine_embedding_loss(
                a, b, gpunet.tensor(t, device=device), margin, reduction=reduction
            ),
            x, y,
            device=device,
            torch_function=torch and (
                lambda a, b, t=t: torch.nn.functional.cosine_embedding_loss(
                    a, b, torch.tensor(t), margin, reduction=reduction
                )
            ),
        )  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(("margin", "p"), [(1.0, 2.0), (0.3, 1.0)])
def test_triplet_margin_loss(margin, p, swap, reduction, device):
    options = {"margin": margin, "p": p, "swap": swap, "reduction": reduction}
    check_op(
        lambda *xs: F.triplet_margin_loss(*xs, **options),
        X, Y, Z,
        device=device,
        torch_function=theirs("triplet_margin_loss", **options),
    )  # fmt: skip


@pytest.mark.skipif(torch is None, reason="compares with PyTorch")
@pytest.mark.parametrize(
    ("name", "options", "inputs"),
    [
        ("CosineSimilarity", {"dim": 0}, 2),
        ("PairwiseDistance", {"p": 3.0, "keepdim": True}, 2),
        ("CosineEmbeddingLoss", {"margin": 0.1}, 2),
        ("TripletMarginLoss", {"margin": 2.0, "p": 1.0, "swap": True}, 3),
        ("CTCLoss", {"blank": 1, "zero_infinity": True}, 0),
    ],
)
def test_modules_have_pytorchs_arguments_and_numbers(name, options, inputs):
    ours, other = (getattr(m, name) for m in (nn, torch.nn))
    one, two = (
        [(p.name, p.default) for p in inspect.signature(cls).parameters.values()]
        for cls in (ours, other)
    )
    assert one == two
    arrays = [X, Y, Z][:inputs]
    if name == "CosineEmbeddingLoss":
        arrays.append(np.array([1, -1, -1, 1]))
    if inputs:
        expected = other(**options)(*map(torch.tensor, arrays)).numpy()
        result = ours(**options)(*map(gpunet.tensor, arrays)).numpy()
        np.testing.assert_allclose(result, expected)


def test_bad_arguments_are_named():
    x = gpunet.zeros(3, 4)
    with pytest.raises(RuntimeError, match="cosine_embedding_loss: expected inputs"):
        F.cosine_embedding_loss(x, x, gpunet.zeros(2))
    with pytest.raises(RuntimeError, match="same number of axes"):
        F.triplet_margin_loss(x, x, x[0])
    for make in (F.triplet_margin_loss, nn.TripletMarginLoss):
        with pytest.raises(ValueError, match="greater than 0"):
            make(*((x, x, x) if make is F.triplet_margin_loss else ()), margin=0)
    for make in (nn.TripletMarginLoss, nn.CosineEmbeddingLoss):
        with pytest.raises(ValueError, match="median"):
            make(reduction="median")
