"""ViSNet (l_max = 1) in PyTorch: the training twin of the C# engine.

Source: Wang et al., "Enhancing geometric representations for molecules with equivariant
vector-scalar interactive message passing", Nature Communications 15, 313 (2024).  Three repairs:
the messages s1, s2 are multiplied by the cutoff envelope as well (as published, the bias of their
projection makes energy and force jump where a pair crosses the cutoff); the envelope has two
continuous derivatives there; the norms of the read-out are smooth where a vector vanishes.  The
last two show in energy conservation: total energies of NVE runs wander without them.

Units: angstrom and the energy unit of the model file (kcal/mol for the shipped models).
"""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .edge_ops import (direct_sum, gather, gather_mul, head_mul, rejection_dot, silu, silu_gather_mul, silu_mul,
                       silu_scale, target_sum, vector_sum)
from .graph import Graph, make_graph


@dataclass(frozen=True)
class Architecture:
    """Hyper-parameters of a ViSNet, as stored in the model file's header (cutoff in angstrom)."""

    hidden_channels: int = 64
    num_layers: int = 3
    num_heads: int = 8
    num_rbf: int = 32
    l_max: int = 1
    cutoff: float = 5.0
    envelope_exponent: int = 4  # 0: cosine, as published
    norm_floor: float = 0.01  # as published: none
    vector_norm: float = 0.0  # floor of the norm of vector features; 0: none, as published

    def __post_init__(self) -> None:
        if self.l_max != 1:
            raise ValueError(f"l_max = {self.l_max} is not supported; only l_max = 1 is")
        if self.hidden_channels % self.num_heads or self.hidden_channels % 2:
            raise ValueError(f"hidden_channels = {self.hidden_channels} must be even and a multiple "
                             f"of num_heads = {self.num_heads}")
        if self.num_rbf < 2 or self.num_layers < 1 or not self.cutoff > 0:
            raise ValueError("num_rbf must be at least 2, num_layers at least 1, cutoff positive")
        if (self.envelope_exponent != 0 and not 3 <= self.envelope_exponent <= 20) or not self.norm_floor > 0:
            raise ValueError("envelope_exponent must be 0 or from 3 to 20, norm_floor positive")
        if not 0 <= self.vector_norm < math.inf:
            raise ValueError("vector_norm must be 0 or positive")

    def header(self) -> dict:
        """The header's "architecture" object."""
        return {"type": "visnet", **asdict(self)}

    @staticmethod
    def from_header(header: dict) -> "Architecture":
        """Inverse of :meth:`header`; ValueError for another model type."""
        fields = {"envelope_exponent": 0, "norm_floor": 1e-8} | header  # absent: as published
        if fields.pop("type", None) != "visnet":
            raise ValueError(f"architecture type {header.get('type')!r} is not 'visnet'")
        return Architecture(**fields)


class RadialBasis(nn.Module):
    """Exp-normal basis: C(r) exp(-beta_k (exp(-alpha r) - mu_k)^2), alpha = 5 / rc; not trained."""

    def __init__(self, num_rbf: int, cutoff: float):
        super().__init__()
        start = math.exp(-cutoff)
        self.alpha = 5.0 / cutoff
        self.register_buffer("means", torch.linspace(start, 1.0, num_rbf))
        self.register_buffer("betas", torch.full((num_rbf,), (2.0 / num_rbf * (1.0 - start)) ** -2))

    def forward(self, r: Tensor, envelope: Tensor) -> Tensor:
        """[..., B] from distances [...] and their C(r) [...]."""
        u = torch.exp(-self.alpha * r).unsqueeze(-1) - self.means
        return envelope.unsqueeze(-1) * torch.exp(-self.betas * u * u)


def embed(embedding: nn.Embedding, types: Tensor) -> Tensor:
    """Rows of an embedding, as a product: on a GPU, PyTorch's own waits for the device in its backward pass."""
    known = torch.arange(embedding.num_embeddings, device=types.device)
    return (types.unsqueeze(-1) == known).to(embedding.weight.dtype) @ embedding.weight


