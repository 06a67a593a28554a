"""SOAP: Adam in the eigenbasis of a matrix's gradient covariances.

Source: Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam" (arXiv 2409.11321), algorithm 3: the eigenbases are
refreshed every few steps by one step of power iteration and a QR decomposition.
"""
from __future__ import annotations

import torch
from torch import Tensor

BETAS = (0.95, 0.95)  # of the momentum; of second moments and covariances
REFRESH = 10  # steps between eigenbases
TINY = 1e-8


class Soap(torch.optim.Optimizer):
    """SOAP over matrices whose projections are stacked: every block of `block` rows and columns by itself."""

    def __init__(self, parameters, lr: float, block: int):
        super().__init__(parameters, {"lr": lr, "block": block})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """One step from the parameters' gradients, which are left as they are."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
            for p in group["params"]:
                if p.grad is None:
                    continue
                for rows in zip(p.split(group["block"], 0), p.grad.split(group["block"], 0)):
                    for pair in zip(*(part.split(group["block"], 1) for part in rows)):
                        by_shape.setdefault(pair[0].shape, []).append(pair)
            # the state of a shape is kept with the first parameter
            states = self.state[group["params"][0]]
            for shape, pairs in by_shape.items():
                gradient = torch.stack([g for _, g in pairs])
                state = states.setdefault("x".join(map(str, shape)), {})
                for (weight, _), update in zip(pairs, self._updates(gradient, state)):
                    weight.add_(update, alpha=-group["lr"])

    @staticmethod
    def _updates(g: Tensor, state: dict) -> Tensor:
        """Updates [K, M, N] for gradients g [K, M, N]."""
        beta1, beta2 = BETAS
        left, right = g @ g.transpose(1, 2), g.transpose(1, 2) @ g
        if not state:
            state |= {"step": 0, "m": torch.zeros_like(g), "v": torch.zeros_like(g), "left": left, "right": right,
                      "ql": torch.linalg.eigh(left)[1], "qr": torch.linalg.eigh(right)[1]}
        state["step"] += 1
        state["left"].lerp_(left, 1 - beta2)
        state["right"].lerp_(right, 1 - beta2)
        ql, qr = state["ql"], state["qr"]
        state["m"].lerp_(g, 1 - beta1)
        rotated = ql.transpose(1, 2) @ g @ qr
        state["v"].mul_(beta2).addcmul_(rotated, rotated, value=1 - beta2)
        m = ql.transpose(1, 2) @ state["m"] @ qr / (1 - beta1 ** state["step"])
        v = state["v"] / (1 - beta2 ** state["step"])
        update = ql @ (m / (v.sqrt() + TINY)) @ qr.transpose(1, 2)
        if state["step"] % REFRESH == 0:
            state["ql"] = torch.linalg.qr(state["left"] @ ql)[0]
            state["qr"] = torch.linalg.qr(state["right"] @ qr)[0]
        return update
