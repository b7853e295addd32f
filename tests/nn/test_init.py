import math

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none
from scipy import stats

import gpunet
from gpunet import nn
from gpunet.autograd.changes import CHANGES
from gpunet.functions.random import manual_seed
from gpunet.nn import init

torch = torch_or_none()


@pytest.fixture(autouse=True)
def seeded():
    manual_seed(0)


def empty(*shape, device="cpu", dtype=np.float32):
    return on_device(np.zeros(shape, dtype), device)


def agrees(values, distribution):
    """The Kolmogorov-Smirnov test finds nothing against the distribution."""
    return stats.kstest(np.asarray(values, np.float64).ravel(), distribution.cdf).pvalue > 0.01


def uniform(bound):
    return stats.uniform(-bound, 2 * bound)


def normal(std):
    return stats.norm(0, std)


CASES = [
    (lambda t: init.uniform_(t, -1, 3), stats.uniform(-1, 4)),
    (lambda t: init.normal_(t, 2, 3), stats.norm(2, 3)),
    (lambda t: init.trunc_normal_(t, 1, 2, -1, 2), stats.truncnorm(-1, 0.5, 1, 2)),
    (lambda t: init.trunc_normal_(t), stats.truncnorm(-2, 2)),
    (lambda t: init.xavier_uniform_(t, 2), uniform(2 * math.sqrt(6 / (40 * 6 + 50 * 6)))),
    (lambda t: init.xavier_normal_(t), normal(math.sqrt(2 / (40 * 6 + 50 * 6)))),
    (lambda t: init.kaiming_uniform_(t, math.sqrt(5)), uniform(1 / math.sqrt(40 * 6))),
    (
        lambda t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="relu"),
        uniform(math.sqrt(6 / (50 * 6))),
    ),
    (lambda t: init.kaiming_normal_(t, nonlinearity="tanh"), normal(5 / 3 / math.sqrt(40 * 6))),
]


@pytest.mark.parametrize(("fill", "distribution"), CASES)
def test_distributions(device, fill, distribution):
    tensor = empty(50, 40, 2, 3, device=device)
    assert fill(tensor) is tensor
    values = array_of(tensor).astype(np.float64)
    assert agrees(values, distribution)
    low, high = distribution.support()
    assert low <= values.min() + 1e-6
    assert values.max() - 1e-6 <= high
    assert np.isclose(values.std(), distribution.std(), rtol=0.03)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes(device, dtype):
    for fill in (init.uniform_, init.normal_, init.trunc_normal_, init.orthogonal_):
        tensor = fill(empty(20, 30, device=device, dtype=dtype))
        assert array_of(tensor).dtype == dtype
        assert array_of(tensor).std() > 0


def test_a_seed_gives_the_same_weights_on_every_device(cuda):
    for fill in (
        init.uniform_,
        init.normal_,
        init.trunc_normal_,
        init.orthogonal_,
        init.kaiming_uniform_,
        lambda t: init.sparse_(t, 0.5),
    ):
        manual_seed(3)
        here = array_of(fill(empty(7, 5)))
        manual_seed(3)
        np.testing.assert_allclose(
            here, array_of(fill(empty(7, 5, device=cuda))), rtol=1e-6, atol=1e-7
        )
    manual_seed(3)
    layer = nn.Linear(5, 4)
    manual_seed(3)
    twin = nn.Linear(5, 4, device=cuda)
    np.testing.assert_array_equal(array_of(layer.weight), array_of(twin.weight))
    np.testing.assert_array_equal(array_of(layer.bias), array_of(twin.bias))


def test_a_generator_of_ones_own():
    first = gpunet.backend.rng.Generator().manual_seed(5)
    second = gpunet.backend.rng.Generator().manual_seed(5)
    for fill in (init.uniform_, init.kaiming_normal_, init.orthogonal_, init.trunc_normal_):
        np.testing.assert_array_equal(
            fill(empty(4, 3), generator=first).array, fill(empty(4, 3), generator=second).array
        )


def test_parameters_are_filled_in_their_memory():
    p = nn.Parameter(np.zeros((4, 3), np.float32))
    array, moment = p.array, CHANGES.last
    for fill in (init.ones_, init.uniform_, init.orthogonal_, init.eye_):
        fill(p)
        assert p.array is array
        assert CHANGES.since(moment, p.array)
        moment = CHANGES.last