class NeighborEmbedding(nn.Module):
    """x_i <- Wc [x_i ; sum_{j != i} embedding[t_j] * (Wd rbf + bd) * C(r_ij)] + bc."""

    def __init__(self, num_elements: int, arch: Architecture):
        super().__init__()
        h = arch.hidden_channels
        self.embedding = nn.Embedding(num_elements, h)
        self.distance_proj = nn.Linear(arch.num_rbf, h)
        self.combine = nn.Linear(2 * h, h)

    def forward(self, x: Tensor, types: Tensor, rbf: Tensor, graph: Graph) -> Tensor:
        weight = self.distance_proj(rbf) * graph.envelope_without_self.unsqueeze(-1)
        n = target_sum(gather_mul(embed(self.embedding, types), weight, graph.edges, by_source=True), graph.edges)
        return self.combine(torch.cat((x, n), -1))


class EdgeEmbedding(nn.Module):
    """f_ij = (x_i + x_j) * (We rbf + be), self edges too."""

    def __init__(self, arch: Architecture):
        super().__init__()
        self.proj = nn.Linear(arch.num_rbf, arch.hidden_channels)

    def forward(self, x: Tensor, rbf: Tensor, graph: Graph) -> Tensor:
        both = gather(x, graph.edges, by_source=True) + gather(x, graph.edges, by_source=False)
        return both * self.proj(rbf)


