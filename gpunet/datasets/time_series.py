"""Time series: passengers of airlines by month, the weather of Seattle by day."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from .download import Report, on_stderr
from .places import Published
from .published import Collection, contents_of
from .text_files import decoded, table

__all__ = ["TimeSeries", "load_airline", "load_weather"]

AIRLINE = Collection(
    "airline",
    ("airline", "Airline"),
    ("https://raw.githubusercontent.com/sktime/sktime/main/sktime/datasets/data/Airline/",),
    (
        Published(
            "Airline.csv",
            1_744,
            "28af0eb869db6d9fbd31d5af03993a0cbf36c0857c3eb046a068c094b60da851",
        ),
    ),
)
WEATHER = Collection(
    "seattle_weather",
    ("seattle_weather",),
    ("https://raw.githubusercontent.com/vega/vega-datasets/main/data/",),
    (
        Published(
            "seattle-weather.csv",
            48_219,
            "0845078a290b48e3149ab8639966824110a251db4e06fc144c06ebb534af23be",
        ),
    ),
)


class TimeSeries(NamedTuple):
    """Values in the order of time, at equal distances.

    Attributes
    ----------
    dates : datetime64 array of shape (T,)
    values : float32 array of shape (T, C)
    names : tuple of str
        Of the C columns.
    """

    dates: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]


def load_airline(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> TimeSeries:
    """Thousands of passengers of international airlines, for the 144 months of 1949 to 1960.

    ``Airline.csv`` is found, downloaded and checked as by `load_shakespeare`; the sub-folder is
    ``airline``. Source: G. Box and G. Jenkins, "Time Series Analysis", 1976, series G.
    """
    return _load(AIRLINE, data, download, report, ("Date", "Passengers"), ("Passengers",))


def load_weather(
    data: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    report: Report = on_stderr,
) -> TimeSeries:
    """The weather of Seattle on the 1,461 days of 2012 to 2015.

    Columns: precipitation (mm), temp_max and temp_min (degrees Celsius), wind (m/s).
    ``seattle-weather.csv`` is found, downloaded and checked as by `load_shakespeare`; the
    sub-folder is ``seattle_weather``. Source: NOAA, by way of vega-datasets (public domain).
    """
    columns = ("date", "precipitation", "temp_max", "temp_min", "wind", "weather")
    return _load(WEATHER, data, download, report, columns, columns[1:-1])


def _load(
    collection: Collection,
    data: str | os.PathLike[str] | None,
    may_download: bool,
    report: Report,
    columns: tuple[str, ...],
    wanted: tuple[str, ...],
) -> TimeSeries:
    ((name, content),) = contents_of(collection, data, may_download, report)
    rows = table(name, decoded(name, content), columns)
    dates = np.array([row[0] for row in rows], "datetime64")
    places = [columns.index(column) for column in wanted]
    values = np.array([[row[i] for i in places] for row in rows], np.float32)
    return TimeSeries(dates, values, wanted)
