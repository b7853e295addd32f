"""Break every CUDA kernel on purpose, one small fault at a time, and see that the tests notice.

    python tests/mutate_kernels.py [KERNEL ...] [--sample N] [--jobs N] [--list]

Three kinds of fault: a sign (``+`` for ``-`` and the reverse), an index (one less), a missing
barrier; in kernels, in the ``__device__`` functions of a source and in its macros. Those of the
headers are tried with the first source that uses them. Each broken source runs on the host
stand-in through the cases of ``tests/kernel_cases``, with the threads of a block in ascending and
in descending order; at least one case must fail. A fault that no case notices is printed, and the
exit status is 1.

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
from cupy.cuda.compiler import CompileException
from kernel_cases import all_cases
from kernels.test_forms import compare

from gpunet.kernels import cuda

#: (kernel, line of source stripped, kind) -> why no test can see it.
HARMLESS: dict[tuple[str, str, str], str] = {}

_KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(')
_HELPER = re.compile(r"__device__ (?:[\w*&]+ )+\*?(\w+)\(|#define (\w+)\(")
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
    """The name of each kernel, device function and macro, and where its body starts and ends."""
    for match in (*_KERNEL.finditer(text), *_HELPER.finditer(text)):
        name = match.group(1) or match.group(2)
        if text.startswith("#define", match.start()):
            end = re.compile(r"[^\\]\n").search(text, match.end()).start()
            yield name, text.index(")", match.end()), end
            continue
        start = text.index("{", match.end())
        depth, end = 1, start + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield name, start, end


def mutants(text: str) -> Iterator[Mutant]:
    """Every fault of the three kinds in every body of `text`."""
    for kernel, start, end in bodies(text):
        for kind, position, length, replacement in faults(text[start:end]):
            at = start + position
            broken = text[:at] + replacement + text[at + length :]
            line_start = text.rindex("\n", 0, at) + 1
            line = text[line_start : text.index("\n", at)].strip()
            after = broken[line_start : broken.index("\n", at)].strip()
            file_start = text.rindex("#line 1 ", 0, at)
            yield Mutant(kernel, kind, text.count("\n", file_start, at), line, after, broken)


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


#: What became of a fault.
PASSED, UNCOMPILED, NOTICED = "not noticed", "does not compile", "noticed"
_EXIT_UNCOMPILED = 77


def fate(source: object, mutant: Mutant) -> str:
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
    return {0: PASSED, _EXIT_UNCOMPILED: UNCOMPILED}.get(process.exitcode, NOTICED)


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
                    try:
                        compare(cuda.KERNELS[name], name, make, dtype, "cuda")
                    except CompileException:
                        os._exit(_EXIT_UNCOMPILED)


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
    parser.add_argument("--sample", type=int, help="at most so many faults of each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--list", action="store_true", help="list the faults and stop")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    chosen: list[tuple[object, Mutant]] = []
    seen: set[str] = set()
    for family in cuda.FAMILIES:
        by_name: dict[str, list[Mutant]] = {}
        source = family.SOURCE
        own = source.text[source.text.index(f'#line 1 "{source.filename}"') :]
        for mutant in mutants(source.text):
            # A helper of a header that this source does not use, or that another one has tried.
            if mutant.kernel not in seen and re.search(rf"\b{mutant.kernel}\b", own):
                by_name.setdefault(mutant.kernel, []).append(mutant)
        seen.update(by_name)
        for name, found in by_name.items():
            if options.kernels and name not in options.kernels:
                continue
            if options.sample is not None and len(found) > options.sample:
                found = random.Random(name).sample(found, options.sample)
            chosen += [(source, mutant) for mutant in found]
    if options.list:
        print(*(mutant for _, mutant in chosen), sep="\n")
        return 0
    begin = time.perf_counter()
    escaped = 0
    chosen = [(s, m) for s, m in chosen if (m.kernel, m.before, m.kind) not in HARMLESS]
    for source, name in {(source, mutant.kernel): None for source, mutant in chosen}:
        if fate(source, Mutant(name, "none", 0, "", "", source.text)) != PASSED:
            print(f"{name} fails its cases as it is; nothing can be said of its faults")
            return 1
    with ThreadPoolExecutor(options.jobs) as pool:
        for (_, mutant), what in zip(chosen, pool.map(lambda pair: fate(*pair), chosen)):
            if what != NOTICED:
                escaped += what == PASSED
                print(f"{what}: {mutant}", flush=True)
    names = len({mutant.kernel for _, mutant in chosen})
    print(
        f"{len(chosen)} faults in {names} kernels and helpers, {escaped} not noticed, "
        f"{time.perf_counter() - begin:.0f} s"
    )
    return 1 if escaped or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
