"""Every method of tensors and every function of `nn.functional`, replayed on other values."""

from __future__ import annotations

import numpy as np
import pytest
from compilecheck import check_compiled, data, labels

import gpunet
from gpunet.errors import CaptureError
from gpunet.nn import functional as F


def _names(text):
    return set(text.split())


#: What is asked of a tensor without its values, is in other tests, or is made to read values.
OTHERS = _names(
    """
    data detach_ device dtype element_size equal allclose grad grad_buffer grad_fn hooks
    is_cuda is_contiguous is_floating_point is_leaf item itemsize mark_changed nbytes ndim
    nelement numel numpy register_hook requires_grad requires_grad_ retain_grad
    retains_grad shape size stride tolist backward dim cuda bernoulli bernoulli_ nonzero
    argwhere masked_select unique bincount random_ multinomial array
    """
)
S = data(3, 4, seed=7)
OTHER = {
    name: lambda x, name=name: getattr(x, name)(S.abs() + 0.5)
    for name in _names(
        """
    add sub mul div multiply subtract divide true_divide floor_divide remainder fmod pow
    maximum minimum atan2 eq ne lt le gt ge less less_equal greater greater_equal
    not_equal isclose expand_as view_as reshape_as type_as logaddexp add_ sub_ mul_ div_
    multiply_ subtract_ divide_ true_divide_ floor_divide_ remainder_ fmod_ pow_ copy_
    """
    )
}
WHOLE = {
    name: lambda x, name=name: getattr((x * 10).long(), name)((S * 10).long())
    for name in _names(
        """
    bitwise_and bitwise_or bitwise_xor bitwise_and_ bitwise_or_ bitwise_xor_ logical_and
    logical_or logical_xor logical_and_ logical_or_ logical_xor_
    """
    )
}
ROWS = gpunet.tensor([2, 0])
I2 = gpunet.tensor([[2, 0, 1, 1], [0, 1, 2, 0]])
MASK = S > 0
METHODS = {
    **OTHER,
    **WHOLE,
    "addcdiv": lambda x: x.addcdiv(S, S.abs() + 1),
    "addcdiv_": lambda x: x.addcdiv_(S, S.abs() + 1),
    "addcmul": lambda x: x.addcmul(S, S),
    "addcmul_": lambda x: x.addcmul_(S, S),
    "addmm": lambda x: x.addmm(data(3, 5), data(5, 4)),
    "addmv": lambda x: x[0].addmv(data(4, 5), data(5)),
    "baddbmm": lambda x: x[None].baddbmm(data(2, 3, 5), data(2, 5, 4)),
    "bmm": lambda x: x[None].bmm(data(1, 4, 2)),
    "mm": lambda x: x.mm(data(4, 2)),
    "mv": lambda x: x.mv(data(4)),
    "dot": lambda x: x[0].dot(S[1]),
    "inner": lambda x: x.inner(S),
    "outer": lambda x: x[0].outer(S[1]),
    "ger": lambda x: x[0].ger(S[1]),
    "matmul": lambda x: x.matmul(data(4, 2)),
    "broadcast_to": lambda x: x.broadcast_to((2, 3, 4)),
    "expand": lambda x: x.expand(2, 3, 4),
    "chunk": lambda x: x.chunk(2, 1),
    "split": lambda x: x.split(2, 1),
    "tensor_split": lambda x: x.tensor_split(3, 1),
    "unbind": lambda x: x.unbind(1),
    "clamp": lambda x: x.clamp(-0.5, 0.5),
    "clamp_": lambda x: x.clamp_(-0.5, 0.5),
    "clip": lambda x: x.clip(-0.5, 0.5),
    "clip_": lambda x: x.clip_(-0.5, 0.5),
    "clamp_max": lambda x: x.clamp_max(0.1),
    "clamp_max_": lambda x: x.clamp_max_(0.1),
    "clamp_min": lambda x: x.clamp_min(0.1),
    "clamp_min_": lambda x: x.clamp_min_(0.1),
    "cumsum": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(1),
    "diag": lambda x: (x.diag(), x[0].diag()),
    "fill_": lambda x: x * 0 + x.clone().fill_(3),
    "flip": lambda x: x.flip(0, 1),
    "gather": lambda x: x.gather(0, I2),
    "index_add": lambda x: x.index_add(0, ROWS, S[:2]),
    "index_add_": lambda x: x.index_add_(0, ROWS, S[:2]),
    "index_copy": lambda x: x.index_copy(0, ROWS, S[:2]),
    "index_copy_": lambda x: x.index_copy_(0, ROWS, S[:2]),
    "index_fill": lambda x: x.index_fill(0, ROWS, 3),
    "index_fill_": lambda x: x.index_fill_(0, ROWS, 3),
    "index_select": lambda x: x.index_select(0, ROWS),
    "kthvalue": lambda x: x.kthvalue(2, 1),
    "lerp": lambda x: (x.lerp(S, 0.3), x.lerp(S, S)),
    "lerp_": lambda x: x.lerp_(S, 0.3),
    "logsumexp": lambda x: x.logsumexp(1),
    "softmax": lambda x: x.softmax(1),
    "log_softmax": lambda x: x.log_softmax(1),
    "masked_fill": lambda x: (x.masked_fill(MASK, 2), x.masked_fill(x > 0, 2)),
    "masked_fill_": lambda x: x.masked_fill_(MASK, 2),
    "max": lambda x: (x.max(), *x.max(1), x.max(S)),
    "min": lambda x: (x.min(), *x.min(1), x.min(S)),
    "median": lambda x: (x.median(), *x.median(1)),
    "mean": lambda x: (x.mean(), x.mean(1), x.mean((0, 1), keepdim=True)),
    "sum": lambda x: (x.sum(), x.sum(1), x.sum(0, keepdim=True), x.T.sum(1)),
    "prod": lambda x: (x.prod(), x.prod(1)),
    "var": lambda x: (x.var(), x.var(1, correction=0)),
    "std": lambda x: (x.std(), x.std(1)),
    "norm": lambda x: (x.norm(), x.norm(1, dim=1), x.norm(float("inf"))),
    "all": lambda x: ((x > 0).all(), (x > 0).all(1)),
    "any": lambda x: ((x > 0).any(), (x > 0).any(1)),
    "argmax": lambda x: (x.argmax(), x.argmax(1), x.argmax(0, keepdim=True)),
    "argmin": lambda x: (x.argmin(), x.argmin(1)),
    "moveaxis": lambda x: x.moveaxis(0, 1),
    "movedim": lambda x: x.movedim(0, 1),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "new_empty": lambda x: x.new_empty(2).fill_(1) * x[0, :2],
    "new_full": lambda x: x.new_full((2,), 3) * x[0, :2],
    "new_ones": lambda x: x.new_ones(2).add_(1) * x[0, :2],
    "new_tensor": lambda x: x.new_tensor([1, 2]) * x[0, :2],
    "new_zeros": lambda x: x.new_zeros(2).add_(1) * x[0, :2],
    "normal_": lambda x: x.detach().clone().normal_() + x,
    "uniform_": lambda x: x.detach().clone().uniform_() + x,
    "permute": lambda x: x.permute(1, 0),
    "repeat": lambda x: x.repeat(2, 1),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "reshape": lambda x: (x.reshape(2, 6), x.T.reshape(2, 6)),
    "view": lambda x: x.view(2, 6),
    "roll": lambda x: x.roll(1, 0),
    "scatter": lambda x: x.scatter(0, I2, S[:2]),
    "scatter_": lambda x: x.scatter_(0, I2, S[:2]),
    "scatter_add": lambda x: x.scatter_add(0, I2, S[:2]),
    "scatter_add_": lambda x: x.scatter_add_(0, I2, S[:2]),
    "select": lambda x: x.select(1, 2),
    "sort": lambda x: (*x.sort(1), *x.sort(0, descending=True)),
    "squeeze": lambda x: x[None].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "swapdims": lambda x: x.swapdims(0, 1),
    "transpose": lambda x: x.transpose(0, 1),
    "take": lambda x: x.take(gpunet.tensor([0, 5, 11])),
    "take_along_dim": lambda x: x.take_along_dim(I2, 0),
    "tile": lambda x: x.tile(2, 2),
    "to": lambda x: (x.to(gpunet.float64), x.to("cpu"), x.to(gpunet.int32)),
    "topk": lambda x: x.topk(2, 1),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "where": lambda x: (x.where(x > 0, S), x.where(MASK, 0)),
    "bitwise_not": lambda x: (x * 10).long().bitwise_not(),
}


