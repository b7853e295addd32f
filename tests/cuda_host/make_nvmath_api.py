"""Write nvmath_api.json: functions, enums and attribute sizes of a real nvmath-python.

Needs an interpreter that can import nvmath (no GPU is used); ``-P`` keeps the stand-in beside this
file off its path::

    python -m venv /tmp/v && /tmp/v/bin/pip install nvmath-python
    /tmp/v/bin/python -P tests/cuda_host/make_nvmath_api.py

Parameters come from the first line of the docstrings, which Cython writes.
"""

import json
import re
from pathlib import Path

import nvmath
from nvmath.bindings import cublas
from nvmath.bindings import cublasLt as lt

SETTERS = {
    "MatmulDescAttribute": lt.get_matmul_desc_attribute_dtype,
    "MatmulPreferenceAttribute": lt.get_matmul_preference_attribute_dtype,
    "MatrixLayoutAttribute": lt.get_matrix_layout_attribute_dtype,
}
ENUMS = ("Epilogue", "Order", *SETTERS)
HEAD = re.compile(r"^\w+\((.*?)\)(?: -> (\w+))?$")


def parameters(function):
    """Pairs of C type and name."""
    inside = HEAD.match(function.__doc__.strip().split("\n")[0]).group(1)
    return [part.rsplit(" ", 1) for part in inside.split(", ")] if inside else []


def sizes(enum, dtype_of):
    """Bytes of each attribute that is still there."""
    found = {}
    for attribute in enum:
        try:
            found[attribute.name] = dtype_of(attribute)().dtype.name
        except ValueError:
            continue
    return found


def main():
    names = [n for n in dir(lt) if n.islower() and callable(getattr(lt, n)) and n[0] != "_"]
    fields = lt.matmul_heuristic_result_dtype.fields
    api = {
        "version": nvmath.__version__,
        "functions": {n: parameters(getattr(lt, n)) for n in names},
        "enums": {
            **{name: {a.name: int(a) for a in getattr(lt, name)} for name in ENUMS},
            "ComputeType": {a.name: int(a) for a in cublas.ComputeType},
            "Operation": {a.name: int(a) for a in cublas.Operation},
        },
        "attributes": {n: sizes(getattr(lt, n), dtype_of) for n, dtype_of in SETTERS.items()},
        "heuristic_result": {
            "itemsize": lt.matmul_heuristic_result_dtype.itemsize,
            "offsets": {name: field[1] for name, field in fields.items()},
        },
    }
    Path(__file__).with_name("nvmath_api.json").write_text(
        json.dumps(api, separators=(",", ":")).replace('},"', '},\n"') + "\n"
    )


if __name__ == "__main__":
    main()
