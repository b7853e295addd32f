"""Write cupy_api.json: the public names and parameters of a real CuPy.

Needs an interpreter that can import CuPy (no GPU is used)::

    python -m venv /tmp/v && /tmp/v/bin/pip install --no-deps cupy-cuda12x && /tmp/v/bin/pip \
        install numpy cuda-pathfinder
    /tmp/v/bin/python tests/cuda_host/make_cupy_api.py

Each name maps to its parameter list, or to null where CuPy does not reveal one (constants, dtypes,
compiled functions without a signature line). The parameters of compiled functions come from the
first line of their docstring, which Cython writes.
"""

import inspect
import json
import re
from pathlib import Path

import cupy
import cupyx
import cupyx.scipy.special

MODULES = {
    "cupy": cupy,
    "cupy.cuda": cupy.cuda,
    "cupy.cuda.nvtx": cupy.cuda.nvtx,
    "cupy.cuda.runtime": cupy.cuda.runtime,
    "cupy.linalg": cupy.linalg,
    "cupy.random": cupy.random,
    "cupyx": cupyx,
    "cupyx.scipy.special": cupyx.scipy.special,
    "cupy.ndarray": cupy.ndarray,
    "cupy.ufunc": cupy.ufunc,
    "cupy.RawModule": cupy.RawModule,
    "cupy.RawKernel": cupy.RawKernel,
    "cupy.ElementwiseKernel": cupy.ElementwiseKernel,
    "cupy.ReductionKernel": cupy.ReductionKernel,
    "cupy.cuda.Device": cupy.cuda.Device,
    "cupy.cuda.Stream": cupy.cuda.Stream,
    "cupy.cuda.Event": cupy.cuda.Event,
    "cupy.cuda.MemoryPool": cupy.cuda.MemoryPool,
    "cupy.cuda.PinnedMemoryPool": cupy.cuda.PinnedMemoryPool,
}
HEAD = re.compile(r"^(?:[\w.]+)\((.*)\)(?:\s*->.*)?$")


def from_docstring(obj):
    """The names in a first docstring line such as ``x.sum(self, int axis=None, out=None) -> y``."""
    lines = (getattr(obj, "__doc__", None) or "").strip().split("\n")
    match = HEAD.match(lines[0].strip())
    if not match:
        return None
    names = []
    for part in re.split(r",(?![^(\[]*[)\]])", match.group(1)):
        part = part.split("=")[0].replace("\\", "").split(":")[0].strip()
        name = part.split(" ")[-1] if part else ""
        if name and name not in ("self", "/", "*"):
            names.append(name)
    return names


def parameters(obj):
    """Parameter names, ``*args``/``**kwargs`` with their stars; None where they are unknown."""
    if isinstance(obj, type):
        return from_docstring(obj)
    if not callable(obj):
        return None
    try:
        signature = inspect.signature(obj)
    except (ValueError, TypeError):
        return from_docstring(obj)
    names = []
    for p in signature.parameters.values():
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        if p.name != "self":
            names.append(star + p.name)
    if names == ["*args", "**kwargs"]:
        return from_docstring(obj) or names
    return names


def main():
    api = {"version": cupy.__version__, "ufuncs": [], "names": {}}
    for label, holder in MODULES.items():
        public = {}
        for name in sorted(dir(holder)):
            special = isinstance(holder, type) and name.startswith("__")
            if name.startswith("_") and not special:
                continue
            try:
                value = getattr(holder, name)
            except Exception:  # attributes that ask the driver
                value = None
            if inspect.ismodule(value) and name in ("annotations",):
                continue
            public[name] = None if special else parameters(value)
            if label == "cupy" and isinstance(value, cupy.ufunc):
                api["ufuncs"].append(name)
        api["names"][label] = public
    target = Path(__file__).with_name("cupy_api.json")
    target.write_text(
        json.dumps(api, indent=None, separators=(",", ":"))
        .replace("]},", "]},\n")
        .replace('},"', '},\n"')
        + "\n"
    )


if __name__ == "__main__":
    main()
