"""Documents with made-up times, as a machine with a GPU would write them."""

from gpunet.benchmarks.case import Case, Side
from gpunet.benchmarks.run import FORMAT
from gpunet.benchmarks.steps import sides

#: Microseconds of a step, and of each sample in it.
_TIMES = {"cpu": (10, 2), "cuda": (100, 0.1)}

CASE = Case(
    "made-up", "Nothing <real>", [*sides("m:f", "m:g"), Side("scikit-learn", "sklearn", "m:h")],
    grid=[{"kind": kind, "batch": batch} for kind in ("one", "two") for batch in (16, 64, 8192)],
    x="batch", rate="samples/s",
)  # fmt: skip


def made(case=CASE, devices=("cpu", "cuda"), times=_TIMES):
    rows = []
    for options in case.grid:
        found = {}
        for place, side in enumerate(case.sides):
            if side.device not in devices:
                continue
            start, each = times[side.device]
            time = (start + each * options.get("batch", 1)) * (1 + 0.1 * place) / 1e6
            found[side.name] = {
                "peer": side.peer, "device": side.device, "time": time, "details": {},
                "baseline": case.baseline_of(side), "ratio": None, "phases": {},
            }  # fmt: skip
        for side in found.values():
            if side["baseline"] in found:
                side["ratio"] = side["time"] / found[side["baseline"]]["time"]
        missing = {s.name: "no GPU" for s in case.sides if s.device not in devices}
        row = {"options": options, "sides": found, "missing": missing, "failed": {}}
        rows.append(row | ({"amount": case.amount(options)} if case.rate else {}))
    about = {"unit": case.unit, "x": case.x, "once": case.once, "rate": case.rate}
    return document(case.name, case.title, rows, **about)


def roofline(devices=("cpu", "cuda")):
    rows = [
        {
            "device": device, "what": what, "FLOP/byte": intensity, "GFLOP/s": 10 * intensity,
            "GB/s": 10.0, "share of the roof": 0.5, "roof": [1000.0, 20.0],
        }
        for device in devices
        for what, intensity in (("add", 0.1), ("product", 300.0))
    ]  # fmt: skip
    return document("roofline", "Roofs", rows, bars="", roofline=True)


def document(name, title, rows, **about):
    machine = {
        "date": "2026-01-02 03:04", "processor": "Abacus & Sons", "cores": 4, "usable_cores": 4,
        "system": "Linux x86_64", "python": "3.11.0", "threads": {}, "versions": {"numpy": "2.0"},
        "gpu": "a GPU", "commit": "abc1234",
    }  # fmt: skip
    return {
        "format": FORMAT, "case": {"name": name, "title": title, **about}, "machine": machine,
        "settings": {}, "warnings": [], "rows": rows,
    }  # fmt: skip
