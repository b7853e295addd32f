"""CUDA source to a shared library of the host, cached on disk by content."""

import ctypes
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ._standin import words

_HERE = Path(__file__).resolve().parent
_HEADERS = ("_builtins.hpp", "_runtime.hpp", "_launch.hpp")
# zig turns sanitizers on by itself, and wraparound in CUDA code is meant.
# A fiber has 128 KB of stack, so a function with larger local arrays must not compile.
_FLAGS = words(
    "-O1 -shared -fPIC -Wframe-larger-than=98304 -fno-strict-aliasing -fno-math-errno "
    "-fno-sanitize=undefined -ffp-contract=off -fno-exceptions -fno-rtti -fvisibility=hidden"
)
_MACROS = ["-D__CUDACC__", "-D__CUDACC_RTC__", "-D__CUDA_ARCH__=900"]
#: Names that make a thread wait, so that a kernel which reaches one needs fibers.
_WAITS = re.compile(r"\b__(?:syncthreads|syncwarp|shfl|ballot_sync|any_sync|all_sync|activemask)")
#: NVRTC has neither std nor the names of <stdint.h>, which <math.h> brings along on the host. A
#: source may define them itself: the same renaming then applies to definition and use.
HIDE_STD = "".join(
    f"#define {name} gpunet_nvrtc_has_no_{name}\n"
    for name in words(
        """std int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uint ushort ulong
        u_char u_short u_int u_long intptr_t uintptr_t ssize_t"""
    )
)
_SHARED = re.compile(
    r"extern\s+__shared__\s+((?:__align__\s*\(\s*\d+\s*\)\s*)?)([^;\[\]()]+?)\b(\w+)\s*\[\s*\]\s*;"
)
_KERNEL = re.compile(
    r'(extern\s*"C"\s*)?(?:\b(?:static|inline)\s+)*\b__global__\b'
    r"(?:[^;{}()]|__launch_bounds__\s*\((?:[^()]|\([^()]*\))*\))*?\b(?!__launch_bounds__)(\w+)\s*\("
)


class CompileException(Exception):
    """As ``cupy.cuda.compiler.CompileException``: the compiler's messages and the source."""

    def __init__(self, msg, source, name, options, backend="nvrtc"):
        super().__init__(msg)
        self._msg, self.source, self.name = msg, source, name
        self.options, self.backend = options, backend

    def __str__(self):
        return self._msg

    def get_message(self):
        return self._msg

    def dump(self, f):
        for number, line in enumerate(self.source.split("\n"), 1):
            f.write(f"{number:4} {line}\n")
        f.write(self._msg)


@functools.cache
def compiler():
    """The command of a C++ compiler: $CXX, g++, clang++, or the one of the ziglang package."""
    for name in (os.environ.get("CXX"), "g++", "clang++"):
        if name and shutil.which(name.split()[0]):
            return tuple(name.split())
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "c++")
    raise RuntimeError(
        "the CUDA stand-in needs a C++ compiler: install g++ or clang++, or `pip install ziglang`"
    )


