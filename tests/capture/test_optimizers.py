"""Compiled steps with each optimiser and each schedule of the learning rate."""

from __future__ import annotations

import pytest
from compilecheck import batch, check_compiled, small_mlp, training

import gpunet
from gpunet import optim
from gpunet.nn.functional import cross_entropy
from gpunet.optim import lr_scheduler

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "Adamax": lambda p: optim.Adamax(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.01),
    "Adadelta": lambda p: optim.Adadelta(p, lr=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
}

SCHEDULERS = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.9**epoch),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [1, 3, 5]),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 5),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 4),
    "WarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.3, total_steps=12),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o), lr_scheduler.ExponentialLR(o, 0.9)], [4]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers(make):
    check_compiled(training(make_optimizer=make, calls=8), replays=6)


def test_every_optimizer_is_tested():
    known = {make([gpunet.zeros(1)]).__class__.__name__ for make in OPTIMIZERS.values()}
    assert known >= set(optim.__all__) - {"FlatOptimizer", "LBFGS", "Optimizer", "lr_scheduler"}


def test_every_scheduler_is_tested():
    known = {name.replace("WarmRestarts", "CosineAnnealingWarmRestarts") for name in SCHEDULERS}
    assert known == set(lr_scheduler.__all__) - {"LRScheduler", "ReduceLROnPlateau"}


@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.parametrize("inside", [True, False])
def test_schedulers(make, inside):
    def scenario(compile):
        model = small_mlp()
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = make(optimizer)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            if inside:
                scheduler.step()
            return loss

        for i in range(8):
            yield step(*batch(i)), model, optimizer, scheduler
            if not inside:
                scheduler.step()

    check_compiled(scenario, replays=6)


def test_plateau_with_a_tensor_as_its_metric():
    def scenario(compile):
        model = small_mlp()
        optimizer = optim.SGD(model.parameters(), lr=0.5)
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step(loss)
            return loss

        for i in range(8):
            yield step(*batch(i)), model, optimizer, scheduler

    check_compiled(scenario, replays=6)


def test_groups_with_rates_of_their_own():
    def groups(parameters):
        weights, biases = [], []
        for p in parameters:
            (weights if p.ndim > 1 else biases).append(p)
        return optim.AdamW([{"params": weights}, {"params": biases, "lr": 0.1, "weight_decay": 0}])

    check_compiled(training(make_optimizer=groups))


class Plain(optim.Optimizer):
    """A user's own optimiser: with tensors, under no_grad, and state for each parameter."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @gpunet.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"], state["mean"] = 0, gpunet.zeros_like(p)
                state["step"] += 1
                state["mean"].mul_(0.9).add_(p.grad)
                p.add_(state["mean"], alpha=-group["lr"] / state["step"])


class Halving(lr_scheduler.LRScheduler):
    """A user's own scheduler."""

    def get_lr(self):
        return [base * 0.5**self.last_epoch for base in self.base_lrs]


def test_optimizer_and_scheduler_of_the_users_own():
    def scenario(compile):
        model = small_mlp()
        optimizer = Plain(model.parameters(), 0.1)
        scheduler = Halving(optimizer)

        @compile
        def step(x, y):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            return loss

        for i in range(8):
            yield step(*batch(i)), model, optimizer, optimizer.param_groups[0]["lr"]

    check_compiled(scenario, replays=6)


def test_step_by_hand_under_no_grad():
    def scenario(compile):
        model = small_mlp()

        @compile
        def step(x, y):
            model.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            with gpunet.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
            return loss

        for i in range(6):
            yield step(*batch(i)), model

    check_compiled(scenario)


def test_lbfgs_reads_values_and_is_called_each_time():
    def scenario(compile):
        model = gpunet.nn.Linear(5, 3)
        optimizer = optim.LBFGS(model.parameters(), lr=0.1, max_iter=2)
        x, y = batch(0)

        def closure():
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        @compile
        def step():
            return optimizer.step(closure)

        for _ in range(6):
            yield step(), model

    check_compiled(scenario)
