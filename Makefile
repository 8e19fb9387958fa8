# Two commands set everything up on a fresh machine: `make run` and `make test`.
VENV   := .venv
BIN    := $(VENV)/bin
# The first Python of the list that is new enough, unless PYTHON is given.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# Real areas and public benchmark instances are used where they lie beside the checkout, and skipped with a word elsewhere.
ifneq ($(wildcard ../shared/data),)
export RECYNET_DATA ?= $(abspath ../shared/data)
endif
ifneq ($(wildcard ../shared/benchmarks),)
export RECYNET_BENCH ?= $(abspath ../shared/benchmarks)
endif

.PHONY: run install lint bench bench-full serve test-all test clean help

run: install            ## site and route the bundled study into out/hankou
	$(BIN)/recynet run configs/studies/hankou/study.yaml --out out/hankou

install: $(VENV)/.installed  ## the virtual environment with everything pinned (once; again when a pin changes)

# A folder that an interrupted or incomplete `venv` left behind is made anew.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "recynet needs Python 3.11 or later: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
		|| { echo "no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

# Tests run in as many processes as TESTERS says; files stay whole, so that what a file sets up is made once.
TESTERS ?= 2

test: install           ## the tests, slow ones apart
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile

test-all: install       ## every test
	$(BIN)/python -m pytest -m "" -n $(TESTERS) --dist loadfile

lint: install           ## style and types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

bench: install          ## the bundled study and geodata: time, memory, gap, written to docs/measurements.md
	$(BIN)/python -m tests.benchmarks.bundled --out docs/measurements.md
	$(BIN)/python -m tests.benchmarks.geodata_figures --out docs/measurements.md

bench-full: install     ## public siting instances found through RECYNET_BENCH, one row each, into out/bench/siting.json
	$(BIN)/python -m tests.benchmarks.siting --data $(RECYNET_BENCH)/facility_location --out out/bench/siting.json

serve: install          ## API and map of everything below out/ on http://127.0.0.1:8000
	$(BIN)/recynet serve --data out

clean:                  ## remove the environment, results and build products
	rm -rf $(VENV) out build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

help:                   ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
