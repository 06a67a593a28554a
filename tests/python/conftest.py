"""Where the built package, the structures and the models are; what has not been built is skipped, with the reason."""
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAGED = Path(os.environ.get("PLUGINBRIDGE_PYTHON_PACKAGE", ROOT / "build" / "python"))
FIXTURE_MODELS = ROOT / "tests" / "fixtures" / "visnet"

sys.path[:0] = [str(HERE), str(ROOT / "tests" / "performance"), str(STAGED)]


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds; leave out with -m 'not slow'")


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: the processes that share the files then end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def pb():
    """The staged package, its core library loaded."""
    if not (STAGED / "pluginbridge" / "lib" / "libpluginbridge.so").is_file():
        pytest.skip(f"the package is not staged in {STAGED}: run make")
    import pluginbridge

    pluginbridge.version()
    return pluginbridge


@pytest.fixture(scope="session")
def plugin(pb):
    """The package with the OpenMM plugin loaded."""
    pytest.importorskip("openmm")
    if not list((STAGED / "pluginbridge" / "lib" / "plugins").glob("*.so")):
        pytest.skip("the OpenMM plugin is not built: run make")
    pb.loadOpenMMPlugin()
    return pb


def _fixture_model(name):
    path = FIXTURE_MODELS / f"{name}.safetensors"
    if not path.is_file():
        pytest.skip(f"{path} is missing: run training/make_parity_fixtures.py")
    return str(path)


@pytest.fixture(scope="session")
def network():
    """A correction of ff14SB with random weights: whatever does not depend on training is tested with it."""
    return _fixture_model("tiny")


@pytest.fixture(scope="session", params=["correction", "correction to non-bonded", "absolute"])
def any_network(request):
    """Networks with random weights, for E_QM - E_MM, for E_QM - E_nb, from which the bonded terms are subtracted, and for
    E_QM, from which the base energy is."""
    return _fixture_model({"correction": "tiny", "correction to non-bonded": "nonbonded", "absolute": "small"}[request.param])


def _shipped(pb, name):
    if name not in pb.models():
        pytest.skip(f"the model {name} is not in the staged package")
    return name


@pytest.fixture(scope="session")
def trained(pb):
    """Name of the shipped network."""
    return _shipped(pb, "visnet-gfn2")


@pytest.fixture(scope="session")
def fast(pb):
    """Name of the small shipped network, for tests that need many calls of a trained one."""
    return _shipped(pb, "visnet-gfn2-fast")


@pytest.fixture(scope="session")
def gfn2(pb):
    """Name of the GFN2-xTB potential."""
    if not pb.hasFeature("gfn2-xtb"):
        pytest.skip("libxtb is not installed")
    return "gfn2-xtb"


def _read(path):
    app = pytest.importorskip("openmm.app")
    return app.PDBFile(str(path))


@pytest.fixture(scope="session")
def alanine():
    """ACE-ALA-NME, 22 atoms (PDBFile)."""
    return _read(HERE / "structures" / "capped_alanine.pdb")


@pytest.fixture(scope="session")
def pentapeptide():
    """ACE-ALA-LYS-PRO-SER-GLU-NME (PDBFile)."""
    return _read(HERE / "structures" / "capped_pentapeptide.pdb")


@pytest.fixture(scope="session")
def chignolin():
    """GYDPETGTWG with charged termini, 138 atoms (PDBFile)."""
    return _read(ROOT / "examples" / "gydpetgtwg.pdb")
