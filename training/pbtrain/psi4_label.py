"""Labels of density functional theory: M06-2X/6-31G* by psi4, in vacuo, closed shell, one thread.

The SCF starts on a coarse grid and ends on a fine one with those orbitals, which gives the fine grid's energy for
two thirds of the time; one that does not converge is tried once more on the fine grid alone, damped.  Coulomb and
exchange are density-fitted (psi4's default fitting basis).  Units out: kcal/mol, kcal/mol/angstrom, e angstrom;
positions in angstrom.
"""
from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .label import BOHR_ANGSTROM, HARTREE_KCAL, LabelError

FUNCTIONAL, BASIS = "m06-2x", "6-31G*"
METHOD = "M06-2X/6-31G*"
# psi4's own default is (75, 302) unpruned: its forces are twice as far from those of (99, 590) unpruned
GRID = {"dft_radial_points": 99, "dft_spherical_points": 590, "dft_pruning_scheme": "p_slater"}
FIRST_GRID = {"dft_radial_points": 35, "dft_spherical_points": 110, "dft_pruning_scheme": "p_slater"}
OPTIONS = {"basis": BASIS, "scf_type": "df", "reference": "rks", "maxiter": 100}
FIRST = OPTIONS | FIRST_GRID | {"guess": "sad", "e_convergence": 1e-5, "d_convergence": 1e-5}
FINAL = OPTIONS | GRID | {"guess": "read", "e_convergence": 1e-7, "d_convergence": 1e-6}
HARDER = FINAL | {"guess": "sad", "maxiter": 200, "damping_percentage": 40, "damping_convergence": 1e-3}
SYMBOL = {1: "H", 6: "C", 7: "N", 8: "O", 16: "S"}
MEMORY = 1_500_000_000  # bytes
DEBYE = 0.20819434  # e angstrom
ORBITALS = 180  # psi4's scratch file that guess "read" takes


class Psi4Missing(ImportError):
    """psi4 cannot be imported."""


@functools.lru_cache(maxsize=1)
def load_psi4():
    """The module psi4, set to one thread, and its temporary folder; Psi4Missing names the package to install.

    Debian keeps the module beside its libraries, outside Python's path.
    """
    places = [str(path.parents[1]) for path in Path("/usr/lib").glob("*-linux-gnu/psi4/__init__.py")]
    sys.path += places
    scratch = tempfile.mkdtemp(prefix="pbtrain-psi4-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    try:
        psi4 = importlib.import_module("psi4")
    except ImportError as error:
        raise Psi4Missing(f"DFT labels need psi4 ({error}): install Debian's package psi4 (apt-get install psi4) and run "
                          "this with /usr/bin/python3") from error
    finally:
        for place in places:
            sys.path.remove(place)
    atexit.register(os.chdir, scratch)  # psi4 leaves timer.dat where the process ends
    psi4.core.IOManager.shared_object().set_default_path(scratch)
    psi4.core.set_num_threads(1, quiet=True)
    psi4.core.set_memory_bytes(MEMORY, True)
    return psi4, scratch


@dataclass
class DftLabel:
    """energy in kcal/mol, forces [N, 3] in kcal/mol/angstrom, dipole [3] in e angstrom, and what the label took.

    A charged molecule's dipole refers to the origin of its positions.
    """

    energy: float
    forces: np.ndarray
    dipole: np.ndarray
    iterations: int
    seconds: float


class Dft:
    """M06-2X/6-31G* of one molecule in vacuo, closed shell."""

    def __init__(self, numbers: np.ndarray, charge: int):
        unknown = sorted({int(z) for z in numbers} - set(SYMBOL))
        if unknown:
            raise ValueError(f"no DFT labels for elements with atomic numbers {unknown}")
        if (int(np.sum(numbers)) - charge) % 2:
            raise ValueError(f"DFT labels are closed-shell: charge {charge} leaves an odd number of electrons")
        self.numbers, self.charge = numbers, charge
        self.psi4, self.scratch = load_psi4()

    def label(self, positions: np.ndarray) -> DftLabel:
        """Energy, forces and dipole (positions [N, 3] in angstrom); LabelError if the SCF does not converge.

        Whatever else psi4 raises (memory, disk) says nothing about the frame and is left as it is.
        """
        psi4, started = self.psi4, time.time()
        psi4.core.set_output_file(os.path.join(self.scratch, "psi4.out"), False)  # anew: it does not grow
        molecule = self._geometry(positions)
        try:
            try:
                wavefunction, iterations = self._converge(molecule, FIRST, FINAL)
            except psi4.ConvergenceError:
                psi4.core.clean()
                wavefunction, iterations = self._converge(molecule, HARDER)
            dipole = DEBYE * np.array([psi4.core.variable(f"SCF DIPOLE {axis}") for axis in "XYZ"])
            gradient = psi4.gradient(FUNCTIONAL, molecule=molecule, ref_wfn=wavefunction).np
        except psi4.ConvergenceError as error:
            raise LabelError(f"psi4: {str(error).strip()}") from error
        finally:
            psi4.core.clean()
        energy = wavefunction.energy()
        if not (np.isfinite(energy) and np.isfinite(gradient).all()):
            raise LabelError("psi4 returned a non-finite energy or gradient")
        return DftLabel(energy * HARTREE_KCAL, -gradient * (HARTREE_KCAL / BOHR_ANGSTROM), dipole, iterations,
                        time.time() - started)

    def _converge(self, molecule, *stages: dict):
        """SCFs one after the other, each from the orbitals of the one before: wavefunction, iterations of all."""
        psi4, iterations = self.psi4, 0
        for options in stages:
            psi4.core.clean_options()
            psi4.set_options(options)
            _, wavefunction = psi4.energy(FUNCTIONAL, molecule=molecule, return_wfn=True)
            iterations += int(psi4.core.variable("SCF ITERATIONS"))
            if options is not stages[-1]:
                wavefunction.to_file(wavefunction.get_scratch_filename(ORBITALS))
        return wavefunction, iterations

    def _geometry(self, positions: np.ndarray):
        atoms = "\n".join(f"{SYMBOL[int(z)]} {x:.10f} {y:.10f} {w:.10f}" for z, (x, y, w) in zip(self.numbers, positions))
        return self.psi4.geometry(f"{self.charge} 1\n{atoms}\nunits angstrom\nno_com\nno_reorient\nsymmetry c1\n")


def provenance() -> dict[str, str]:
    """Method, version and options, for the shards."""
    return {"reference_method": f"{METHOD}, vacuum, closed shell, density-fitted", "psi4": load_psi4()[0].__version__,
            "psi4_options": json.dumps(FINAL, sort_keys=True), "psi4_first_options": json.dumps(FIRST, sort_keys=True),
            "psi4_harder_options": json.dumps(HARDER, sort_keys=True)}
