"""Write small random-weight models with reference energies and forces for the engine's tests.

    PYTHONPATH=training /usr/bin/python3 training/make_parity_fixtures.py [tests/fixtures/visnet]

Each <name>.safetensors has a <name>.json beside it: {"model", "units", "cases": [{"name", "numbers",
"charge", "positions" [N][3], "energy", "forces" [N][3]}]}, in the model's own units (angstrom and the
header's energy unit).  The references are float64 with the float32-rounded weights of the file.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from pbtrain.modelfile import load_model, save_model
from pbtrain.visnet import Architecture, ViSNet

ELEMENTS = [1, 6, 7, 8, 16]
MODELS = {
    "tiny": (Architecture(16, 2, 4, 8, envelope_exponent=0, norm_floor=1e-8), "kcal/mol", "E_QM - E_MM", 1.0),
    "small": (Architecture(32, 3, 8, 16, cutoff=4.5, envelope_exponent=0, norm_floor=1e-8), "eV", "E_QM", 0.7),
    "odd": (Architecture(24, 1, 3, 5, cutoff=3.0, envelope_exponent=6, norm_floor=0.3), "hartree", "E_QM", 1.3),
    "nonbonded": (Architecture(16, 3, 4, 8, vector_norm=0.5), "kcal/mol", "E_QM - E_nb", 1.0),
}


def cluster(generator: torch.Generator, atoms: int, spacing: float = 1.1) -> torch.Tensor:
    """Random points of about a molecule's density with no pair closer than 0.8 angstrom, [atoms, 3]."""
    size = spacing * 1.6 * atoms ** (1 / 3)
    points: list[torch.Tensor] = []
    while len(points) < atoms:
        point = torch.rand(3, generator=generator, dtype=torch.float64) * size
        if all((point - p).norm() > 0.8 for p in points):
            points.append(point)
    return torch.stack(points)


def molecules(generator: torch.Generator, cutoff: float) -> dict[str, tuple[list[int], int, torch.Tensor]]:
    """Test molecules: name -> (atomic numbers, charge, positions)."""
    def numbers(n: int) -> list[int]:
        return [ELEMENTS[int(k)] for k in torch.randint(len(ELEMENTS), (n,), generator=generator)]

    def pair(r: float) -> torch.Tensor:
        return torch.tensor([[0.1, 0.2, 0.3], [0.1 + r * 0.6, 0.2 + r * 0.8, 0.3]], dtype=torch.float64)

    apart = cluster(generator, 12)
    apart[6:] += 3 * cutoff
    water = torch.tensor([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]], dtype=torch.float64)
    return {
        "atom": ([8], -1, torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64)),
        "pair": ([6, 16], 0, pair(1.8)),
        "pair inside the cutoff": ([7, 1], 0, pair(cutoff - 1e-3)),
        "pair outside the cutoff": ([7, 1], 0, pair(cutoff + 1e-3)),
        "planar": ([8, 1, 1], 0, water),
        "collinear": ([6, 8, 8], 0, torch.tensor([[0, 0, 0], [1.2, 0, 0], [-1.2, 0, 0]], dtype=torch.float64)),
        "cluster of 22": (numbers(22), 1, cluster(generator, 22)),
        "two clusters apart": (numbers(12), 0, apart),
        "cluster of 60": (numbers(60), -2, cluster(generator, 60)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", nargs="?", type=Path, default=Path("tests/fixtures/visnet"))
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for seed, (name, (arch, unit, target, scale)) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        model = ViSNet(ELEMENTS, arch, energy_scale=scale)
        with torch.no_grad():  # every term must matter, so no bias or gain stays at its initial value
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter += 0.2 * torch.randn_like(parameter)
        model.set_reference({z: -0.1 * z for z in ELEMENTS}, 0.25)
        path = output / f"{name}.safetensors"
        save_model(path, model, name, {"weights": f"random, seed {seed}"}, target=target, energy_unit=unit,
                   base_force_field=None if target == "E_QM" else "amber-ff14sb")
        model, header = load_model(path)
        model.double()
        reference = header["reference_energies"]  # once more in full precision
        model.set_reference({int(z): e for z, e in reference["elements"].items()}, reference["charge"])
        cases = []
        generator = torch.Generator().manual_seed(seed)
        for label, (numbers, charge, positions) in molecules(generator, arch.cutoff).items():
            energy, forces = model.energy_forces(model.types_of(numbers), positions[None], charge)
            cases.append({"name": label, "numbers": numbers, "charge": charge, "positions": positions.tolist(),
                          "energy": float(energy), "forces": forces[0].tolist()})
        (output / f"{name}.json").write_text(json.dumps(
            {"model": path.name, "units": header["units"], "cases": cases}, indent=None))
        print(f"{path}: {len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
