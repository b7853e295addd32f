"""Compiled steps that do more with gradients than to set, use and forget them."""

from __future__ import annotations

import pytest
from compilecheck import batch, check_compiled, data, labels, small_mlp

import gpunet
from gpunet import nn, optim
from gpunet.nn.functional import cross_entropy, mse_loss
from gpunet.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)


def adam(model):
    return optim.Adam(model.parameters(), lr=0.01)


def totals(parameters):
    norm = get_total_norm([p.grad for p in parameters])
    clip_grads_with_norm_(parameters, 0.3, norm)
    return norm


CLIPS = {
    "norm": lambda parameters: clip_grad_norm_(parameters, 0.3),
    "largest": lambda parameters: clip_grad_norm_(parameters, 0.1, norm_type=float("inf")),
    "generator": lambda parameters: clip_grad_norm_((p for p in parameters), 0.3),
    "value": lambda parameters: clip_grad_value_(parameters, 0.01),
    "two calls": totals,
}


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS)
def test_clipping(clip, flat):
    def scenario(compile):
        model = small_mlp()
        optimizer = adam(model) if flat else None

        @compile
        def step(x, y):
            model.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            norm = clip(list(model.parameters()))
            if optimizer is not None:
                optimizer.step()
            return loss, norm

        for i in range(6):
            yield step(*batch(i)), model

    check_compiled(scenario)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("every", [2, 3])
def test_accumulation_over_calls(every, flat):
    """Gradients are cleared outside of the compiled function, every few calls."""

    def scenario(compile):
        model = small_mlp()
        optimizer = adam(model) if flat else None

        @compile
        def forward_backward(x, y):
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        for i in range(12):
            yield forward_backward(*batch(i)), model
            if i % every == every - 1:
                if optimizer is not None:
                    optimizer.step()
                model.zero_grad()

    check_compiled(scenario, spoilt=False, replays=4)


@pytest.mark.parametrize("flat", [True, False])
def test_accumulation_without_an_end(flat):
    def scenario(compile):
        model = small_mlp()
        optimizer = adam(model) if flat else None

        @compile
        def forward_backward(x, y):
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        for i in range(8):
            yield forward_backward(*batch(i)), model, optimizer

    check_compiled(scenario, spoilt=False)


def test_accumulation_within_a_call():
    def scenario(compile):
        model = small_mlp()
        optimizer = adam(model)

        @compile
        def step(batches):
            optimizer.zero_grad()
            total = 0
            for x, y in batches:
                loss = cross_entropy(model(x), y) / len(batches)
                loss.backward()
                total = total + loss.detach()
            optimizer.step()
            return total

        for i in range(6):
            yield step([batch(10 * i + k) for k in range(3)]), model, optimizer

    check_compiled(scenario)


def test_clearing_in_some_calls_by_an_argument():
    def scenario(compile):
        model = small_mlp()
        optimizer = adam(model)

        @compile
        def step(x, y, update):
            loss = cross_entropy(model(x), y)
            loss.backward()
            if update:
                optimizer.step()
                optimizer.zero_grad()
            return loss

        for i in range(16):
            yield step(*batch(i), i % 4 == 3), model, optimizer

    check_compiled(scenario, spoilt=False, replays=4)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("set_to_none", [True, False])
def test_clearing(set_to_none, at_end, flat):
    def scenario(compile):
        model = small_mlp()
        optimizer = adam(model) if flat else None
        holder = optimizer if flat else model

        @compile
        def step(x, y):
            if not at_end:
                holder.zero_grad(set_to_none=set_to_none)
            loss = cross_entropy(model(x), y)
            loss.backward()
            if flat:
                optimizer.step()
            if at_end:
                holder.zero_grad(set_to_none=set_to_none)
            return loss

        for i in range(8):
            yield step(*batch(i)), model

    check_compiled(scenario, spoilt=False)


def test_two_networks_against_each_other():
    def scenario(compile):
        maker, judge = nn.Linear(4, 5), small_mlp(classes=1)
        optimizers = adam(maker), adam(judge)

        @compile
        def step(real, noise):
            fake = maker(noise)
            optimizers[1].zero_grad()
            ones, zeros = gpunet.ones(len(real), 1), gpunet.zeros(len(real), 1)
            loss = mse_loss(judge(real), ones) + mse_loss(judge(fake.detach()), zeros)
            loss.backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            other = mse_loss(judge(fake), ones)
            other.backward()
            optimizers[0].step()
            return loss, other

        for i in range(8):
            yield step(data(6, 5, seed=i), data(6, 4, seed=50 + i)), maker, judge, *optimizers

    check_compiled(scenario, spoilt=False)