def check(function, *shapes, seeds=range(5), positive=False):
    """Forward and backward of a function of tensors of some shapes, on other values each time."""

    def scenario(compile):
        @compile
        def step(*inputs):
            leaves = [x.clone().requires_grad_() for x in inputs]
            found = function(*[x * 1 for x in leaves])
            outputs = list(found) if isinstance(found, list | tuple) else [found]
            ends = [y for y in outputs if y.requires_grad]
            if ends:
                seeds = [(y.detach() * 0.5 + 1) for y in ends]
                gpunet.autograd.backward(ends, seeds)
            return [y.detach() for y in outputs], [x.grad for x in leaves]

        for i in seeds:
            inputs = [data(*shape, seed=10 * i + k) for k, shape in enumerate(shapes)]
            yield step(*[x.abs() * 0.4 + 0.1 if positive else x for x in inputs])

    check_compiled(scenario)


def methods():
    for name in dir(gpunet.Tensor):
        if not name.startswith("_") and name not in OTHERS:
            yield name


@pytest.mark.parametrize("name", list(methods()), ids="x.{}".format)
def test_methods(name):
    def function(x):
        if name in METHODS:
            return METHODS[name](x)
        method = getattr(x, name)
        return method() if callable(method) else method

    check(function, (3, 4), positive=name not in ("relu", "abs", "sign"))
    if name in METHODS and name not in ("pow", "pow_"):
        check(function, (3, 4))


