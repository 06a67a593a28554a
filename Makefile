# make deps | build | demo | test | bench | clean. See README.md.
PYTHON ?= /usr/bin/python3
BUILD  := build

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: all deps build demo test test-fast bench nve accuracy format clean

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

clean:
	rm -rf $(BUILD)
	find managed bindings tests -type d \( -name bin -o -name obj -o -name __pycache__ \) -prune -exec rm -rf {} +
