"""Differentiable sums and products over edges, twice differentiable for training on forces.

Two backends of the same functions: plain PyTorch (any dtype; the definition), and fused C++ kernels
(edge_kernels.cpp, built on first use with g++; edge_kernels.cu with nvcc), several times faster.  The fused
functions are multilinear, so the backward pass of each is made of the others.
"""
from __future__ import annotations

import subprocess
import sys

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from . import edge_kernels
from .graph import Edges

use_kernels = False  # set by enable_kernels()


def enable_kernels(on: bool = True, cuda: bool = False) -> bool:
    """Use the C++ (or CUDA) kernels if they can be built; returns whether they are in use."""
    global use_kernels
    use_kernels = False
    if on:
        try:
            (edge_kernels.cuda_library if cuda else edge_kernels.library)()
            use_kernels = True
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"edge kernels not available, using plain PyTorch: {error}", file=sys.stderr)
    return use_kernels


def _atom(edges: Edges, by_source: bool) -> Tensor:
    return edges.source if by_source else edges.target


def _order(edges: Edges, by_source: bool) -> Tensor | None:
    return edges.reverse if by_source else None


class _GatherMul(Function):
    @staticmethod
    def forward(ctx, x, w, edges, by_source):
        ctx.save_for_backward(x, w)
        ctx.where = edges, by_source
        return edge_kernels.gather_mul(x, w, _atom(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        need = ctx.needs_input_grad
        return (_MulSum.apply(w, g, *ctx.where) if need[0] else None,
                _GatherMul.apply(x, g, *ctx.where) if need[1] else None, None, None)


class _MulSum(Function):
    @staticmethod
    def forward(ctx, w, y, edges, by_source):
        ctx.save_for_backward(w, y)
        ctx.where = edges, by_source
        return edge_kernels.mul_sum(w, y, edges.first, _order(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        w, y = ctx.saved_tensors
        need = ctx.needs_input_grad
        return (_GatherMul.apply(g, y, *ctx.where) if need[0] else None,
                _GatherMul.apply(g, w, *ctx.where) if need[1] else None, None, None)


class _RowSum(Function):
    @staticmethod
    def forward(ctx, y, edges, by_source):
        ctx.where = edges, by_source
        return edge_kernels.row_sum(y, edges.first, _order(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        return _Gather.apply(g, *ctx.where), None, None


class _Gather(Function):
    @staticmethod
    def forward(ctx, x, edges, by_source):
        ctx.where = edges, by_source
        return x.index_select(0, _atom(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        return _RowSum.apply(g, *ctx.where), None, None


class _VectorSum(Function):
    """sum of s[e] v[other end]; by_source False: target rows collect their sources' vectors."""

    @staticmethod
    def forward(ctx, s, v, edges, by_source):
        ctx.save_for_backward(s, v)
        ctx.where = edges, by_source
        return edge_kernels.vector_sum(s, v, edges.first, edges.source, _order(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        s, v = ctx.saved_tensors
        edges, by_source = ctx.where
        need = ctx.needs_input_grad
        at_source, at_target = (g, v) if by_source else (v, g)
        return (_VectorDot.apply(at_source, at_target, edges) if need[0] else None,
                _VectorSum.apply(s, g, edges, not by_source) if need[1] else None, None, None)


class _VectorDot(Function):
    @staticmethod
    def forward(ctx, at_source, at_target, edges):
        ctx.save_for_backward(at_source, at_target)
        ctx.edges = edges
        return edge_kernels.vector_dot(at_source, at_target, edges.source, edges.target)

    @staticmethod
    def backward(ctx, g):
        at_source, at_target = ctx.saved_tensors
        need = ctx.needs_input_grad
        return (_VectorSum.apply(g, at_target, ctx.edges, True) if need[0] else None,
                _VectorSum.apply(g, at_source, ctx.edges, False) if need[1] else None, None)


class _Project(Function):
    @staticmethod
    def forward(ctx, d, a, edges, by_source):
        ctx.save_for_backward(d, a)
        ctx.where = edges, by_source
        return edge_kernels.project(d, a, _atom(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        d, a = ctx.saved_tensors
        need = ctx.needs_input_grad
        return (_DirectionGradient.apply(a, g, *ctx.where) if need[0] else None,
                _DirectSum.apply(d, g, *ctx.where) if need[1] else None, None, None)


class _DirectSum(Function):
    @staticmethod
    def forward(ctx, d, y, edges, by_source):
        ctx.save_for_backward(d, y)
        ctx.where = edges, by_source
        return edge_kernels.direct_sum(d, y, edges.first, _order(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        d, y = ctx.saved_tensors
        need = ctx.needs_input_grad
        return (_DirectionGradient.apply(g, y, *ctx.where) if need[0] else None,
                _Project.apply(d, g, *ctx.where) if need[1] else None, None, None)


class _DirectionGradient(Function):
    @staticmethod
    def forward(ctx, a, y, edges, by_source):
        ctx.save_for_backward(a, y)
        ctx.where = edges, by_source
        return edge_kernels.direction_gradient(a, y, _atom(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        a, y = ctx.saved_tensors
        need = ctx.needs_input_grad
        return (_DirectSum.apply(g, y, *ctx.where) if need[0] else None,
                _Project.apply(g, a, *ctx.where) if need[1] else None, None, None)


class _Silu(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return edge_kernels.silu(x)

    @staticmethod
    def backward(ctx, g):
        return _SiluGradient.apply(*ctx.saved_tensors, g)


class _SiluGradient(Function):
    @staticmethod
    def forward(ctx, x, g):
        ctx.save_for_backward(x, g)
        return edge_kernels.silu_gradient(x, g)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, h):
        return edge_kernels.silu_second(*ctx.saved_tensors, h)


class _SiluMul(Function):
    """silu(x[e]) * w[atom(e)]; edges None: w[e]."""

    @staticmethod
    def forward(ctx, x, w, edges, by_source):
        ctx.save_for_backward(x, w)
        ctx.where = edges, by_source
        return edge_kernels.silu_mul(x, w, None if edges is None else _atom(edges, by_source))

    @staticmethod
    def backward(ctx, g):
        return *_SiluMulGradient.apply(*ctx.saved_tensors, g, *ctx.where), None, None


class _SiluMulGradient(Function):
    @staticmethod
    def forward(ctx, x, w, g, edges, by_source):
        ctx.save_for_backward(x, w, g)
        ctx.rows = (None, None) if edges is None else (edges.first, _order(edges, by_source))
        return edge_kernels.silu_mul_gradient(x, w, g, *ctx.rows)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, hx, hw):
        return *edge_kernels.silu_mul_second(*ctx.saved_tensors, hx, hw, *ctx.rows), None, None


class _SiluScale(Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x, factor)
        return edge_kernels.silu_scale(x, factor)

    @staticmethod
    def backward(ctx, g):
        return _SiluScaleGradient.apply(*ctx.saved_tensors, g)


class _SiluScaleGradient(Function):
    @staticmethod
    def forward(ctx, x, factor, g):
        ctx.save_for_backward(x, factor, g)
        return edge_kernels.silu_scale_gradient(x, factor, g)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, hx, hf):
        return edge_kernels.silu_scale_second(*ctx.saved_tensors, hx, hf)


class _BlockMul(Function):
    @staticmethod
    def forward(ctx, x, a):
        ctx.save_for_backward(x, a)
        return edge_kernels.block_mul(x, a)

    @staticmethod
    def backward(ctx, g):
        x, a = ctx.saved_tensors
        return _BlockMul.apply(g, a), _BlockDot.apply(g, x, a.shape[1])


class _BlockDot(Function):
    @staticmethod
    def forward(ctx, x, y, blocks):
        ctx.save_for_backward(x, y)
        return edge_kernels.block_dot(x, y, blocks)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return _BlockMul.apply(y, g), _BlockMul.apply(x, g), None


def gather(x: Tensor, edges: Edges, by_source: bool) -> Tensor:
    """x of each edge's source (or target) atom, [E, H] from [rows, H]."""
    if use_kernels:
        return _Gather.apply(x, edges, by_source)
    return x.index_select(0, _atom(edges, by_source))


def gather_mul(x: Tensor, w: Tensor, edges: Edges, by_source: bool) -> Tensor:
    """x[atom(e)] * w[e], [E, H]."""
    if use_kernels:
        return _GatherMul.apply(x, w, edges, by_source)
    return x.index_select(0, _atom(edges, by_source)) * w


def target_sum(y: Tensor, edges: Edges) -> Tensor:
    """Sum of y [E, H] over the edges of each target, [rows, H]."""
    if use_kernels:
        return _RowSum.apply(y, edges, False)
    return y.new_zeros(len(edges.first) - 1, y.shape[1]).index_add(0, edges.target, y)


def vector_sum(s: Tensor, v: Tensor, edges: Edges) -> Tensor:
    """sum_j s_ij * v_j, [rows, 3, H] from s [E, H] and v [rows, 3, H]."""
    if use_kernels:
        return _VectorSum.apply(s, v, edges, False)
    return torch.zeros_like(v).index_add(0, edges.target, v.index_select(0, edges.source) * s.unsqueeze(1))


def direct_sum(d: Tensor, y: Tensor, edges: Edges) -> Tensor:
    """sum_j d_ij * y_ij, [rows, 3, H] from directions [E, 3] and y [E, H]."""
    if use_kernels:
        return _DirectSum.apply(d, y, edges, False)
    out = y.new_zeros(len(edges.first) - 1, 3, y.shape[1])
    return out.index_add(0, edges.target, d.unsqueeze(-1) * y.unsqueeze(1))


def rejection_dot(a: Tensor, b: Tensor, d: Tensor, edges: Edges) -> Tensor:
    """rej(a_i, d_ij) . rej(b_j, -d_ij) per channel, [E, H]; as |d| is 1 (or 0), a.b - (a.d)(b.d)."""
    if use_kernels:
        along = _Project.apply(d, a, edges, False) * _Project.apply(d, b, edges, True)
        return _VectorDot.apply(b, a, edges) - along
    a, b, d = a.index_select(0, edges.target), b.index_select(0, edges.source), d.unsqueeze(-1)
    return (a * b).sum(1) - (a * d).sum(1) * (b * d).sum(1)


def silu(x: Tensor) -> Tensor:
    """x / (1 + exp(-x))."""
    return _Silu.apply(x) if use_kernels else F.silu(x)


def silu_mul(x: Tensor, w: Tensor) -> Tensor:
    """silu(x) * w, both [E, H]."""
    return _SiluMul.apply(x, w, None, False) if use_kernels else F.silu(x) * w


def silu_gather_mul(x: Tensor, w: Tensor, edges: Edges) -> Tensor:
    """silu(x_ij) * w_j, [E, H] from x [E, H] and w [rows, H]."""
    return _SiluMul.apply(x, w, edges, True) if use_kernels else F.silu(x) * w.index_select(0, edges.source)


def silu_scale(x: Tensor, factor: Tensor) -> Tensor:
    """silu(x_ij) * factor_ij, [E, K] from x [E, K] and factor [E]."""
    return _SiluScale.apply(x, factor) if use_kernels else F.silu(x) * factor.unsqueeze(-1)


def head_mul(x: Tensor, a: Tensor) -> Tensor:
    """x [E, H] with every head's channels times the head's factor of a [E, heads]."""
    if use_kernels:
        return _BlockMul.apply(x, a)
    return (x.view(len(x), a.shape[1], -1) * a.unsqueeze(-1)).view(x.shape)
