"""Forces that steer sampling and are no part of any label: chains in contact, held torsions, compaction."""
from __future__ import annotations

import numpy as np
import openmm
from openmm import app

CONTACT_NM = 0.45  # chains are held within this distance of their contact atoms
HOLD = 30.0  # kJ/mol, of the torsion bias HOLD (1 - cos(theta - theta0))


class Contacts:
    """The nearest atoms of consecutive chains stay within CONTACT_NM."""

    def __init__(self, system: openmm.System, topology: app.Topology):
        self.chains = [[a.index for a in c.atoms()] for c in topology.chains()]
        self.force = openmm.CustomBondForce(f"500*max(0, r-{CONTACT_NM})^2")
        for a, b in zip(self.chains, self.chains[1:]):
            self.force.addBond(a[0], b[0], [])
        system.addForce(self.force)

    def hold(self, context: openmm.Context, x: np.ndarray) -> None:
        """Choose the nearest atoms of positions x [N, 3]."""
        if len(self.chains) == 1:
            return
        for k, (a, b) in enumerate(zip(self.chains, self.chains[1:])):
            distance = np.linalg.norm(x[a][:, None] - x[b][None], axis=-1)
            i, j = np.unravel_index(distance.argmin(), distance.shape)
            self.force.setBondParameters(k, a[i], b[j], [])
        context.reinitialize(preserveState=True)


class HeldTorsions:
    """Backbone torsions phi, psi held softly where a start has put them, so that barriers are sampled as well."""

    def __init__(self, system: openmm.System, topology: app.Topology):
        self.force = openmm.CustomTorsionForce("hold*(1-cos(theta-theta0))")
        self.force.addGlobalParameter("hold", 0.0)
        self.force.addPerTorsionParameter("theta0")
        self.torsions = [t for chain in topology.chains() for t in _backbone_torsions(list(chain.residues()))]
        for torsion in self.torsions:
            self.force.addTorsion(*torsion, [0.0])
        system.addForce(self.force)

    def hold(self, context: openmm.Context, x: np.ndarray) -> None:
        """Hold the torsions of positions x [N, 3]."""
        for k, torsion in enumerate(self.torsions):
            self.force.setTorsionParameters(k, *torsion, [dihedral(*x[list(torsion)])])
        self.force.updateParametersInContext(context)
        context.setParameter("hold", HOLD)

    @staticmethod
    def release(context: openmm.Context) -> None:
        """Switch the bias off."""
        context.setParameter("hold", 0.0)


class Compaction:
    """compaction * (radius of gyration)^2 of alpha carbons and side-chain ends; sum of pairs r_ij^2 / n^2."""

    def __init__(self, system: openmm.System, topology: app.Topology):
        self.points = []
        for residue in topology.residues():
            heavy = [a for a in residue.atoms() if a.element.atomic_number > 1]
            self.points += [a.index for a in heavy if a.name == "CA"]
            side = [a.index for a in heavy if a.name not in ("N", "CA", "C", "O", "OXT", "CH3")]
            self.points += side[-1:]
        self.force = openmm.CustomBondForce(f"compaction*r^2/{len(self.points) ** 2}")
        self.force.addGlobalParameter("compaction", 0.0)
        for k, i in enumerate(self.points):
            for j in self.points[:k]:
                self.force.addBond(i, j, [])
        system.addForce(self.force)

    @staticmethod
    def set(context: openmm.Context, strength: float) -> None:
        """strength in kJ/mol/nm^2; 0 switches the bias off."""
        context.setParameter("compaction", strength)


def dihedral(a, b, c, d) -> float:
    """Torsion abcd in radians."""
    axis = (c - b) / np.linalg.norm(c - b)
    u, v = a - b, d - c
    u, v = u - (u @ axis) * axis, v - (v @ axis) * axis
    return float(np.arctan2(np.cross(axis, u) @ v, u @ v))


def _backbone_torsions(residues: list[app.topology.Residue]) -> list[tuple[int, int, int, int]]:
    names = [{a.name: a.index for a in r.atoms()} for r in residues]
    torsions = []
    for before, atom, after in zip([{}, *names], names, [*names[1:], {}]):
        if not {"N", "CA", "C"} <= atom.keys():
            continue
        if "C" in before:
            torsions.append((before["C"], atom["N"], atom["CA"], atom["C"]))
        end = after.get("N", atom.get("OXT"))
        if end is not None:
            torsions.append((atom["N"], atom["CA"], atom["C"], end))
    return torsions
