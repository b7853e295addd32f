"""The warmest hour of each of the next seven days in Seattle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..datasets import TimeSeries, load_weather
from .forecasting import Forecasting
from .recipe import Settings

__all__ = ["RECIPE"]


class Weather(Forecasting):
    """Windows of four weeks, measurements and time of the year; the last year is held out."""

    name = "weather"
    description = "maximum temperature, 7 days ahead from 28, against naive forecasts"
    settings = Settings(epochs=20, batch_size=32, lr=0.003)
    length = 28
    horizon = 7
    period = 1
    season = held_out = 365
    unit = "degrees Celsius"

    def series(self, folder: Path | None) -> TimeSeries:
        found = load_weather(folder)
        angle = 2 * np.pi / 365.25 * (found.dates - found.dates[0]).astype(np.float64)
        values = dict(zip(found.names, found.values.T))
        columns = {
            "temp_max": values["temp_max"],
            "temp_min": values["temp_min"],
            "precipitation": np.sqrt(values["precipitation"]),
            "wind": values["wind"],
            "sine of the year": np.sin(angle),
            "cosine of the year": np.cos(angle),
        }
        stacked = np.stack(list(columns.values()), 1).astype(np.float32)
        return TimeSeries(found.dates, stacked, tuple(columns))


RECIPE = Weather()
