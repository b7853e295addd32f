"""Break every CUDA kernel on purpose, one small fault at a time, and see that the tests notice.

    python tests/mutate_kernels.py [KERNEL ...] [--sample N] [--jobs N] [--list]

Three kinds of fault: a sign (``+`` for ``-`` and the reverse), an index (one less), a missing
barrier. Each broken source runs on the host stand-in through the cases of ``tests/kernel_cases``,
with the threads of a block in ascending and in descending order; at least one case must fail.
A fault that no case notices is printed, and the exit status is 1.

`HARMLESS` lists the faults that change nothing that can be observed, with the reason.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "cuda_host"), str(HERE)]

import numpy as np
from kernel_cases import all_cases
from kernels.test_forms import compare

from gpunet.kernels import cuda

#: (kernel, line of source stripped, kind) -> why no test can see it.
HARMLESS: dict[tuple[str, str, str], str] = {}

_KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(')
_SIGN = re.compile(r"(?<=[\w)\]] )([+-])(?==? [\w(])")
_INDEX = re.compile(r"(?<=\w)\[([^\[\]]+)\]")


@dataclass(frozen=True)
class Mutant:
    """One fault: the text of the source with it, and where it is."""

    kernel: str
    kind: str
    line: int
    before: str
    after: str
    text: str

    def __str__(self) -> str:
        return f"{self.kernel}:{self.line} {self.kind}: {self.before}  ->  {self.after}"


def bodies(text: str) -> Iterator[tuple[str, int, int]]:
    """Each kernel's name and the start and end of its body in `text`."""
    for match in _KERNEL.finditer(text):
        start = text.index("{", match.end())
        depth, end = 1, start + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield match.group(1), start, end


def mutants(text: str) -> Iterator[Mutant]:
    """Every fault of the three kinds in every kernel of `text`."""
    for kernel, start, end in bodies(text):
        for kind, position, length, replacement in faults(text[start:end]):
            at = start + position
            broken = text[:at] + replacement + text[at + length :]
            line_start = text.rindex("\n", 0, at) + 1
            line = text[line_start : text.index("\n", at)].strip()
            after = broken[line_start : broken.index("\n", at)].strip()
            yield Mutant(kernel, kind, text.count("\n", 0, at) + 1, line, after, broken)


def faults(body: str) -> Iterator[tuple[str, int, int, str]]:
    """Kind, position, length and replacement of each fault."""
    code = re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), body)
    for match in re.finditer(r"__syncthreads\(\);", code):
        yield "barrier", match.start(), len(match.group()), ""
    for line in re.finditer(r"[^\n]+", code):
        if "__shared__" in line.group():
            continue
        for match in _SIGN.finditer(line.group()):
            flipped = "-" if match.group(1) == "+" else "+"
            yield "sign", line.start() + match.start(1), 1, flipped
        for match in _INDEX.finditer(line.group()):
            i = match.group(1)
            replacement = f"[({i}) > 0 ? ({i}) - 1 : 0]"
            yield "index", line.start() + match.start(), len(match.group()), replacement


def survives(source: object, mutant: Mutant) -> bool:
    """Whether every case of every kernel passes with the fault in place.

    In a process of its own, as a broken kernel may crash or never end; both are noticed.
    """
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_pass_all_cases, args=(source, mutant))
    process.start()
    process.join(timeout=60)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def _pass_all_cases(source: object, mutant: Mutant) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # tracebacks are what we hope for
    cases = all_cases()
    source.__dict__["text"] = mutant.text
    for order in ("forward", "reverse"):
        os.environ["GPUNET_CUDA_HOST_ORDER"] = order
        source._functions.clear()
        for name in users_of(source, mutant.kernel):
            for make in cases[name]:
                for dtype in ("float64", "float32"):
                    compare(cuda.KERNELS[name], name, make, dtype, "cuda")


def users_of(source: object, kernel: str) -> list[str]:
    """The kernels (by their names in the table) whose launches use `kernel` of `source`."""
    found = []
    for family in cuda.FAMILIES:
        if getattr(family, "SOURCE", None) is source:
            text = Path(family.__file__).read_text()
            for name in family.__all__:
                body = text[text.index(f"def {name}(") :]
                body = body[: (body.find("\ndef ", 1) + 1) or None]
                if f'"{kernel}"' in body or kernel == name:
                    found.append(name)
            if not found:
                found = [name for name in family.__all__ if name in cuda.KERNELS]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kernels", nargs="*", help="names; all by default")
    parser.add_argument("--sample", type=int, help="at most so many faults of each kernel")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--list", action="store_true", help="list the faults and stop")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    chosen: list[tuple[object, Mutant]] = []
    for family in cuda.FAMILIES:
        by_kernel: dict[str, list[Mutant]] = {}
        for mutant in mutants(family.SOURCE.text):
            by_kernel.setdefault(mutant.kernel, []).append(mutant)
        for kernel, found in by_kernel.items():
            if options.kernels and kernel not in options.kernels:
                continue
            if options.sample is not None and len(found) > options.sample:
                found = random.Random(kernel).sample(found, options.sample)
            chosen += [(family.SOURCE, mutant) for mutant in found]
    if options.list:
        print(*(mutant for _, mutant in chosen), sep="\n")
        return 0
    begin = time.perf_counter()
    survivors = []
    chosen = [(s, m) for s, m in chosen if (m.kernel, m.before, m.kind) not in HARMLESS]
    for source, kernel in {(source, mutant.kernel): None for source, mutant in chosen}:
        if not survives(source, Mutant(kernel, "none", 0, "", "", source.text)):
            print(f"{kernel} fails its cases as it is; nothing can be said of its faults")
            return 1
    with ThreadPoolExecutor(options.jobs) as pool:
        for (_, mutant), survived in zip(chosen, pool.map(lambda pair: survives(*pair), chosen)):
            if survived:
                survivors.append(mutant)
                print(f"not noticed: {mutant}", flush=True)
    kernels = len({mutant.kernel for _, mutant in chosen})
    print(
        f"{len(chosen)} faults in {kernels} kernels, {len(survivors)} not noticed, "
        f"{time.perf_counter() - begin:.0f} s"
    )
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