FUNCTIONS = {
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 3), (2, 3, 7)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 3), (2, 3, 7, 7)),
    "adaptive_max_pool1d": (lambda x: F.adaptive_max_pool1d(x, 3), (2, 3, 7)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 3), (2, 3, 7, 7)),
    "alpha_dropout": (lambda x: F.alpha_dropout(x, 0.5, True), (3, 8)),
    "feature_alpha_dropout": (lambda x: F.feature_alpha_dropout(x, 0.5, True), (3, 8, 2)),
    "dropout": (lambda x: F.dropout(x, 0.5), (3, 8)),
    "dropout1d": (lambda x: F.dropout1d(x, 0.5), (3, 8, 2)),
    "dropout2d": (lambda x: F.dropout2d(x, 0.5), (3, 8, 2, 2)),
    "dropout3d": (lambda x: F.dropout3d(x, 0.5), (3, 8, 2, 2, 2)),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 2), (2, 3, 7)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), (2, 3, 7, 7)),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2), (2, 3, 4, 4, 4)),
    "max_pool1d": (lambda x: F.max_pool1d(x, 2), (2, 3, 7)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), (2, 3, 7, 7)),
    "max_pool3d": (lambda x: F.max_pool3d(x, 2), (2, 3, 4, 4, 4)),
    "max_unpool1d": (
        lambda x: F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2),
        (2, 3, 8),
    ),
    "max_unpool2d": (
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
        (2, 3, 8, 8),
    ),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True), (6, 3)),
    "instance_norm": (F.instance_norm, (2, 3, 7)),
    "layer_norm": (lambda x, w: F.layer_norm(x, (4,), w, w), (3, 4), (4,)),
    "rms_norm": (lambda x, w: F.rms_norm(x, (4,), w), (3, 4), (4,)),
    "group_norm": (lambda x, w: F.group_norm(x, 2, w, w), (3, 4, 5), (4,)),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3), (2, 5, 4)),
    "bilinear": (F.bilinear, (3, 4), (3, 5), (2, 4, 5), (2,)),
    "linear": (F.linear, (3, 4), (5, 4), (5,)),
    "conv1d": (F.conv1d, (2, 3, 7), (4, 3, 3), (4,)),
    "conv2d": (F.conv2d, (2, 3, 7, 7), (4, 3, 3, 3), (4,)),
    "conv3d": (F.conv3d, (2, 3, 4, 4, 4), (4, 3, 2, 2, 2), (4,)),
    "conv_transpose1d": (F.conv_transpose1d, (2, 3, 7), (3, 4, 3), (4,)),
    "conv_transpose2d": (F.conv_transpose2d, (2, 3, 5, 5), (3, 4, 3, 3), (4,)),
    "conv_transpose3d": (F.conv_transpose3d, (2, 3, 3, 3, 3), (3, 2, 2, 2, 2), (2,)),
    "rbf_conv2d": None,
    "embedding": (lambda w: F.embedding(labels((3, 2), 5), w), (5, 4)),
    "cross_entropy": (lambda x: F.cross_entropy(x, labels(6, 4), label_smoothing=0.1), (6, 4)),
    "nll_loss": (lambda x: F.nll_loss(x, labels(6, 4)), (6, 4)),
    "binary_cross_entropy": (
        lambda x, y: F.binary_cross_entropy(x.sigmoid(), y.sigmoid().detach()),
        (3, 4),
        (3, 4),
    ),
    "binary_cross_entropy_with_logits": (
        lambda x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid().detach(), pos_weight=S[0]),
        (3, 4),
        (3, 4),
    ),
    "mse_loss": (F.mse_loss, (3, 4), (3, 4)),
    "l1_loss": (F.l1_loss, (3, 4), (3, 4)),
    "smooth_l1_loss": (F.smooth_l1_loss, (3, 4), (3, 4)),
    "huber_loss": (F.huber_loss, (3, 4), (3, 4)),
    "kl_div": (
        lambda x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"),
        (3, 4),
        (3, 4),
    ),
    "cosine_embedding_loss": (
        lambda x, y: F.cosine_embedding_loss(x, y, gpunet.tensor([1, -1, 1])),
        (3, 4),
        (3, 4),
    ),
    "cosine_similarity": (F.cosine_similarity, (3, 4), (3, 4)),
    "pairwise_distance": (F.pairwise_distance, (3, 4), (3, 4)),
    "triplet_margin_loss": (F.triplet_margin_loss, (3, 4), (3, 4), (3, 4)),
    "ctc_loss": (
        lambda x: F.ctc_loss(x.log_softmax(2), labels((2, 3), 4) + 1, [6, 5], [3, 2]),
        (6, 2, 5),
    ),
    "scaled_dot_product_attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=0.3),
        *[(2, 2, 5, 4)] * 3,
    ),
    "pad": (lambda x: (F.pad(x, (1, 2)), F.pad(x, (1, 1), mode="reflect")), (2, 3, 4)),
    "fold": (lambda x: F.fold(x, (5, 5), 2), (2, 8, 16)),
    "unfold": (lambda x: F.unfold(x, 2), (2, 2, 5, 5)),
    "interpolate": (
        lambda x: [
            F.interpolate(x, scale_factor=2, mode=mode)
            for mode in ("nearest", "bilinear", "bicubic")
        ],
        (2, 2, 4, 5),
    ),
    "upsample": None,
    "channel_shuffle": (lambda x: F.channel_shuffle(x, 2), (2, 4, 3, 3)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), (2, 4, 3, 3)),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 3), (2, 4, 3, 3)),
    "normalize": (F.normalize, (3, 4)),
    "one_hot": (lambda x: F.one_hot((x > 0).long(), 2) * x[..., None], (3, 4)),
    "softmax": (lambda x: F.softmax(x, 1), (3, 4)),
    "log_softmax": (lambda x: F.log_softmax(x, 1), (3, 4)),
}


