"""Recipes that forecast a time series from windows of it, and what they are measured against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import nn, optim
from ..autograd import no_grad
from ..backend import backend_of
from ..datasets import TimeSeries
from ..functions.data import from_numpy
from ..optim.lr_scheduler import OneCycleLR
from ..text import Normalizer, windows
from ..train.batches import moved
from ..utils.data import TensorDataset
from .recipe import Recipe, Settings
from .run import Run

__all__ = ["Forecaster", "Forecasting", "Forecasts", "forecasts"]


class Forecaster(nn.Module):
    """``Y[n, h] = X[n, L - period + h % period, 0] + net(X[n] - X[n, L - 1])[h]``.

    What is learned is how the future differs from the latest period; with a period of 1, from the
    last value. That the level of the window is taken off lets it forecast on levels that it has
    never seen.

    Parameters
    ----------
    length, channels, horizon, period : int
        L, C, H and the period: L at most.
    hidden : int
        Units of the hidden layer.
    """

    def __init__(self, length: int, channels: int, horizon: int, period: int, hidden: int):
        super().__init__()
        self.last = [length - period + h % period for h in range(horizon)]
        self.net = nn.Sequential(
            nn.Flatten(),
            nn.Linear(length * channels, hidden),
            nn.Tanh(),
            nn.Linear(hidden, horizon),
        )
        # Training begins with the naive forecast.
        nn.init.zeros_(self.net[3].weight)
        nn.init.zeros_(self.net[3].bias)

    def forward(self, X: Any) -> Any:
        return X[:, self.last, 0] + self.net(X - X[:, -1:])


class Forecasts(NamedTuple):
    """Forecasts from each window of the held-out part, in the units of the data.

    Attributes
    ----------
    dates : datetime64 array of shape (N, H)
    truth, model, last, seasonal : float64 arrays of shape (N, H)
        What came; what the model, the last value and the value of a season ago said.
    """

    dates: np.ndarray
    truth: np.ndarray
    model: np.ndarray
    last: np.ndarray
    seasonal: np.ndarray

    def errors(self) -> dict[str, np.ndarray]:
        """The mean absolute error of each forecast at each horizon, of shape (H,)."""
        named = {"model": self.model, "last value": self.last, "seasonal naive": self.seasonal}
        return {name: np.abs(said - self.truth).mean(0) for name, said in named.items()}


class Forecasting(Recipe):
    """The base class: a series split in time, what comes last is held out.

    Mean and standard deviation are those of the training part, and so is every value that a
    training window sees or has to forecast. Held-out windows may begin in the training part; what
    they have to forecast lies behind it.

    Attributes
    ----------
    length, horizon : int
        Values in a window, and forecast from it.
    period : int
        Of `Forecaster`.
    season : int
        Steps of time after which the seasonal naive forecast repeats itself.
    held_out : int
        Values at the series' end that are not trained on.
    logarithm : bool
        Work on the logarithm: what grows by a share each year then grows by steps.
    unit : str
        Of the values, for the pictures.
    """

    length: int
    horizon: int
    period: int
    season: int
    held_out: int
    hidden = 32
    logarithm = False
    unit = ""
    metrics: Mapping[str, Callable[[Any, Any], Any]] = {}

    def __init__(self) -> None:
        self.normal = Normalizer()
        self.dates = np.zeros(0, "datetime64[D]")
        self.target = np.zeros(0)  # the series that is forecast, in its own units
        self.channels = 1

    def series(self, folder: Path | None) -> TimeSeries:
        """The series; the first column is what is forecast."""
        raise NotImplementedError(f"{type(self).__name__}.series")

    def data(self, folder: Path | None) -> tuple[TensorDataset, TensorDataset]:
        series = self.series(folder)
        self.dates, self.target = series.dates, series.values[:, 0].astype(np.float64)
        values = np.log(series.values) if self.logarithm else series.values
        known = len(values) - self.held_out
        self.normal.fit(values[:known])
        self.channels = values.shape[1]
        scaled = self.normal.transform(values)
        return (
            self._windows(scaled[:known]),
            self._windows(scaled[known - self.length :]),
        )

    def _windows(self, values: np.ndarray) -> TensorDataset:
        X, Y = windows(values, self.length, self.horizon)
        return TensorDataset(
            from_numpy(np.ascontiguousarray(X)), from_numpy(np.ascontiguousarray(Y[..., 0]))
        )

    def model(self) -> nn.Module:
        return Forecaster(self.length, self.channels, self.horizon, self.period, self.hidden)

    def loss(self) -> nn.Module:
        return nn.HuberLoss()

    def optimizer(self, parameters: Iterable[Any], settings: Settings) -> optim.Optimizer:
        return optim.AdamW(parameters, lr=settings.lr, weight_decay=0.01)

    def scheduler(self, optimizer: Any, settings: Settings, batches: int) -> OneCycleLR:
        return OneCycleLR(optimizer, settings.lr, total_steps=settings.epochs * batches)

    def remarks(self, run: Run) -> list[str]:
        errors = forecasts(run).errors()
        lines = [
            f"mean absolute error in {self.unit}, {self.horizon} steps ahead: "
            + ", ".join(f"{name} {error.mean():.2f}" for name, error in errors.items())
        ]
        lines.append("steps ahead    " + "".join([f"{h + 1:8d}" for h in range(self.horizon)]))
        for name, error in errors.items():
            lines.append(f"{name:15s}" + "".join([f"{value:8.2f}" for value in error]))
        return lines

    def finish(self, run: Run, folder: Path) -> list[str]:
        from .forecast_picture import draw_forecasts

        draw_forecasts(forecasts(run), self, folder / "forecast.png")
        return ["forecast.png"]


def forecasts(run: Run) -> Forecasts:
    """What the model of `run` and the naive forecasts say of the held-out part."""
    recipe = run.recipe
    assert isinstance(recipe, Forecasting)
    said = []
    run.module.eval()
    with no_grad():
        for batch in run.held_out:
            X, _ = moved(batch, run.device)
            Y = run.module(X).array
            said.append(backend_of(Y).to_numpy(Y))
    model = recipe.normal.inverse(np.concatenate(said), 0)
    # Where the forecasts of each window begin.
    starts = np.arange(len(model)) + len(recipe.target) - recipe.held_out
    places = starts[:, None] + np.arange(recipe.horizon)
    return Forecasts(
        recipe.dates[places],
        recipe.target[places],
        np.exp(model) if recipe.logarithm else model,
        np.repeat(recipe.target[starts - 1][:, None], recipe.horizon, 1),
        recipe.target[places - recipe.season],
    )
