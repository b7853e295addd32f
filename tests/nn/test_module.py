import copy
import gc
import weakref

import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet import nn
from gpunet.errors import DeviceError


class Scale(nn.Module):
    """A layer with a parameter, two buffers and a setting."""

    def __init__(self, size=3):
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(np.arange(1, size + 1, dtype=np.float32))
        self.register_parameter("bias", None)
        self.register_buffer("count", gpunet.Tensor(np.zeros((), np.int64)))
        self.register_buffer("scratch", gpunet.Tensor(np.zeros(size, np.float32)), persistent=False)

    def forward(self, x):
        return x * self.weight

    def extra_repr(self):
        return f"size={self.size}"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Scale()
        self.block = nn.Module()
        self.block.inner = Scale(2)
        self.second = Scale()
        self.second.weight = self.first.weight
        self.offset = nn.Parameter(np.zeros(1, np.float32))


def test_parameter():
    values = gpunet.Tensor(np.ones((2, 2), np.float32))
    p = nn.Parameter(values)
    assert p.requires_grad
    assert p.array is values.array
    assert isinstance(p, gpunet.Tensor)
    assert not nn.Parameter(np.zeros(2), requires_grad=False).requires_grad
    assert nn.Parameter().array.shape == (0,)
    assert nn.Parameter(np.zeros(2, np.int64), requires_grad=False).array.dtype == np.int64
    assert repr(p).startswith("Parameter containing:\n")


def test_parameter_errors():
    with pytest.raises(RuntimeError, match=r"floating-point.*int64"):
        nn.Parameter(np.zeros(2, np.int64))
    with pytest.raises(TypeError, match="list"):
        nn.Parameter([1.0, 2.0])


def test_parameter_deepcopy():
    p = nn.Parameter(np.ones((2, 3), np.float32))
    p.grad = gpunet.Tensor(np.ones((2, 3), np.float32))
    first, second = copy.deepcopy([p, p])
    assert first is second
    assert isinstance(first, nn.Parameter)
    assert not np.shares_memory(first.array, p.array)
    assert first.grad is None
    np.testing.assert_array_equal(first.array, p.array)


def test_registration_finds_its_attributes_without_getattr():
    layer = Scale()
    assert layer.__dict__["weight"] is layer._parameters["weight"] is layer.weight
    assert list(layer._parameters) == ["weight", "bias"]
    assert list(layer._buffers) == ["count", "scratch"]
    assert layer.bias is None


def test_reassigning_keeps_the_order_and_the_kind():
    net = Net()
    net.first.bias = nn.Parameter(np.zeros(3, np.float32))
    new = nn.Parameter(np.zeros(3, np.float32))
    net.first.weight = new
    assert net.first.weight is new
    assert [name for name, _ in net.first.named_parameters()] == ["weight", "bias"]
    net.first.weight = None
    assert [name for name, _ in net.first.named_parameters()] == ["bias"]
    with pytest.raises(TypeError, match="cannot assign 'Tensor' as parameter 'weight'"):
        net.first.weight = gpunet.Tensor(np.zeros(3))
    net.first.count = gpunet.Tensor(np.ones((), np.int64))
    assert net.first._buffers["count"].array == 1
    with pytest.raises(TypeError, match="as buffer 'count'"):
        net.first.count = 3
    with pytest.raises(TypeError, match="as child module 'first'"):
        net.first = 3
    net.first = None
    assert list(net._modules) == ["first", "block", "second"]
    assert [name for name, _ in net.named_children()] == ["block", "second"]


def test_a_name_changes_its_kind():
    net = Net()
    net.offset = Scale()
    assert "offset" not in net._parameters
    assert "offset" in net._modules
    net.offset = nn.Parameter(np.zeros(1))
    assert "offset" in net._parameters
    assert "offset" not in net._modules
    net.plain = 3
    net.plain = Scale()
    assert "plain" in net._modules


def test_delattr():
    net = Net()
    del net.offset, net.second, net.first.scratch
    assert list(net._parameters) == []
    assert list(net._modules) == ["first", "block"]
    assert list(net.first._buffers) == ["count"]
    net.first.scratch = 3
    assert "first.scratch" not in net.state_dict()
    with pytest.raises(AttributeError, match="offset"):
        _ = net.offset
    with pytest.raises(AttributeError):
        del net.offset


