import json
import threading

import numpy as np
import pytest
from opcheck import array_of, on_device

import gpunet
from gpunet.backend import Device, backend_for
from gpunet.backend.rng import CURRENT, using
from gpunet.functions import random

# Random123's kat_vectors: counter and key, as stream, block number and seed; the four words.
KNOWN = [
    (0, 0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    (2**64 - 1, 2**64 - 1, 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (0x299F31D0A4093822, 0x0370734413198A2E, 0x85A308D3243F6A88,
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


@pytest.mark.parametrize(("seed", "stream", "number", "words"), KNOWN)
@pytest.mark.parametrize("form", ["reference", "numba", "device"])
def test_known_answers(seed, stream, number, words, form, device):
    from gpunet.kernels import reference
    from gpunet.kernels.cpu import random as numba_forms

    be = backend_for(Device(device))
    if form == "numba" and device != "cpu":
        pytest.skip("Numba runs on the CPU")
    state = be.from_numpy(np.array([seed, stream, number], np.uint64).view(np.int64))
    out = be.zeros((4,), "uint32")
    {
        "reference": reference.KERNELS["philox_bits"],
        "numba": numba_forms.philox_bits,
        "device": be.kernels.philox_bits,
    }[form](out, state, 0)
    assert " ".join(f"{word:08x}" for word in be.to_numpy(out)) == words


def drawn(device, n=1027):
    """One of each kind of draw from a fresh sequence."""
    gpunet.manual_seed(12345)
    x64 = on_device(np.zeros(n), device)
    return {
        "rand": gpunet.rand(n, device=device),
        "rand64": gpunet.rand(n, device=device, dtype="float64"),
        "few": gpunet.rand(5, device=device),
        "uniform_": random.uniform_(on_device(np.zeros((3, 5)), device), -2, 7),
        "randint": gpunet.randint(-3, 2**50, (n,), device=device),
        "randperm": gpunet.randperm(n, device=device),
        "random_": random.random_(x64, 10),
        "bernoulli": gpunet.bernoulli(gpunet.rand(n, device=device)),
        "multinomial": gpunet.multinomial(gpunet.rand(4, 9, device=device), 5),
        "replaced": gpunet.multinomial(gpunet.rand(9, device=device), 50, replacement=True),
        "dropout": gpunet.nn.functional.dropout(on_device(np.ones(n, np.float32), device), 0.3),
    }


def test_the_same_on_every_device(cuda):
    on_cpu = drawn("cpu")
    for name, tensor in drawn(cuda).items():
        np.testing.assert_array_equal(array_of(tensor), array_of(on_cpu[name]), name)


def test_normal_numbers_are_the_same_but_for_rounding(cuda):
    for dtype, tolerance in (("float32", 2.0**-23), ("float64", 1e-14)):
        a, b = (
            array_of(gpunet.randn(2001, dtype=dtype, device=d, generator=seeded(9)))
            for d in ("cpu", cuda)
        )
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        assert dtype == "float64" or (a != b).sum() <= 1


def seeded(seed):
    return gpunet.Generator().manual_seed(seed)


def test_numbers_depend_on_the_place_only(device):
    whole = array_of(gpunet.rand(4000, device=device, generator=seeded(1)))
    g = seeded(1)
    parts = [array_of(gpunet.rand(n, device=device, generator=g)) for n in (4, 40, 956, 3000)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_memory_order_does_not_matter(device):
    flat = on_device(np.zeros((4, 6), np.float32), device)
    turned = gpunet.Tensor(on_device(np.zeros((6, 4), np.float32), device).array.T)
    random.normal_(flat, generator=seeded(1))
    random.normal_(turned, generator=seeded(1))
    np.testing.assert_array_equal(array_of(flat), array_of(turned))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [40, 30_000])
def test_distributions(dtype, n, device):
    from scipy import stats

    g = seeded(2)
    uniform = array_of(gpunet.rand(n, dtype=dtype, device=device, generator=g))
    assert uniform.dtype == dtype
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    normal = array_of(gpunet.randn(n, dtype=dtype, device=device, generator=g))
    assert stats.kstest(normal, "norm").pvalue > 1e-3
    assert abs(normal.mean()) < 4 / n**0.5
    assert abs(normal.var() - 1) < 4 * (2 / n) ** 0.5
    lags = np.corrcoef(normal[:-1], normal[1:])[0, 1]
    assert abs(lags) < 4 / n**0.5


def test_whole_numbers_are_even(device):
    x = array_of(gpunet.randint(3, 10, (70_000,), device=device, generator=seeded(3)))
    counts = np.bincount(x, minlength=10)
    assert counts[:3].sum() == 0
    assert ((counts[3:] - 10_000) ** 2 / 10_000).sum() < 30  # chi squared, 6 degrees of freedom
    wide = array_of(gpunet.randint(0, 3 * 2**61, (9000,), device=device, generator=seeded(3)))
    assert abs((wide < 2**61).mean() - 1 / 3) < 0.02  # a remainder would favour the low third


def test_permutations_are_permutations(device):
    for n in (0, 1, 2, 1000):
        assert sorted(array_of(gpunet.randperm(n, device=device)).tolist()) == list(range(n))
    g = seeded(4)
    first = [int(array_of(gpunet.randperm(5, device=device, generator=g))[0]) for _ in range(500)]
    assert np.bincount(first, minlength=5).min() > 60


def test_multinomial(device):
    weights = on_device(np.array([[0.0, 1, 3, 0], [2, 0, 0, 2]]), device)
    x = array_of(gpunet.multinomial(weights, 4000, True, generator=seeded(5)))
    counts = np.stack([np.bincount(row, minlength=4) for row in x]) / 4000
    np.testing.assert_allclose(counts, [[0, 0.25, 0.75, 0], [0.5, 0, 0, 0.5]], atol=0.03)
    x = array_of(gpunet.multinomial(weights, 2, generator=seeded(5)))
    assert sorted(x[0]) == [1, 2]
    assert sorted(x[1]) == [0, 3]
    many = on_device(np.tile([1.0, 3.0], (3000, 1)), device)
    first = array_of(gpunet.multinomial(many, 1, generator=seeded(6)))
    assert abs(first.mean() - 0.75) < 0.03
    for bad, samples, message in (
        ([1.0, -1.0], 1, "negative"), ([0.0, 0.0], 1, "0 weights above 0"),
        ([0.0, 1.0], 2, "1 weights above 0"), ([np.nan], 1, "NaN"),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=message):
            gpunet.multinomial(on_device(np.array(bad), device), samples)


def test_bernoulli(device):
    p = on_device(np.array([0.0, 1.0, 0.25] * 4000, np.float32), device)
    x = array_of(gpunet.bernoulli(p, generator=seeded(7))).reshape(-1, 3)
    assert x.dtype == np.float32
    assert set(np.unique(x)) == {0, 1}
    np.testing.assert_allclose(x.mean(axis=0), [0, 1, 0.25], atol=0.03)
    y = random.bernoulli_(on_device(np.zeros(4000, np.int64), device), 0.75)
    assert abs(array_of(y).mean() - 0.75) < 0.05
    with pytest.raises(RuntimeError, match="0 to 1"):
        gpunet.bernoulli(on_device(np.array([1.5]), device))


def test_normal_with_tensors(device):
    mean = on_device(np.array([[0.0], [100.0]]), device)
    std = on_device(np.array([1.0, 0.0, 5.0]), device)
    x = array_of(gpunet.normal(mean, std, generator=seeded(8)))
    assert x.shape == (2, 3)
    assert x[:, 1].tolist() == [0, 100]
    assert gpunet.normal(2.0, 3.0, (4, 5), device=device).shape == (4, 5)
    with pytest.raises(TypeError, match="size"):
        gpunet.normal(0.0, 1.0)


def test_state_resumes_through_json(device):
    g = seeded(-5)
    gpunet.rand(77, device=device, generator=g)
    state = json.loads(json.dumps(g.get_state()))
    expected = array_of(gpunet.randn(55, device=device, generator=g))
    other = gpunet.Generator().set_state(state)
    np.testing.assert_array_equal(
        array_of(gpunet.randn(55, device=device, generator=other)), expected
    )
    gpunet.manual_seed(1)
    kept = gpunet.get_rng_state()
    a = array_of(gpunet.rand(3, device=device))
    gpunet.set_rng_state(kept)
    np.testing.assert_array_equal(array_of(gpunet.rand(3, device=device)), a)


def test_streams_and_seeds_differ(device):
    a, b, c = seeded(1), seeded(1), seeded(2)
    b.set_state({"seed": 1, "stream": 1, "offset": 0})
    x, y, z = (array_of(gpunet.rand(100, device=device, generator=g)) for g in (a, b, c))
    assert not (x == y).any()
    assert not (x == z).any()


def test_seeds():
    g = gpunet.Generator()
    assert g.seed() == g.initial_seed() != gpunet.Generator().initial_seed()
    assert gpunet.manual_seed(7) is gpunet.default_generator
    assert gpunet.initial_seed() == 7
    for bad in (2**64, -(2**63) - 1):
        with pytest.raises(RuntimeError, match=str(bad)):
            g.manual_seed(bad)
    with pytest.raises(TypeError):
        g.manual_seed(0.5)
    with pytest.raises(TypeError, match="manual_seed"):
        gpunet.Generator(3)


@pytest.mark.parametrize(
    "state",
    [{}, {"seed": 1, "stream": 0}, {"seed": 1, "stream": -1, "offset": 0},
     {"seed": 2**64, "stream": 0, "offset": 0}, {"seed": 1, "stream": 0, "offset": 2**63}],
)  # fmt: skip
def test_bad_states(state):
    with pytest.raises(ValueError, match="new_state"):
        gpunet.Generator().set_state(state)
    with pytest.raises(TypeError, match="dict"):
        gpunet.Generator().set_state(b"")


def test_bad_arguments(device):
    leaf = on_device(np.zeros(3), device, requires_grad=True)
    with pytest.raises(RuntimeError, match="no_grad"):
        random.uniform_(leaf)
    with gpunet.no_grad():
        random.uniform_(leaf)
    whole = on_device(np.zeros(3, np.int64), device)
    with pytest.raises(RuntimeError, match="int64"):
        random.normal_(whole)
    x = on_device(np.zeros(3), device)
    with pytest.raises(RuntimeError, match="from_=2"):
        random.uniform_(x, 2, 1)
    with pytest.raises(RuntimeError, match="std"):
        random.normal_(x, 0, -1)
    with pytest.raises(RuntimeError, match="low=3, high=3"):
        gpunet.randint(3, 3, (2,), device=device)
    with pytest.raises(RuntimeError, match="at least 0"):
        gpunet.rand(2, -1, device=device)
    with pytest.raises(RuntimeError, match="floating-point"):
        gpunet.rand(2, dtype="int64", device=device)


def test_shapes_and_dtypes(device):
    assert gpunet.rand(device=device).shape == ()
    assert gpunet.rand((2, 3), device=device).shape == (2, 3)
    assert gpunet.randn(0, 3, device=device).shape == (0, 3)
    assert gpunet.randint(5, (2,), device=device).dtype == np.int64
    assert gpunet.randint(5, (2,), dtype="float32", device=device).dtype == np.float32
    assert gpunet.rand(2, device=device, requires_grad=True).requires_grad
    x = gpunet.rand(2, 2, dtype="float64", device=device)
    for like in (gpunet.rand_like, gpunet.randn_like):
        y = like(x)
        assert (y.shape, y.dtype, y.device) == (x.shape, x.dtype, x.device)
    assert gpunet.randint_like(x, 9).dtype == np.float64
    half = on_device(np.zeros(50, np.float16), device)
    assert 0.2 < array_of(random.uniform_(half)).mean() < 0.8


def test_base_on_the_device_moves_every_number(device):
    # What a captured CUDA graph adds to, to draw new numbers when it is replayed.
    be = backend_for(Device(device))
    a, b = be.empty((100,), "float32"), be.empty((100,), "float32")
    be.kernels.philox_uniform(a, 0.0, 1.0, be.from_numpy(np.array([3, 0, 40])), 2)
    be.kernels.philox_uniform(b, 0.0, 1.0, be.from_numpy(np.array([3, 0, 0])), 42)
    np.testing.assert_array_equal(be.to_numpy(a), be.to_numpy(b))


def test_a_clone_goes_on_from_the_same_place():
    generator = gpunet.Generator().manual_seed(3)
    gpunet.rand(10, generator=generator)
    clone = generator.clone_state()
    expected = gpunet.rand(10, generator=generator)
    assert gpunet.rand(10, generator=clone).numpy().tolist() == expected.numpy().tolist()


def test_a_generator_in_place_of_the_default_one(device):
    gpunet.manual_seed(1)
    state = gpunet.get_rng_state()
    with using(seeded(9)) as inner:
        assert gpunet.initial_seed() == 9
        first = array_of(gpunet.rand(5, device=device))
        with using(seeded(8)):
            gpunet.rand(1)
        second = array_of(gpunet.nn.functional.dropout(gpunet.ones(64, device=device)))
        assert inner.offset == 2 + 16
    assert gpunet.get_rng_state() == state
    g = seeded(9)
    np.testing.assert_array_equal(array_of(gpunet.rand(5, device=device, generator=g)), first)
    gpunet.default_generator.set_state(g.get_state())
    again = array_of(gpunet.nn.functional.dropout(gpunet.ones(64, device=device)))
    np.testing.assert_array_equal(again, second)


def test_only_this_thread_has_another_default():
    gpunet.manual_seed(1)
    seen = []
    with using(seeded(9)):
        thread = threading.Thread(target=lambda: seen.append(gpunet.initial_seed()))
        thread.start()
        thread.join()
    assert seen == [1]


def test_the_default_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), using(seeded(9)):
        1 / 0  # noqa: B018
    assert CURRENT.generator is gpunet.default_generator
