"""Builds edge_kernels.cpp with g++, for a GPU edge_kernels.cu with nvcc, on first use and calls them through ctypes."""
from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import subprocess
from pathlib import Path

import torch
from torch import Tensor

SOURCE, CUDA_SOURCE = (Path(__file__).with_name(f"edge_kernels.{suffix}") for suffix in ("cpp", "cu"))
FLAGS = ["-O3", "-march=native", "-ffast-math", "-std=c++17", "-fPIC"]
CUDA_FLAGS = ["-O3", "-std=c++17", "--extended-lambda", "-arch=native", "-shared", "-Xcompiler", "-fPIC"]


def _built(source: Path, compiler: str, flags: list[str], chip: str, commands) -> ctypes.CDLL:
    """The library of a source, flags and chip, from the cache or made by `commands(temporary)`."""
    key = hashlib.sha256(source.read_bytes() + " ".join([compiler, chip, *flags]).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pluginbridge-training"
    path = folder / f"edge_kernels-{key}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        for command in commands(temporary):
            subprocess.run([compiler, *command], check=True, capture_output=True, text=True)
        temporary.with_suffix(".o").unlink(missing_ok=True)
        temporary.rename(path)
    return ctypes.CDLL(str(path))


@functools.lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The compiled kernels; OSError or CalledProcessError if there is no working compiler."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")

    def commands(temporary: Path):
        compiled = str(temporary.with_suffix(".o"))
        # linked without -ffast-math: with it, loading the library would flush denormals in the whole process
        return ([*FLAGS, "-c", str(SOURCE), "-o", compiled], ["-shared", compiled, "-o", str(temporary), "-lmvec", "-lm"])
    return _built(SOURCE, os.environ.get("CXX", "g++"), FLAGS, cpu, commands)


@functools.lru_cache(maxsize=1)
def cuda_library() -> ctypes.CDLL:
    """The kernels for this machine's GPU; OSError or CalledProcessError without a working nvcc."""
    chip = torch.cuda.get_device_name()
    return _built(CUDA_SOURCE, os.environ.get("NVCC", "nvcc"), CUDA_FLAGS, chip,
                  lambda temporary: ([*CUDA_FLAGS, str(CUDA_SOURCE), "-o", str(temporary)],))


@functools.lru_cache(maxsize=None)
def _function(name: str, dtype: torch.dtype, cuda: bool):
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"the edge kernels take float32 or float64, not {dtype}")
    function = getattr(cuda_library() if cuda else library(), f"{name}_{'f32' if dtype == torch.float32 else 'f64'}")
    function.restype = None
    return function


def _call(name: str, out: Tensor | tuple[Tensor, ...], sizes: tuple[int, ...], *arrays: Tensor | None):
    outs = out if isinstance(out, tuple) else (out,)
    arrays = [a if a is None else a.contiguous() for a in arrays]  # kept alive until the call returns
    cuda = outs[0].is_cuda
    stream = (ctypes.c_void_p(torch.cuda.current_stream().cuda_stream),) if cuda else ()
    _function(name, outs[0].dtype, cuda)(
        *stream, *map(ctypes.c_int64, sizes),
        *(ctypes.c_void_p(None if a is None else a.data_ptr()) for a in (*arrays, *outs)))
    return out


def gather_mul(x: Tensor, w: Tensor, atom: Tensor) -> Tensor:
    """x[atom[e]] * w[e]."""
    return _call("gather_mul", torch.empty_like(w, memory_format=torch.contiguous_format), w.shape, x, w, atom)


def mul_sum(w: Tensor, y: Tensor, first: Tensor, edge: Tensor | None) -> Tensor:
    """Sum of w * y over each row's edges."""
    rows, h = len(first) - 1, w.shape[1]
    return _call("mul_sum", w.new_empty(rows, h), (rows, h), w, y, first, edge)


def row_sum(y: Tensor, first: Tensor, edge: Tensor | None) -> Tensor:
    """Sum of y over each row's edges."""
    rows, h = len(first) - 1, y.shape[1]
    return _call("row_sum", y.new_empty(rows, h), (rows, h), y, first, edge)


def vector_sum(s: Tensor, v: Tensor, first: Tensor, source: Tensor, edge: Tensor | None) -> Tensor:
    """Sum of s[e] * v[other end] over each row's edges, [rows, 3, H]."""
    rows, h = len(first) - 1, s.shape[1]
    return _call("vector_sum", s.new_empty(rows, 3, h), (rows, h), s, v, first, source, edge)


