"""Muon for the hidden matrices, AdamW for everything else.

Source: Jordan, "Muon: an optimizer for hidden layers in neural networks" (2024): the momentum of a matrix is replaced
by (nearly) the nearest matrix with orthonormal rows or columns, through a Newton-Schulz iteration; scaled by
0.2 sqrt(largest dimension), as in Liu et al., "Muon is scalable for LLM training" (arXiv 2502.16982), an element moves as
far as AdamW would move it, so that both kinds of parameters share one learning rate. As there, weights may decay by
lr * decay of themselves in a step.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Newton-Schulz, in odd powers: all but tiny singular values end up near 0.9
ITERATIONS = 5


def orthonormal(matrices: Tensor) -> Tensor:
    """[K, M, N], each nearly the closest matrix with orthonormal rows (M <= N) or columns."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-12)
    for _ in range(ITERATIONS):
        s = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(s, s, s, beta=b, alpha=c), x, beta=a)  # a x + (b s + c s s) x
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.Optimizer):
    """Muon over matrices, every block of `block` rows and columns by itself: larger ones are stacked projections."""

    def __init__(self, parameters, lr: float, block: int, momentum: float = 0.95, decay: float = 0.0):
        super().__init__(parameters, {"lr": lr, "block": block, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """One step from the parameters' gradients, which are left as they are."""
        for group in self.param_groups:
            parameters, momentum = [p for p in group["params"] if p.grad is not None], group["momentum"]
            for p in parameters:
                self.state[p] = self.state[p] or {"momentum": torch.zeros_like(p)}
            buffers = [self.state[p]["momentum"] for p in parameters]
            gradients = [p.grad for p in parameters]
            torch._foreach_mul_(buffers, momentum)
            torch._foreach_add_(buffers, gradients, alpha=1 - momentum)
            updates = torch._foreach_mul(buffers, momentum)  # Nesterov's look ahead
            torch._foreach_add_(updates, gradients, alpha=1 - momentum)
            if group["decay"]:
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["decay"])
            by_shape: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = {}
            for p, update in zip(parameters, updates):
                parts = blocks_of(update, group["block"])
                by_shape.setdefault(parts.shape[1:], []).append((p, parts))
            for shape, found in by_shape.items():
                new = orthonormal(torch.cat([parts for _, parts in found])).mul_(-group["lr"] * 0.2 * max(shape) ** 0.5)
                for (p, _), parts in zip(found, new.split([len(parts) for _, parts in found])):
                    p.add_(whole_of(parts, p.shape))


def blocks_of(matrix: Tensor, size: int) -> Tensor:
    """[K, M, N]: a matrix cut into blocks of at most `size` rows and columns; uncut along a side that is no multiple."""
    m, n = (size if length % size == 0 else length for length in matrix.shape)
    return matrix.view(matrix.shape[0] // m, m, -1, n).transpose(1, 2).reshape(-1, m, n)


def whole_of(blocks: Tensor, shape: torch.Size) -> Tensor:
    """The matrix of `shape` that was cut into `blocks`."""
    m, n = blocks.shape[1:]
    return blocks.view(shape[0] // m, shape[1] // n, m, n).transpose(1, 2).reshape(shape)


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """(hidden matrices, the others). The maps from radial functions count as inputs and so belong to the others."""
    hidden, others = [], []
    for name, p in model.named_parameters():
        inputs = any(part in name for part in ("embedding", "distance_proj", "edge.proj"))
        matrix = p.dim() == 2 and min(p.shape) >= 16 and not inputs
        (hidden if matrix else others).append(p)
    return hidden, others


def make_optimizers(model, kind: str, lr: float, others_rate: float = 1.0, decay: float = 0.0) -> list[torch.optim.Optimizer]:
    """"adamw" for all, or "muon" with AdamW for what is no hidden matrix; groups have their rate over `lr` as "scale"."""
    def adamw(parameters, scale: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW([{"params": parameters, "scale": scale}], lr=lr * scale, weight_decay=1e-4,
                                 betas=(0.9, 0.99), foreach=True)
    if kind == "adamw":
        return [adamw(list(model.parameters()), 1.0)]
    hidden, others = split_parameters(model)
    return [adamw(others, others_rate),
            Muon([{"params": hidden, "scale": 1.0}], lr, model.arch.hidden_channels, decay=decay)]