class Layer(nn.Module):
    """One message passing layer: returns the updates (dx, dv, df), df None where it is zero or unused."""

    def __init__(self, arch: Architecture, last: bool):
        super().__init__()
        h = arch.hidden_channels
        self.heads, self.last = arch.num_heads, last
        self.norm = nn.LayerNorm(h, eps=1e-5)
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(h, h), nn.Linear(h, h), nn.Linear(h, h)
        self.dk_proj, self.dv_proj = nn.Linear(h, h), nn.Linear(h, h)
        self.vec_proj = nn.Linear(h, 3 * h, bias=False)
        self.s_proj, self.o_proj = nn.Linear(h, 2 * h), nn.Linear(h, 3 * h)
        if not last:
            self.f_proj = nn.Linear(h, h)
            self.w_src_proj = nn.Linear(h, h, bias=False)
            self.w_trg_proj = nn.Linear(h, h, bias=False)

    def forward(self, x: Tensor, v: Tensor | None, f: Tensor, graph: Graph):
        """v None stands for v = 0, as in the first layer: terms with it are left out."""
        edges, h = graph.edges, x.shape[1]
        x = self.norm(x)
        q, key, value = self.q_proj(x), self.k_proj(x), self.v_proj(x)

        # m_ij = v_j dv a_ij with the attention a_ij = silu(sum_head q_i k_j dk) C(r), one per head
        qk = gather_mul(q, silu_gather_mul(self.dk_proj(f), key, edges), edges, by_source=False)
        a = silu_scale(qk.view(-1, self.heads, h // self.heads).sum(-1), graph.envelope)
        m = head_mul(silu_gather_mul(self.dv_proj(f), value, edges), a)
        o1, o2, o3 = self.o_proj(target_sum(m, edges)).chunk(3, dim=-1)

        # V_i = sum_j (v_j * s1 + d_ij * s2)
        (w1, w2), (b1, b2) = self.s_proj.weight.split(h), self.s_proj.bias.split(h)
        vectors = direct_sum(graph.direction, silu_scale(F.linear(m, w2, b2), graph.envelope), edges)
        if v is None:
            return o3, vectors, None
        vectors = vectors + vector_sum(silu_scale(F.linear(m, w1, b1), graph.envelope), v, edges)
        v1, v2, v3 = self.vec_proj(v).chunk(3, dim=-1)
        dx = (v1 * v2).sum(1) * o2 + o3
        dvec = v3 * o1.unsqueeze(1) + vectors
        if self.last:
            return dx, dvec, None
        wdot = rejection_dot(self.w_trg_proj(v), self.w_src_proj(v), graph.direction, edges)
        return dx, dvec, silu_mul(self.f_proj(f), wdot)


class GatedBlock(nn.Module):
    """Gated equivariant block (in -> out) of the read-out."""

    def __init__(self, channels: int, out: int, activation: bool, norm_floor: float):
        super().__init__()
        self.out, self.activation, self.norm_floor = out, activation, norm_floor
        self.vec1_proj = nn.Linear(channels, channels, bias=False)
        self.vec2_proj = nn.Linear(channels, out, bias=False)
        self.update = nn.Sequential(nn.Linear(2 * channels, channels), nn.SiLU(),
                                    nn.Linear(channels, 2 * out))

    def forward(self, x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        p = torch.sqrt((self.vec1_proj(v) ** 2).sum(1) + self.norm_floor)
        x, g = self.update(torch.cat((x, p), -1)).split(self.out, dim=-1)
        v = g.unsqueeze(1) * self.vec2_proj(v)
        return (silu(x) if self.activation else x), v


class ViSNet(nn.Module):
    """E = sum_i (energy_scale x_i + ref_element[t_i]) + ref_charge q.

    elements: atomic numbers; an atom's type is its position in that list.  The reference energies
    are buffers, not trained: set them with :meth:`set_reference`.
    """

    def __init__(self, elements: list[int], arch: Architecture, energy_scale: float = 1.0):
        super().__init__()
        self.elements, self.arch, self.energy_scale = list(elements), arch, energy_scale
        h = arch.hidden_channels
        self.embedding = nn.Embedding(len(elements), h)
        self.rbf = RadialBasis(arch.num_rbf, arch.cutoff)
        self.neighbor = NeighborEmbedding(len(elements), arch)
        self.edge = EdgeEmbedding(arch)
        self.layers = nn.ModuleList(Layer(arch, last=i == arch.num_layers - 1)
                                    for i in range(arch.num_layers))
        self.out_norm = nn.LayerNorm(h, eps=1e-5)
        self.readout = nn.ModuleList((GatedBlock(h, h // 2, True, arch.norm_floor),
                                      GatedBlock(h // 2, 1, False, arch.norm_floor)))
        self.register_buffer("ref_element", torch.zeros(len(elements)), persistent=False)
        self.register_buffer("ref_charge", torch.zeros(()), persistent=False)
        # ViSNet's initialisation: Xavier weights, zero biases
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2 and "embedding" not in name:
                nn.init.xavier_uniform_(parameter)

    def set_reference(self, elements: dict[int, float], charge: float) -> None:
        """Reference energies by atomic number and per unit charge."""
        self.ref_element.copy_(torch.tensor([elements[z] for z in self.elements]))
        self.ref_charge.fill_(charge)

    def types_of(self, numbers) -> Tensor:
        """Atom types from atomic numbers; ValueError for an element the model does not know."""
        index = {z: t for t, z in enumerate(self.elements)}
        unknown = sorted({int(z) for z in numbers} - set(index))
        if unknown:
            raise ValueError(f"the model has no element with atomic number {unknown}; it knows {self.elements}")
        return torch.tensor([index[int(z)] for z in numbers])

    def atomwise(self, types: Tensor, graph: Graph) -> Tensor:
        """Scalar outputs x_i [N] (before scale and reference) of a graph's atoms of `types` [N]."""
        rbf = self.rbf(graph.distance, graph.envelope)
        x = self.neighbor(embed(self.embedding, types), types, rbf, graph)
        v = None
        f = self.edge(x, rbf, graph)
        for layer in self.layers:
            dx, dv, df = layer(x, None if v is None else self.norm_vectors(v), f, graph)
            x, v = x + dx, dv if v is None else v + dv
            if df is not None:
                f = f + df
        x, v = self.out_norm(x), self.norm_vectors(v)
        for block in self.readout:
            x, v = block(x, v)
        return x.squeeze(-1)

    def norm_vectors(self, v: Tensor) -> Tensor:
        """v / sqrt(floor + mean over channels of |v|^2), [N, 3, H]: what layers and read-out see of the vector features.
        Without it, products of features amplify each other from layer to layer where the network has seen no data."""
        floor = self.arch.vector_norm
        return v if floor == 0 else v * torch.rsqrt(floor + (v * v).sum(1, keepdim=True).mean(2, keepdim=True))

    def energy(self, types: Tensor, positions: Tensor, charge) -> Tensor:
        """Energies [frames] of one molecule: types [atoms], positions [frames, atoms, 3] (angstrom)."""
        frames, atoms, _ = positions.shape
        graph = make_graph([positions], positions.reshape(-1, 3), self.arch.cutoff, self.arch.envelope_exponent)
        x = self.atomwise(types.repeat(frames), graph).view(frames, atoms)
        return self.energy_scale * x.sum(1) + self.ref_element[types].sum() + self.ref_charge * charge

    def energy_forces(self, types: Tensor, positions: Tensor, charge, training: bool = False):
        """Energies [frames] and forces -dE/dr [frames, atoms, 3]; differentiable if `training`."""
        positions = positions.detach().requires_grad_(True)
        energy = self.energy(types, positions, charge)
        gradient, = torch.autograd.grad(energy.sum(), positions, create_graph=training)
        return energy, -gradient