def vector_dot(v: Tensor, g: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """v[source] . g[target] per channel, [E, H]."""
    size = (len(source), v.shape[2])
    return _call("vector_dot", v.new_empty(size), size, v, g, source, target)


def project(d: Tensor, a: Tensor, atom: Tensor) -> Tensor:
    """d[e] . a[atom[e]] per channel, [E, H]."""
    size = (len(d), a.shape[2])
    return _call("project", a.new_empty(size), size, d, a, atom)


def direct_sum(d: Tensor, y: Tensor, first: Tensor, edge: Tensor | None) -> Tensor:
    """Sum of d[e] y[e] over each row's edges, [rows, 3, H]."""
    rows, h = len(first) - 1, y.shape[1]
    return _call("direct_sum", y.new_empty(rows, 3, h), (rows, h), d, y, first, edge)


def direction_gradient(a: Tensor, y: Tensor, atom: Tensor) -> Tensor:
    """a[atom[e], s] . y[e] over channels, [E, 3]."""
    return _call("direction_gradient", y.new_empty(len(y), 3), y.shape, a, y, atom)


def silu(x: Tensor) -> Tensor:
    """x sigmoid(x)."""
    return _call("silu", torch.empty_like(x, memory_format=torch.contiguous_format), (x.numel(),), x)


def silu_gradient(x: Tensor, g: Tensor) -> Tensor:
    """g silu'(x)."""
    return _call("silu_gradient", torch.empty_like(x, memory_format=torch.contiguous_format), (x.numel(),), x, g)


def silu_second(x: Tensor, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """(h g silu''(x), h silu'(x))."""
    out = tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(2))
    return _call("silu_second", out, (x.numel(),), x, g, h)


def silu_mul(x: Tensor, w: Tensor, atom: Tensor | None) -> Tensor:
    """silu(x[e]) * w[atom[e]], or * w[e] without `atom`."""
    return _call("silu_mul", x.new_empty(x.shape), x.shape, x, w, atom)


def silu_mul_gradient(x: Tensor, w: Tensor, g: Tensor, first: Tensor | None, edge: Tensor | None):
    """(g w silu'(x) [E, H], the sum of g silu(x) over each row's edges)."""
    return _call("silu_mul_gradient", (x.new_empty(x.shape), w.new_empty(w.shape)), w.shape, x, w, g, first, edge)


def silu_mul_second(x: Tensor, w: Tensor, g: Tensor, hx: Tensor, hw: Tensor, first: Tensor | None,
                    edge: Tensor | None):
    """Derivatives of silu_mul_gradient with respect to x, w, g."""
    out = (x.new_empty(x.shape), w.new_empty(w.shape), x.new_empty(x.shape))
    return _call("silu_mul_second", out, w.shape, x, w, g, hx, hw, first, edge)


def silu_scale(x: Tensor, f: Tensor) -> Tensor:
    """silu(x[e]) * f[e], one factor per edge."""
    return _call("silu_scale", x.new_empty(x.shape), x.shape, x, f)


def silu_scale_gradient(x: Tensor, f: Tensor, g: Tensor):
    """(g f silu'(x), g . silu(x))."""
    return _call("silu_scale_gradient", (x.new_empty(x.shape), f.new_empty(f.shape)), x.shape, x, f, g)


def silu_scale_second(x: Tensor, f: Tensor, g: Tensor, hx: Tensor, hf: Tensor):
    """Derivatives of silu_scale_gradient with respect to x, f, g."""
    out = (x.new_empty(x.shape), f.new_empty(f.shape), x.new_empty(x.shape))
    return _call("silu_scale_second", out, x.shape, x, f, g, hx, hf)


def block_mul(x: Tensor, a: Tensor) -> Tensor:
    """x [E, H] with each of the H / A wide blocks times its factor of a [E, A]."""
    return _call("block_mul", x.new_empty(x.shape), (a.numel(), x.shape[1] // a.shape[1]), x, a)


def block_dot(x: Tensor, y: Tensor, blocks: int) -> Tensor:
    """Dot products of the `blocks` blocks of the rows of x and y, [E, blocks]."""
    return _call("block_dot", x.new_empty(x.shape[0], blocks), (x.shape[0] * blocks, x.shape[1] // blocks), x, y)