def functions():
    for name in dir(F):
        if not name.startswith("_") and callable(getattr(F, name)) and FUNCTIONS.get(name, 1):
            yield name


@pytest.mark.parametrize("name", list(functions()))
def test_functions(name):
    function, *shapes = FUNCTIONS.get(name, (getattr(F, name), (3, 4)))
    check(function, *shapes)


LOSSES = {
    "cross_entropy": lambda x, y: F.cross_entropy(x, y, ignore_index=1, reduction="none"),
    "nll_loss": F.nll_loss,
    "one_hot": lambda x, y: F.one_hot(y, 4) + x,
    "embedding": lambda x, y: F.embedding(y, x.T, padding_idx=2),
    "index": lambda x, y: x[gpunet.arange(6), y],
    "gather": lambda x, y: x.gather(1, y[:, None]),
    "mask": lambda x, y: x * (y[:, None] == gpunet.arange(4)),
    "set": lambda x, y: (x * 1).index_fill_(1, y, 3),
    "scatter": lambda x, y: x.scatter_add(1, y[:, None], x[:, :1]),
    "put": lambda x, y: _set(x * 1, y),
}


def _set(x, y):
    x[gpunet.arange(6), y] = 5
    x[y[:2]] += 1
    return x


@pytest.mark.parametrize("name", LOSSES)
def test_indices_that_change(name):
    def scenario(compile):
        @compile
        def step(x, y):
            x = x.clone().requires_grad_()
            output = LOSSES[name](x, y)
            output.backward(gpunet.ones_like(output))
            return output.detach(), x.grad

        for i in range(5):
            yield step(data(6, 4, seed=i), labels(6, 4, i))

    check_compiled(scenario)