def test_the_tables_are_read_only():
    with pytest.raises(TypeError):
        Net()._modules["first"] = Scale()


def test_errors_before_init():
    class Early(nn.Module):
        def __init__(self, value):
            self.size = 3
            self.thing = value

    with pytest.raises(AttributeError, match=r"parameter before Module\.__init__"):
        Early(nn.Parameter(np.zeros(1)))
    with pytest.raises(AttributeError, match=r"module before Module\.__init__"):
        Early(Scale())

    class EarlyBuffer(nn.Module):
        def __init__(self):
            self.register_buffer("b", gpunet.Tensor(np.zeros(1)))

    with pytest.raises(AttributeError, match=r"buffer before Module\.__init__"):
        EarlyBuffer()


@pytest.mark.parametrize("kind", ["parameter", "buffer", "module"])
def test_registration_errors(kind):
    net = Net()
    register = getattr(net, f"register_{kind}")
    value = {
        "parameter": nn.Parameter(np.zeros(1)),
        "buffer": gpunet.Tensor(np.zeros(1)),
        "module": Scale(),
    }[kind]
    with pytest.raises(KeyError, match=r'contain "\."'):
        register("a.b", value)
    with pytest.raises(KeyError, match="empty string"):
        register("", value)
    with pytest.raises(KeyError, match="attribute 'training' already exists"):
        register("training", value)
    with pytest.raises(TypeError, match="string"):
        register(3, value)
    with pytest.raises(TypeError):
        register("a", "text")
    register("a", None)
    register("a", value)
    assert net.a is value


def test_a_parameter_must_be_a_leaf():
    made = nn.Parameter(np.ones(2))
    made.node = (made * 2).node
    with pytest.raises(ValueError, match="non-leaf"):
        Net().register_parameter("a", made)


def test_traversal():
    net = Net()
    assert [name for name, _ in net.named_modules()] == [
        "", "first", "block", "block.inner", "second",
    ]  # fmt: skip
    assert [name for name, _ in net.named_modules(prefix="net")][:2] == ["net", "net.first"]
    assert [name for name, _ in net.named_parameters()] == [
        "offset", "first.weight", "block.inner.weight",
    ]  # fmt: skip
    assert [name for name, _ in net.named_parameters(remove_duplicate=False)][-1] == "second.weight"
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["offset"]
    assert [name for name, _ in net.named_parameters(prefix="m")][1] == "m.first.weight"
    assert len(list(net.parameters())) == 3
    assert len(list(net.buffers())) == 6
    assert [name for name, _ in net.named_buffers()][:2] == ["first.count", "first.scratch"]
    assert list(net.children()) == [net.first, net.block, net.second]
    net.again = net.first
    assert len(list(net.modules())) == 5
    assert len(list(net.children())) == 3
    assert [n for n, _ in net.named_modules(remove_duplicate=False)][-1] == "again"


def test_get_by_name():
    net = Net()
    assert net.get_submodule("block.inner") is net.block.inner
    assert net.get_submodule("") is net
    assert net.get_parameter("first.weight") is net.first.weight
    assert net.get_buffer("first.count") is net.first.count
    for get, name in (
        (net.get_submodule, "block.outer"),
        (net.get_parameter, "first.bias"),
        (net.get_buffer, "first.weight"),
    ):
        with pytest.raises(AttributeError, match="has no"):
            get(name)


def test_apply_visits_children_first():
    net, seen = Net(), []
    assert net.apply(seen.append) is net
    assert seen == [net.first, net.block.inner, net.block, net.second, net]


def test_train_and_eval():
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    with pytest.raises(ValueError, match="boolean"):
        net.train(1)


def test_zero_grad_and_requires_grad():
    net = Net()
    for p in net.parameters():
        p.grad = gpunet.Tensor(np.ones_like(p.array))
    kept = net.offset.grad
    net.zero_grad(set_to_none=False)
    assert net.offset.grad is kept
    assert kept.array == 0
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())


