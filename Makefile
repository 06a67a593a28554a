# make deps | build | demo | test | bench | clean. See README.md.
PYTHON ?= /usr/bin/python3
BUILD  := build

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: all deps build demo test test-fast bench mts accuracy random nve nve-pairs format clean

all: build

deps:
	@cmake/install-debian-packages.sh

build: deps
	@cmake -S . -B $(BUILD)/cmake -G Ninja -DCMAKE_BUILD_TYPE=Release > $(BUILD)-cmake.log 2>&1 || (cat $(BUILD)-cmake.log; rm -f $(BUILD)-cmake.log; exit 1)
	@mv $(BUILD)-cmake.log $(BUILD)/cmake/configure.log
	cmake --build $(BUILD)/cmake

demo: build
	PYTHONPATH=$(BUILD)/python $(PYTHON) examples/chignolin_in_water.py --out $(BUILD)/demo

test: build
	$(PYTHON) tests/run_all.py

test-fast: build
	$(PYTHON) tests/run_all.py --fast

# Speed: kernels, PyTorch, libxtb, scaling, OpenMM, start-up, training; tables and plots in docs/benchmarks. BENCH=options of
# tests/performance/bench.py, e.g. make bench BENCH="--parts scaling", BENCH=--psi4. About 20 minutes on an idle machine.
BENCH ?=
bench: build
	PYTHONPATH=$(BUILD)/python $(PYTHON) tests/performance/bench.py --report docs/benchmarks \
	    $(if $(wildcard $(STRUCTURES)),--structures $(STRUCTURES)) $(BENCH)

# How far the correction's time step can go: stability, sampling and speed of multiple time steps (the better part of an hour).
mts: build
	@mkdir -p $(BUILD)/bench
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=$(BUILD)/python $(PYTHON) tests/performance/mts.py --json $(BUILD)/bench/mts.json

# Errors of schemes and networks against whole-protein GFN2-xTB, for every PDB file of a folder.
STRUCTURES ?= ../shared/data/proteins
FRAMES ?= 20
accuracy: build
	$(PYTHON) tests/accuracy/whole_protein.py $(STRUCTURES) --frames $(FRAMES)

# Energy conservation: 100 ps NVE of a capped alanine against a plain ff14SB control, three seeds (a quarter of an hour).
nve: build
	PYTHONPATH=$(BUILD)/python $(PYTHON) tests/performance/nve_drift.py --json $(BUILD)/bench/nve.json

# The same while pairs of residues come and go: GYDPETGTWG, window3+pairs, 10 ps at 0.5 fs with constrained bonds to hydrogen and
# the small network (three to eight hours on two cores; goes on where it was ended).
nve-pairs: build
	PYTHONPATH=$(BUILD)/python $(PYTHON) tests/performance/nve_drift.py --pdb examples/gydpetgtwg.pdb --scheme window3+pairs \
	    --model visnet-gfn2-fast --ps 10 --dt 0.5 --constraints hbonds --settle 1 --stretch 0.2 \
	    --kinds double control --json docs/measurements/nve-pairs.json

# Fragments, gradient and dynamics of 50 random proteins; goes on where it was ended (an hour or three).
random: build
	PYTHONPATH=$(BUILD)/python $(PYTHON) tests/accuracy/random_proteins.py $(BUILD)/accuracy/random.jsonl \
	    --constraints hbonds --step 2

format:
	dotnet format PluginBridge.sln --exclude bindings/csharp/PluginBridge/Interop
	git ls-files 'native/*.h' 'native/*.cpp' 'native/*.c' 'tests/native/*.c' 'tests/native/*.cpp' 'tests/native/*.h' \
	    | xargs clang-format -i

clean:
	rm -rf $(BUILD)
	find managed bindings tests -type d \( -name bin -o -name obj -o -name __pycache__ \) -prune -exec rm -rf {} +