RANDOM = {
    "rand": lambda: gpunet.rand(3),
    "randn": lambda: gpunet.randn(3, 4),
    "randint": lambda: gpunet.randint(0, 9, (5,)),
    "randperm": lambda: gpunet.randperm(7),
    "normal": lambda: gpunet.normal(S, 0.5),
    "rand_like": lambda: (gpunet.rand_like(S), gpunet.randn_like(S)),
    "arange": lambda: (gpunet.arange(4) + 0, gpunet.linspace(0, 1, 5) + 0, gpunet.eye(3) + 0),
    "stack": lambda: gpunet.stack([S, gpunet.zeros_like(S), gpunet.full_like(S, 2)]),
    "cat": lambda: gpunet.cat([S, S.new_ones(2, 4).mul_(3)]),
    "tril": lambda: gpunet.ones(4, 4).tril().add_(1),
}


@pytest.mark.parametrize("name", RANDOM)
def test_what_is_made_anew(name):
    def scenario(compile):
        step = compile(RANDOM[name])
        for _ in range(5):
            yield step()

    check_compiled(scenario)


@pytest.mark.parametrize("name", ["bincount", "multinomial", "bernoulli", "unique", "nonzero"])
def test_results_that_depend_on_values_are_refused(name):
    def step(x):
        if name == "multinomial":
            return x.multinomial(1)
        return getattr(x.long() if name == "bincount" else x, name)()

    compiled = gpunet.compile(step)
    x = gpunet.from_numpy(np.float32([0.2, 0.3, 0.5]))
    compiled(x)
    with pytest.raises(CaptureError, match="from the values of a tensor"):
        compiled(x)
