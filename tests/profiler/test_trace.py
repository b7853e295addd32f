"""The Chrome trace: it parses, and ranges lie inside each other as they did."""

from __future__ import annotations

import json

import gpunet
from gpunet import nn, profiler


def spans(path, row):
    events = json.loads(path.read_text())["traceEvents"]
    rows = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    return [e for e in events if e["ph"] == "X" and rows[e["tid"]].startswith(row)]


def nests(events):
    """Whether any two ranges of a row are apart, or one inside the other."""
    open_until = []
    for e in sorted(events, key=lambda e: (e["ts"], -e["dur"])):
        end = round(1000 * (e["ts"] + e["dur"]))
        while open_until and open_until[-1] <= round(1000 * e["ts"]):
            open_until.pop()
        if open_until and end > open_until[-1]:
            return False
        open_until.append(end)
    return True


def test_the_file(device, tmp_path):
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2)).to(device)
    x = gpunet.randn(4, 5, device=device)
    with profiler.profile(device) as p, profiler.record_function("step"):
        model(x).sum().backward()
    path = tmp_path / "trace.json"
    p.export_chrome_trace(path)
    host = spans(path, "host thread 0")
    assert [e["name"] for e in host] == [e.name for e in p.events()]
    assert nests(host)
    product = next(e for e in host if e["name"] == "gemm")
    assert product["cat"] == "product"
    assert product["args"]["shapes"] == [[4, 5], [5, 6]]
    assert product["args"]["flops"] == 2 * 4 * 5 * 6
    outer = host[0]
    assert outer["name"] == "step"
    assert all(
        outer["ts"] <= e["ts"] and e["ts"] + e["dur"] <= outer["ts"] + outer["dur"] + 1e-3
        for e in host
    )
    gpu = spans(path, "GPU")
    assert len(gpu) == (len(host) if device == "cuda" else 0)
    assert nests(gpu)
