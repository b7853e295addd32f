"""The ways of a step: PyTorch's CUDA graph with a made-up ``torch.cuda``, what is not there."""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from gpunet.benchmarks import graphs, libraries, steps
from gpunet.benchmarks.case import Unavailable
from gpunet.benchmarks.libraries import recorded
from gpunet.benchmarks.mlp import data

torch = pytest.importorskip("torch")


@pytest.fixture
def cuda():
    """A PyTorch whose ``cuda`` records a step, without doing it, and replays it."""
    stream = SimpleNamespace(wait_stream=lambda other: None)
    calls = SimpleNamespace(recording=False, refuse=False)

    @contextmanager
    def graph(made):
        if calls.refuse:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        calls.recording = True
        yield
        calls.recording = False

    fake = SimpleNamespace(
        Stream=lambda: stream, current_stream=lambda: stream, stream=lambda s: nullcontext(),
        graph=graph, synchronize=lambda: None,
        CUDAGraph=lambda: SimpleNamespace(replay=lambda: calls.step()),
    )  # fmt: skip
    calls.torch = SimpleNamespace(cuda=fake, no_grad=torch.no_grad)
    return calls


def made(optimizer):
    """An eager step of a small model, the model, its optimiser, and the batch."""
    weights, X, labels = data(4)
    model = torch.nn.Linear(784, 10)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(weights[0][:10]))
        model.bias.fill_(0.5)
    if optimizer == "SGD":
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    else:
        optimiser = steps.adam(torch, model.parameters(), "eager")

    def loss_of(x, y):
        return torch.nn.functional.cross_entropy(model(x), y)

    batch = torch.from_numpy(X), torch.from_numpy(labels)
    step = steps.training(torch, "cpu", "eager", model, optimiser, loss_of, *batch)
    return step, model, optimiser, batch


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_the_warm_up_of_a_graph_leaves_no_trace(cuda, optimizer):
    eager, one, *_ = made(optimizer)
    step, other, optimiser, batch = made(optimizer)
    cuda.step = step  # what is recorded is not done, but when it is replayed
    replay = graphs.graphed(
        cuda.torch, lambda *batch: None if cuda.recording else step(), batch, other, optimiser
    )
    for _ in range(3):
        eager()
        replay(*batch)
    for a, b in zip(one.parameters(), other.parameters()):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_the_batch_is_copied_in(cuda):
    seen = []
    batch = (torch.zeros(2),)
    replay = graphs.graphed(cuda.torch, lambda x: seen.append(x), batch)
    cuda.step = lambda: None
    replay(torch.ones(2))
    static = seen[-1]
    assert static is not batch[0]
    assert static.tolist() == [1, 1]


def test_a_step_that_cannot_be_recorded(cuda):
    cuda.refuse = True
    with pytest.raises(Unavailable, match="CUDA graph: operation not permitted when stream"):
        graphs.graphed(cuda.torch, lambda x: x, (torch.zeros(2),))


def test_a_gpunet_without_compile():
    with pytest.raises(Unavailable, match="no compile"):
        recorded(SimpleNamespace(), lambda: None)


def test_sides():
    found = steps.sides("m:f", "m:g")
    assert [side.name for side in found] == [
        "gpunet", "gpunet cuda", "gpunet compiled", "gpunet compiled cuda", "PyTorch",
        "PyTorch cuda", "PyTorch compiled", "PyTorch compiled cuda", "PyTorch graph cuda", "JAX",
        "JAX cuda",
    ]  # fmt: skip
    graph = found[8]
    assert (graph.peer, graph.device, graph.options["how"]) == ("torch-graph", "cuda", "graph")


@pytest.mark.parametrize(("precision", "tf32"), [("highest", False), ("high", True)])
def test_the_precision_is_that_of_every_library(monkeypatch, precision, tf32):
    found = {}
    library = SimpleNamespace(
        set_float32_matmul_precision=lambda value: found.update(product=value),
        backends=SimpleNamespace(cudnn=SimpleNamespace()),
        config=SimpleNamespace(update=lambda name, value: found.update({name: value})),
    )
    monkeypatch.setattr(libraries, "_precision", "highest")
    monkeypatch.setattr(libraries.importlib, "import_module", lambda name: library)
    libraries.set_precision(precision)
    for name in ("torch", "gpunet", "jax"):
        assert libraries.imported(name) is library
    assert found == {"product": precision, "jax_default_matmul_precision": precision}
    assert library.backends.cudnn.allow_tf32 is tf32