def test_constants(device):
    tensor = empty(2, 3, device=device)
    np.testing.assert_array_equal(array_of(init.constant_(tensor, 2.5)), 2.5)
    np.testing.assert_array_equal(array_of(init.ones_(tensor)), 1)
    np.testing.assert_array_equal(array_of(init.zeros_(tensor)), 0)
    np.testing.assert_array_equal(array_of(init.eye_(tensor)), np.eye(2, 3))


@pytest.mark.parametrize("shape", [(4, 6, 3), (6, 2, 3, 4), (4, 4, 3, 3, 5)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac(device, shape, groups):
    values = array_of(init.dirac_(empty(*shape, device=device), groups))
    assert set(np.unique(values)) == {0, 1}
    if torch is not None:
        expected = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (3, 2, 5), (1, 1)])
def test_orthogonal(device, shape):
    matrix = array_of(init.orthogonal_(empty(*shape, device=device), 3)).reshape(shape[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix @ matrix.T, 9 * np.eye(len(matrix)), atol=1e-5)


def test_orthogonal_has_both_signs():
    ones = [init.orthogonal_(empty(1, 1)).array.item() for _ in range(40)]
    assert {round(x) for x in ones} == {-1, 1}
    assert init.orthogonal_(empty(0, 3)).array.shape == (0, 3)


def test_sparse(device):
    values = array_of(init.sparse_(empty(50, 40, device=device), 0.25, std=2))
    np.testing.assert_array_equal((values == 0).sum(axis=0), math.ceil(0.25 * 50))
    assert agrees(values[values != 0], normal(2))
    assert len({tuple(column) for column in (values == 0).T}) > 30


@pytest.mark.parametrize(
    "arguments",
    [
        ("linear",),
        ("conv2d",),
        ("conv_transpose3d",),
        ("sigmoid",),
        ("tanh",),
        ("relu",),
        ("selu",),
        ("leaky_relu",),
        ("leaky_relu", 0.3),
        ("leaky_relu", 2),
    ],
)
def test_gain(arguments):
    if torch is not None:
        assert init.calculate_gain(*arguments) == torch.nn.init.calculate_gain(*arguments)
    assert init.calculate_gain(*arguments) > 0


def test_linear_is_drawn_as_in_pytorch():
    layer = nn.Linear(300, 200)
    assert agrees(layer.weight.array, uniform(1 / math.sqrt(300)))
    assert agrees(layer.bias.array, uniform(1 / math.sqrt(300)))
    both = nn.Bilinear(30, 20, 40)
    assert agrees(both.weight.array, uniform(1 / math.sqrt(30)))
    if torch is not None:
        torch.manual_seed(0)
        theirs = torch.nn.Linear(300, 200).weight.detach().numpy()
        assert stats.ks_2samp(layer.weight.array.ravel(), theirs.ravel()).pvalue > 1e-3


def test_errors():
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        init.xavier_normal_(empty(3))
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        init.kaiming_uniform_(empty(3))
    with pytest.raises(ValueError, match="Mode fan not supported"):
        init.kaiming_normal_(empty(3, 3), mode="fan")
    with pytest.raises(ValueError, match="Unsupported nonlinearity swish"):
        init.kaiming_normal_(empty(3, 3), nonlinearity="swish")
    with pytest.raises(ValueError, match="negative_slope True"):
        init.calculate_gain("leaky_relu", True)
    with pytest.raises(ValueError, match="2 or more"):
        init.orthogonal_(empty(3))
    for fill in (init.eye_, lambda t: init.sparse_(t, 0.1)):
        with pytest.raises(ValueError, match="Only tensors with 2 dimensions"):
            fill(empty(3))
    with pytest.raises(ValueError, match="3, 4, or 5"):
        init.dirac_(empty(3, 3))
    with pytest.raises(ValueError, match="divisible by groups"):
        init.dirac_(empty(3, 3, 3), groups=2)
    with pytest.raises(RuntimeError, match="floating-point"):
        init.uniform_(empty(3, dtype=np.int64))
    with pytest.warns(UserWarning, match="zero-element"):
        init.kaiming_uniform_(empty(0, 3))
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(empty(3), mean=10)
