"""Energy conservation: short versions of nve_drift.py, which runs 100 ps."""
import numpy as np
import pytest

openmm = pytest.importorskip("openmm")
import nve_drift  # noqa: E402


@pytest.fixture(scope="module")
def start(plugin, alanine):
    control = nve_drift.systems(plugin, alanine.topology, "ff14sb", "whole")["ff14SB (control)"]
    return nve_drift.thermalised(control, alanine.positions, 1)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["whole", "dipeptide"])
def test_verlet_is_of_second_order(plugin, trained, alanine, start, scheme):
    """Half the step, a quarter of the fluctuation: the forces are the gradient of a smooth energy."""
    system = nve_drift.systems(plugin, alanine.topology, trained, scheme)[f"{trained} double"]
    coarse, fine = (nve_drift.summarize(*nve_drift.run(system, start, dt, 1.0, every), 22)["fluctuation"]
                    for dt, every in ((0.5, 2), (0.25, 4)))
    assert 3.3 < coarse / fine < 4.7


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["double", "single"])
def test_no_drift(plugin, trained, alanine, start, precision):
    """5 ps. At 0.25 fs, as the energy error of Verlet itself, which wanders with the motion, would be 5e-4 at 0.5 fs in so
    short a run, positive or negative; over 20 ps it averages out (nve_drift.py)."""
    compared = nve_drift.systems(plugin, alanine.topology, trained, "whole")
    ours = nve_drift.summarize(*nve_drift.run(compared[f"{trained} {precision}"], start, 0.25, 5.0, 20), 22)
    control = nve_drift.summarize(*nve_drift.run(compared["ff14SB (control)"], start, 0.25, 5.0, 20), 22)
    assert abs(ours["drift"]) < 5e-4  # kJ/mol/ps an atom; 0.2 kT/ns
    assert ours["fluctuation"] < 3 * control["fluctuation"]


@pytest.mark.slow
def test_a_chain_with_many_fragments(plugin, trained, pentapeptide):
    """Caps move with the chain: the sum over capped fragments conserves energy too."""
    control = nve_drift.systems(plugin, pentapeptide.topology, "ff14sb", "whole")["ff14SB (control)"]
    begin = nve_drift.thermalised(control, pentapeptide.positions, 1, 1.0)
    system = nve_drift.systems(plugin, pentapeptide.topology, trained, "dipeptide")[f"{trained} double"]
    coarse, fine = (nve_drift.run(system, begin, dt, 0.3, every)[1].std() for dt, every in ((0.5, 2), (0.25, 4)))
    assert 3 < coarse / fine < 5


def test_the_fit_finds_a_drift():
    """The analysis itself, on a made-up energy that drifts."""
    times = np.arange(0, 10, 0.01)
    energies = 5 + 0.02 * 22 * times + 0.3 * np.sin(40 * times)
    summary = nve_drift.summarize(times, energies, 22)
    assert summary["drift"] == pytest.approx(0.02, rel=0.02)
    assert summary["fluctuation"] == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