def test_frozen_parameters_and_thawed_ones():
    def scenario(compile):
        model = small_mlp()
        model[0].requires_grad_(False)
        optimizer = adam(model)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        for i in range(12):
            if i == 4:
                model[0].requires_grad_(True)
            if i == 8:
                model[3].bias.requires_grad_(False)
            yield step(*batch(i)), model, optimizer

    check_compiled(scenario)


def test_shared_weights():
    def scenario(compile):
        first, second = nn.Linear(5, 5), nn.Linear(5, 5, bias=False)
        second.weight = first.weight
        model = nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), first)
        optimizer = adam(model)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = mse_loss(model(x), y) + (first.weight**2).sum() * 0.01
            loss.backward()
            optimizer.step()
            return loss

        for i in range(6):
            yield step(data(4, 5, seed=i), data(4, 5, seed=50 + i)), model, optimizer

    check_compiled(scenario)


def test_hooks():
    def scenario(compile):
        model = small_mlp()
        optimizer = adam(model)
        model[0].weight.register_hook(lambda gradient: gradient * 0.5)
        model[1].register_forward_hook(lambda module, args, output: output + 0.1)
        model[1].register_forward_pre_hook(lambda module, args: (args[0] * 1.5,))

        @compile
        def step(x, y):
            optimizer.zero_grad()
            hidden = model[1](model[0](x))
            hidden.register_hook(lambda gradient: gradient.clamp(-0.01, 0.01))
            hidden.retain_grad()
            loss = cross_entropy(model[3](hidden), y)
            loss.backward()
            optimizer.step()
            return loss, hidden.grad

        for i in range(6):
            yield step(*batch(i)), model, optimizer

    check_compiled(scenario)


def test_gradients_are_asked_for_and_changed():
    def scenario(compile):
        model = small_mlp()

        @compile
        def step(x, y):
            parameters = list(model.parameters())
            loss = cross_entropy(model(x), y)
            gradients = gpunet.autograd.grad(loss, parameters)
            with gpunet.no_grad():
                for p, gradient in zip(parameters, gradients):
                    p.grad = gradient * 2
                    p.grad += 1
                    p.sub_(p.grad, alpha=0.1)
            return loss, *gradients

        for i in range(6):
            yield step(*batch(i)), model

    check_compiled(scenario)


def test_gradient_of_an_input_that_the_step_makes_a_leaf():
    def scenario(compile):
        model = small_mlp()

        @compile
        def attack(x, y):
            x = x.detach().clone().requires_grad_()
            cross_entropy(model(x), y).backward()
            return (x + 0.1 * x.grad.sign()).detach()

        for i in range(6):
            yield attack(*batch(i)), model

    check_compiled(scenario, spoilt=False)


def test_moving_average_of_the_parameters():
    def scenario(compile):
        model, average = small_mlp(), small_mlp()
        optimizer = adam(model)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            with gpunet.no_grad():
                for slow, fast in zip(average.parameters(), model.parameters()):
                    slow.mul_(0.9).add_(fast, alpha=0.1)
                average[0].weight.lerp_(model[0].weight, 0.5)
                average[3].bias.copy_(model[3].bias)
            return loss

        for i in range(6):
            yield step(*batch(i)), model, average

    check_compiled(scenario)


def test_kept_gradients_take_the_step_to_other_memory():
    """As without compiling, a gradient that somebody holds is left alone by the optimiser."""

    def scenario(compile):
        model = small_mlp()
        optimizer = adam(model)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        for i in range(8):
            yield step(*batch(i)), model, optimizer
            kept = [p.grad.clone() for p in model.parameters()]
            assert all([p.shape == k.shape for p, k in zip(model.parameters(), kept)])

    check_compiled(scenario)


def test_label_smoothing_weights_and_reductions():
    def scenario(compile):
        model = small_mlp()
        weight = gpunet.tensor([0.2, 0.5, 0.3])
        losses = [
            nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1),
            nn.CrossEntropyLoss(reduction="sum", ignore_index=1),
            nn.CrossEntropyLoss(reduction="none"),
        ]

        @compile
        def step(x, y):
            model.zero_grad()
            output = model(x)
            values = [loss(output, y) for loss in losses]
            sum([value.sum() for value in values]).backward()
            return values

        for i in range(6):
            yield step(data(6, 5, seed=i), labels(6, 3, i)), model

    check_compiled(scenario, spoilt=False)
