"""Passengers of airlines, twelve months ahead."""

from __future__ import annotations

from pathlib import Path

from ..datasets import TimeSeries, load_airline
from .forecasting import Forecasting
from .recipe import Settings

__all__ = ["RECIPE"]


class Airline(Forecasting):
    """Windows of two years; the last three years are held out."""

    name = "airline"
    description = "airline passengers, 12 months ahead from 24, against naive forecasts"
    settings = Settings(epochs=60, batch_size=8, lr=0.003)
    length = 24
    horizon = period = season = 12
    held_out = 36
    logarithm = True
    unit = "thousands of passengers"

    def series(self, folder: Path | None) -> TimeSeries:
        return load_airline(folder)


RECIPE = Airline()