@functools.cache
def cache_folder():
    """$GPUNET_CUDA_HOST_CACHE, or a folder in the user's cache directory."""
    chosen = os.environ.get("GPUNET_CUDA_HOST_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for folder in (Path(chosen) if chosen else base / "gpunet" / "cuda_host", None):
        folder = folder or Path(tempfile.gettempdir()) / f"gpunet-cuda-host-{os.getuid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
        except OSError:
            if chosen:
                raise
    raise RuntimeError("no folder to keep compiled kernels in; set GPUNET_CUDA_HOST_CACHE")


@functools.cache
def _version():
    return subprocess.run([*compiler(), "--version"], capture_output=True, text=True).stdout


def _is_gcc():
    return "Free Software Foundation" in _version()


@functools.cache
def _identity():
    """A digest of everything but the source: headers, flags and the compiler."""
    digest = hashlib.sha256(repr((compiler(), _FLAGS, _MACROS)).encode())
    for name in _HEADERS:
        digest.update((_HERE / name).read_bytes())
    digest.update(Path(__file__).read_bytes())
    digest.update(_version().encode())
    return digest.hexdigest()


def split_options(options):
    """The options that mean something to the host's compiler: (macros and folders, standard)."""
    kept, standard = [], "-std=c++17"
    todo = [str(o) for o in options]
    while todo:
        o = todo.pop(0)
        if o in ("-D", "-U", "-I", "--define-macro", "--undefine-macro", "--include-path"):
            o = o + ("" if len(o) == 2 else "=") + (todo.pop(0) if todo else "")
        for long, short in (("--define-macro=", "-D"), ("--undefine-macro=", "-U"),
                            ("--include-path=", "-I")):  # fmt: skip
            if o.startswith(long):
                o = short + o[len(long) :]
        if o[:2] in ("-D", "-U", "-I"):
            kept.append(o)
        elif o.startswith(("-std=", "--std=")):
            # The prelude needs C++17; an older standard is one that NVRTC would also refine up.
            standard = "-std=" + max(o.split("=")[1], "c++17")
    return kept, standard


def _run(command, text, source, name, options):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise CompileException(done.stderr, source, name, tuple(options))
    return done.stdout


def translate(source, options=(), name="kernel.cu"):
    """Preprocess the CUDA source and rewrite what g++ can not be told by macros.

    Returns the C++ text and its ``extern "C"`` kernels with the threads that a block
    of each may have (``__launch_bounds__``). The preprocessor looks in no
    system folder, as NVRTC has no C headers.
    """
    kept, standard = split_options(options)
    command = [*compiler(), "-E", "-x", "c++", "-nostdinc", "-nostdinc++", standard, *_MACROS]
    text = _run([*command, *kept, "-"], f'#line 1 "{name}"\n{source}', source, name, options)
    all_c = re.search(r'extern\s*"C"\s*\{', text) is not None
    kernels = {}
    for match in _KERNEL.finditer(text):
        if match[1] or all_c:
            bound = re.search(r"__launch_bounds__\s*\(\s*(\d+)", match[0])
            kernels[match[2]] = int(bound[1]) if bound else kernels.get(match[2], 1024)
    text = _SHARED.sub(r"\2* \3 = (\2*)gpunet_host::dynamic_shared;", text)
    return text, kernels


def shared_library(cpp, standard="-std=c++17", source="", name="kernel.cu", options=()):
    """Compile C++ text into the cache, unless it is there, and return the path.

    The library is written under a name of this process and renamed, so that processes that
    compile the same source at once do not disturb each other.
    """
    digest = hashlib.sha256((_identity() + standard + cpp).encode()).hexdigest()[:32]
    target = cache_folder() / f"{digest}.so"
    if target.exists():
        return target
    handle, part = tempfile.mkstemp(".so", f"{digest}-", target.parent)
    os.close(handle)
    try:
        # g++ and clang spell "this warning is an error" apart when the warning has a value.
        frame = "-Werror=frame-larger-than" + ("=98304" if _is_gcc() else "")
        command = [*compiler(), *_FLAGS, frame, standard, f"-I{_HERE}", "-x", "c++", "-"]
        _run([*command, "-o", part, "-Wl,-Bsymbolic"], cpp, source or cpp, name, options)
        os.chmod(part, 0o755)
        os.replace(part, target)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return target


_FUNCTION = re.compile(
    r"\b(?!(?:if|for|while|switch|return|sizeof)\b)(\w+)\s*"
    r"\((?:[^;{}()]|\([^;{}()]*\))*\)[\s\w]*\{"
)


def _functions(text):
    """name -> spans of the bodies of the functions of that name, by counting braces."""
    spans = {}
    for match in _FUNCTION.finditer(text):
        depth, at = 1, match.end()
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        spans.setdefault(match[1], []).append((match.end(), at))
    return spans


def waiting_kernels(text, kernels):
    """The kernels that can reach a barrier, a shuffle or a vote, themselves or in what they call.

    A wait in text that belongs to no named function (an operator, say) counts for every kernel.
    """
    spans = _functions(text)
    every = [s for list_ in spans.values() for s in list_]
    for wait in _WAITS.finditer(text):
        if not any(first <= wait.start() < last for first, last in every):
            return set(kernels)
    bodies = {n: " ".join(text[a:b] for a, b in where) for n, where in spans.items()}
    waits = {n for n, body in bodies.items() if _WAITS.search(body)}
    words_of = {n: set(re.findall(r"\w+", body)) for n, body in bodies.items()}
    while more := {n for n, used in words_of.items() if n not in waits and used & waits}:
        waits |= more
    return waits & set(kernels)


_loaded = {}


def load(source, options=(), name="kernel.cu"):
    """(library, kernel names, those that need fibers) of a CUDA source, compiled if need be."""
    key = (source, tuple(options))
    if key not in _loaded:
        text, kernels = translate(source, options, name)
        exports = "".join(f"GPUNET_EXPORT({k})\n" for k in kernels)
        cpp = f'#include "_launch.hpp"\n{HIDE_STD}namespace {{\n{text}\n}}\n{exports}'
        path = shared_library(cpp, split_options(options)[1], source, name, options)
        _loaded[key] = (ctypes.CDLL(str(path)), kernels, waiting_kernels(text, kernels))
    return _loaded[key]
