"""Forecasts of airline and weather: windows, naive forecasts, errors, and what is reached."""

from __future__ import annotations

import numpy as np
import pytest
from opcheck import array_of, on_device
from realdata import real_data

from gpunet.recipes import load_recipe
from gpunet.recipes.forecasting import Forecaster, forecasts
from gpunet.recipes.run import load_module, prepare, start

FOLDERS = {"airline": "airline", "weather": "seattle_weather"}


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_held_out_is_not_known(name):
    recipe = load_recipe(name)
    run = prepare(recipe, data=real_data(FOLDERS[name]))
    target = np.log(recipe.target) if recipe.logarithm else recipe.target
    known = len(target) - recipe.held_out
    assert recipe.normal.mean[0] == pytest.approx(target[:known].mean())
    scaled = recipe.normal.transform(np.tile(target[:, None], recipe.channels))[:, 0]
    X, Y = (array_of(t) for t in run.loader.dataset.tensors)
    np.testing.assert_allclose(X[-1, :, 0], scaled[: known - recipe.horizon][-recipe.length :],
                               rtol=1e-5)  # fmt: skip
    np.testing.assert_allclose(Y[-1], scaled[known - recipe.horizon : known], rtol=1e-5)
    X, Y = (array_of(t) for t in run.held_out.dataset.tensors)
    np.testing.assert_allclose(X[0, :, 0], scaled[known - recipe.length : known], rtol=1e-5)
    assert len(X) == recipe.held_out - recipe.horizon + 1


@pytest.mark.parametrize("name", FOLDERS)
def test_naive_forecasts(name):
    recipe = load_recipe(name)
    run = prepare(recipe, data=real_data(FOLDERS[name]))
    found = forecasts(run)
    target, dates = recipe.target, recipe.dates
    first = len(target) - recipe.held_out
    for n in (0, 5, len(found.truth) - 1):
        for h in (0, recipe.horizon - 1):
            t = first + n + h
            assert found.dates[n, h] == dates[t]
            assert found.truth[n, h] == target[t]
            assert found.last[n, h] == target[first + n - 1]
            assert found.seasonal[n, h] == target[t - recipe.season]
    assert found.dates[-1, -1] == dates[-1]
    # Before its training the model says what it starts from.
    start = found.seasonal if recipe.period == recipe.season else found.last
    np.testing.assert_allclose(found.model, start, rtol=1e-4, atol=1e-4)


def test_the_forecaster(device):
    model = Forecaster(length=5, channels=2, horizon=3, period=2, hidden=4).to(device)
    X = np.arange(10, dtype=np.float32).reshape(1, 5, 2)
    assert array_of(model(on_device(X, device))).tolist() == [[6, 8, 6]]


def test_a_run(device, tmp_path):
    recipe = load_recipe("airline")
    lines = []
    settings = recipe.settings.replace(epochs=3)
    run, held_out = start(
        recipe, settings, device, 1, tmp_path, data=real_data("airline"), report=lines.append
    )
    assert list(held_out) == ["loss"]
    errors = forecasts(run).errors()
    assert errors["model"].mean() < errors["seasonal naive"].mean()
    assert any(line.startswith("seasonal naive    31.04   32.00") for line in lines)
    assert (tmp_path / "forecast.png").read_bytes().startswith(b"\x89PNG")
    X, _ = run.held_out.dataset[:2]
    module = load_module(tmp_path, device)[1]
    np.testing.assert_array_equal(array_of(module(X)), array_of(run.module.eval()(X)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "share"), [("airline", 0.55), ("weather", 0.85)])
def test_what_is_reached(name, share, seed):
    """The error, averaged over the horizon, as a share of the better naive forecast's."""
    run, _ = start(load_recipe(name), device="cpu", seed=seed, data=real_data(FOLDERS[name]))
    errors = {kind: error.mean() for kind, error in forecasts(run).errors().items()}
    assert errors["model"] < share * min(errors["last value"], errors["seasonal naive"])