def test_call_without_forward():
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] .* "forward"'):
        nn.Module()(1)


def test_missing_attribute():
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'third'"):
        _ = Net().third


def test_repr_is_pytorchs():
    net = Net()
    assert repr(net) == (
        "Net(\n  (first): Scale(size=3)\n  (block): Module(\n    (inner): Scale(size=2)\n  )\n"
        "  (second): Scale(size=3)\n)"
    )
    assert repr(nn.Module()) == "Module()"
    torch = torch_or_none()
    if torch is not None:
        ours = nn.ModuleList([nn.Linear(2, 3), nn.Linear(2, 3), nn.Bilinear(2, 3, 4, bias=False)])
        theirs = torch.nn.ModuleList(
            [torch.nn.Linear(2, 3), torch.nn.Linear(2, 3), torch.nn.Bilinear(2, 3, 4, bias=False)]
        )
        assert repr(ours) == repr(theirs)
        for make in (
            lambda nn: nn.ModuleList(),
            lambda nn: nn.ModuleDict({"a": nn.Identity(), "b": nn.Flatten(0)}),
            lambda nn: nn.ModuleList([nn.ModuleList([nn.Unflatten(1, (2, 3))]), nn.Linear(1, 2)]),
        ):
            assert repr(make(nn)) == repr(make(torch.nn))


def test_deepcopy():
    net = Net()
    twin = copy.deepcopy(net)
    assert twin.first.weight is twin.second.weight is twin.first._parameters["weight"]
    assert twin.first.weight is not net.first.weight
    assert list(twin.state_dict()) == list(net.state_dict())
    twin.first.weight.array[...] = 7
    assert net.first.weight.array[0] == 1
    twin.offset = nn.Parameter(np.ones(1))
    assert net.offset is not twin.offset


def test_a_dropped_module_is_freed_at_once():
    net = Net()
    watch = weakref.ref(net.first)
    gc.disable()
    try:
        del net
        assert watch() is None
    finally:
        gc.enable()


def test_dtype_conversions():
    net = Net()
    weight = net.first.weight
    weight.grad = gpunet.Tensor(np.ones(3, np.float32))
    weight.grad_buffer = weight.grad.array
    assert net.double() is net
    assert net.first.weight is weight
    assert weight.array.dtype == np.float64
    assert weight.grad.array.dtype == np.float64
    assert weight.grad_buffer is None
    assert net.first.count.array.dtype == np.int64
    assert net.first.scratch.array.dtype == np.float64
    assert net.half().offset.array.dtype == np.float16
    assert net.float().offset.array.dtype == np.float32
    assert net.to(np.float64).offset.array.dtype == np.float64
    assert net.type(np.float32).offset.array.dtype == np.float32
    array = net.offset.array
    assert net.to("cpu", np.float32, non_blocking=True).offset.array is array
    assert net.to(gpunet.Tensor(np.zeros(1))).offset.array.dtype == np.float64


def test_conversion_errors():
    with pytest.raises(TypeError, match="only accepts floating point"):
        Net().to(np.int64)
    with pytest.raises(DeviceError, match="tpu"):
        Net().to("tpu")
    with pytest.raises(TypeError, match="list"):
        Net().to([1])


def test_between_devices(cuda):
    net = Net()
    weight = net.first.weight
    weight.grad = gpunet.Tensor(np.ones(3, np.float32))
    net.cuda()
    assert net.first.weight is net.second.weight is weight
    for tensor in (*net.parameters(), *net.buffers(), weight.grad):
        assert tensor.device == "cuda:0"
    y = net.first(on_device(np.ones(3, np.float32), cuda))
    np.testing.assert_array_equal(array_of(y), [1, 2, 3])
    twin = copy.deepcopy(net)
    assert twin.offset.device == "cuda:0"
    net.cpu()
    assert isinstance(weight.array, np.ndarray)
    assert isinstance(weight.grad.array, np.ndarray)
    assert net.to(cuda, np.float64).offset.array.dtype == np.float64
    assert net.to(0).offset.device == "cuda:0"
    assert net.to(gpunet.Tensor(np.zeros(1, np.float32))).offset.device == "cpu"
