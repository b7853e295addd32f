import numpy as np
import pytest
from opcheck import array_of, on_device, torch_or_none

import gpunet
from gpunet import nn
from gpunet.autograd.changes import CHANGES

torch = torch_or_none()


def model(nn, hidden=4):
    return nn.ModuleDict(
        {
            "body": nn.ModuleList([nn.Linear(3, hidden), nn.Linear(hidden, hidden, bias=False)]),
            "head": nn.Bilinear(hidden, 2, 5),
        }
    )


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("steps", gpunet.Tensor(np.zeros((), np.int64)))
        self.register_buffer("hidden", gpunet.Tensor(np.zeros(2)), persistent=False)
        self.register_buffer("absent", None)
        self.layer = nn.Linear(2, 2)


def test_keys_and_values():
    net = Counting()
    state = net.state_dict()
    assert list(state) == ["steps", "layer.weight", "layer.bias"]
    assert state["layer.weight"].array is net.layer.weight.array
    assert not state["layer.weight"].requires_grad
    assert type(state["layer.weight"]) is gpunet.Tensor
    assert net.state_dict(keep_vars=True)["layer.weight"] is net.layer.weight
    into = {"kept": 1}
    assert net.state_dict(destination=into, prefix="net.") is into
    assert list(into) == ["kept", "net.steps", "net.layer.weight", "net.layer.bias"]


@pytest.mark.skipif(torch is None, reason="needs PyTorch")
def test_there_and_back_again_with_pytorch(device):
    theirs, ours = model(torch.nn), model(nn).to(device)
    assert list(theirs.state_dict()) == list(ours.state_dict())
    assert str(ours.load_state_dict(theirs.state_dict())) == "<All keys matched successfully>"
    for key, value in theirs.state_dict().items():
        assert ours.state_dict()[key].shape == tuple(value.shape)
        np.testing.assert_array_equal(array_of(ours.state_dict()[key]), value.numpy())
    x, z = np.ones((2, 3), np.float32), np.ones((2, 2), np.float32)
    y = ours["head"](ours["body"][1](ours["body"][0](on_device(x, device))), on_device(z, device))
    expected = theirs["head"](
        theirs["body"][1](theirs["body"][0](torch.tensor(x))), torch.tensor(z)
    )
    np.testing.assert_allclose(array_of(y), expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    other = model(torch.nn)
    other.load_state_dict(
        {key: torch.tensor(array_of(value)) for key, value in ours.state_dict().items()}
    )
    for key, value in other.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[key])
    # Parameters that require a gradient are taken as well.
    ours.load_state_dict(dict(theirs.named_parameters()))


def test_values_go_into_the_memory_that_is_there(device):
    net = model(nn).to(device)
    arrays = {key: value.array for key, value in net.state_dict().items()}
    tensors = list(net.parameters())
    moment = CHANGES.last
    net.load_state_dict({key: np.ones(a.shape) for key, a in arrays.items()})
    for key, value in net.state_dict().items():
        assert value.array is arrays[key]
        np.testing.assert_array_equal(array_of(value), 1)
        assert value.array.dtype == np.float32
    assert all(a is b for a, b in zip(net.parameters(), tensors))
    assert all(CHANGES.since(moment, p.array) for p in tensors)


def test_from_the_other_device(cuda):
    there, here = model(nn).to(cuda), model(nn)
    here.load_state_dict(there.state_dict())
    back = model(nn).to(cuda)
    back.load_state_dict(here.state_dict())
    back.load_state_dict({key: value.array for key, value in there.state_dict().items()})
    for key, value in there.state_dict().items():
        np.testing.assert_array_equal(array_of(here.state_dict()[key]), array_of(value))
        np.testing.assert_array_equal(array_of(back.state_dict()[key]), array_of(value))


def test_all_problems_are_listed_and_nothing_is_changed():
    net = model(nn)
    before = {key: value.array.copy() for key, value in net.state_dict().items()}
    state = {key: np.zeros_like(value) for key, value in before.items()}
    del state["body.0.bias"], state["head.bias"]
    state["body.0.weight"] = np.zeros((9, 9))
    state["body.1.weight"] = np.zeros(3)
    state["head.weight"] = "text"
    state["tail"] = state["more.tail"] = np.zeros(1)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    lines = str(caught.value).split("\n\t")
    assert lines[:3] == [
        "Error(s) in loading state_dict for ModuleDict:",
        'Missing key(s) in state_dict: "body.0.bias", "head.bias". ',
        'Unexpected key(s) in state_dict: "tail", "more.tail". ',
    ]
    assert lines[3] == (
        "size mismatch for body.0.weight: copying a param with shape (9, 9) from checkpoint, "
        "the shape in current model is (4, 3)."
    )
    assert lines[4].startswith("size mismatch for body.1.weight")
    assert '"head.weight"' in lines[5]
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.array, before[key])


@pytest.mark.skipif(torch is None, reason="needs PyTorch")
def test_the_message_is_pytorchs():
    def message(nn, array):
        net = model(nn)
        state = dict(net.state_dict())
        del state["body.0.bias"]
        state["tail"] = array
        with pytest.raises(RuntimeError) as caught:
            net.load_state_dict(state)
        return str(caught.value)

    assert message(nn, np.zeros(1)) == message(torch.nn, torch.zeros(1))


def test_not_strict():
    net = model(nn)
    state = dict(model(nn).state_dict())
    del state["head.bias"]
    state["tail"] = np.zeros(1)
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["head.bias"]
    assert result.unexpected_keys == ["tail"]
    missing, unexpected = result
    assert (missing, unexpected) == (["head.bias"], ["tail"])
    assert "missing_keys=['head.bias']" in repr(result)
    np.testing.assert_array_equal(net.head.weight.array, state["head.weight"].array)
    state["body.0.weight"] = np.zeros(1)
    with pytest.raises(RuntimeError, match="size mismatch"):
        net.load_state_dict(state, strict=False)


def test_what_is_no_mapping():
    with pytest.raises(TypeError, match="dict-like, got list"):
        model(nn).load_state_dict([1])


def test_a_scalar_from_one_element():
    net = Counting()
    net.load_state_dict({**net.state_dict(), "steps": np.array([5])})
    assert net.steps.array == 5
    assert net.steps.array.shape == ()


def test_parameters_as_one_vector(device):
    net = model(nn).to(device)
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.array.shape == (sum(p.array.size for p in net.parameters()),)
    gpunet.autograd.backward([vector], [vector.detach()])
    first = next(net.parameters())
    np.testing.assert_array_equal(array_of(first.grad), array_of(first))
    arrays = [p.array for p in net.parameters()]
    nn.utils.vector_to_parameters(vector * 2, net.parameters())
    np.testing.assert_array_equal(
        array_of(nn.utils.parameters_to_vector(net.parameters())), 2 * array_of(vector)
    )
    assert all(p.array is a for p, a in zip(net.parameters(), arrays))
    with pytest.raises(ValueError, match="expected shape"):
        nn.utils.vector_to_parameters(on_device(np.zeros(3), device), net.parameters())
    with pytest.raises(TypeError, match="ndarray"):
        nn.utils.vector_to_parameters(np.zeros(3), net.parameters())
    with pytest.raises(ValueError, match="at least one"):
        nn.utils.parameters_to_vector([])


def test_vector_of_two_devices(cuda):
    with pytest.raises(RuntimeError, match="one device"):
        nn.utils.parameters_to_vector([nn.Linear(2, 2).weight, nn.Linear(2, 2).to(cuda).weight])
