"""Compiled steps with what users write themselves, checkpoints, and changes in place."""

from __future__ import annotations

from compilecheck import batch, check_compiled, data, labels, small_mlp

import gpunet
from gpunet import nn, optim
from gpunet.nn.functional import cross_entropy, dropout
from gpunet.utils.checkpoint import checkpoint, checkpoint_sequential


class Swish(gpunet.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        s = gpunet.sigmoid(x * scale)
        ctx.save_for_backward(x, s)
        ctx.scale = scale
        return x * s

    @staticmethod
    def backward(ctx, gradient):
        x, s = ctx.saved_tensors
        return gradient * (s + x * s * (1 - s) * ctx.scale), None


class Halves(gpunet.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x[:, ::2] * 2, x[:, 1::2] + 1

    @staticmethod
    def backward(ctx, first, second):
        gradient = gpunet.zeros(first.shape[0], first.shape[1] + second.shape[1])
        gradient[:, ::2] = first * 2
        gradient[:, 1::2] = second
        return gradient


def trained(forward, *modules, calls=6, **options):
    def scenario(compile):
        model = nn.ModuleList([make() for make in modules])
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            output = forward(model, x)
            loss = cross_entropy(output, y)
            loss.backward()
            optimizer.step()
            return loss, output.detach()

        for i in range(calls):
            yield step(*batch(i)), model, optimizer

    check_compiled(scenario, **options)


def test_functions_of_the_users_own():
    def forward(model, x):
        first, second = Halves.apply(Swish.apply(model[0](x), 1.5))
        return model[1](first * second)

    trained(forward, lambda: nn.Linear(5, 8), lambda: nn.Linear(4, 3))


def test_checkpoints():
    def forward(model, x):
        return checkpoint(lambda x: checkpoint(model[1], model[0](x)), x)

    trained(forward, small_mlp, lambda: nn.Linear(3, 3))


def test_checkpoint_of_a_sequence():
    def forward(model, x):
        return checkpoint_sequential(nn.Sequential(model[0], model[1], model[2]), 2, x)

    trained(forward, small_mlp, lambda: nn.Dropout(0.2), lambda: nn.Linear(3, 3))


def test_changes_in_place():
    def forward(model, x):
        h = model[0](x).relu_()
        h[:, 0] = 1
        h[1:3] *= 2
        h.mul_(0.5).add_(1).clamp_(max=3)
        h.masked_fill_(h > 2.5, 0.1)
        table = gpunet.zeros(8, 8)
        table.copy_(h)
        table[:, 2:4] += h[:, :2]
        table.index_add_(1, gpunet.tensor([1, 3]), h[:, 4:6])
        return model[1](table)

    trained(forward, lambda: nn.Linear(5, 8), lambda: nn.Linear(8, 3))


def test_random_numbers_of_all_kinds():
    def scenario(compile):
        generator = gpunet.Generator().manual_seed(3)

        @compile
        def draw(x):
            noise = gpunet.randn(4, 5) + gpunet.rand_like(x)
            own = gpunet.rand(3, generator=generator)
            whole = gpunet.randint(0, 10, (6,))
            out = gpunet.empty(7).normal_().uniform_(-1, 1)
            return noise, own, whole, out, dropout(x, 0.5), gpunet.randperm(9)

        for i in range(6):
            yield draw(data(4, 5, seed=i)), generator.get_state()

    check_compiled(scenario)


def test_state_that_is_carried_by_copying():
    def scenario(compile):
        cell = nn.GRUCell(5, 4)
        state = gpunet.zeros(8, 4)

        @compile
        @gpunet.no_grad()
        def advance(x):
            state.copy_(cell(x, state))
            return state

        for i in range(6):
            yield advance(data(8, 5, seed=i)), state

    check_compiled(scenario)


def test_functions_within_functions():
    def scenario(compile):
        model = small_mlp()
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        @compile
        def loss_of(x, y):
            return cross_entropy(model(x), y)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            return loss

        def both(i):
            with gpunet.no_grad():
                return loss_of(*batch(i)), step(*batch(i + 1))

        for i in range(4):
            yield step(*batch(i)), model, optimizer
        for i in range(4):
            with gpunet.no_grad():
                yield loss_of(*batch(i))
            yield step(*batch(i)), model, optimizer

    check_compiled(scenario, replays=4)


def test_metrics_are_gathered_in_tensors():
    def scenario(compile):
        model = small_mlp().eval()
        right, seen = gpunet.zeros(()), gpunet.zeros(3, dtype="int64")
        matrix = gpunet.zeros(3, 3)

        @compile
        @gpunet.no_grad()
        def evaluate(x, y):
            guess = model(x).argmax(1)
            right.add_((guess == y).sum())
            seen.scatter_add_(0, y, gpunet.ones_like(y))
            matrix[y, guess] += 1
            return (guess == y).float().mean()

        for i in range(6):
            yield evaluate(data(9, 5, seed=i), labels(9, 3, i)), right, seen, matrix

    check_compiled(scenario)
