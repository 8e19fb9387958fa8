# Two commands set everything up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Real areas and public benchmark instances are used where they lie beside the checkout, and skipped with a word elsewhere.
ifneq ($(wildcard ../shared/data),)
export RECYNET_DATA ?= $(abspath ../shared/data)
endif
ifneq ($(wildcard ../shared/benchmarks),)
export RECYNET_BENCH ?= $(abspath ../shared/benchmarks)
endif

.PHONY: run install test test-all lint bench serve clean

run: install            ## site and route the bundled study
	$(BIN)/recynet run configs/studies/hankou/study.yaml --out out/hankou

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

test: install           ## the suite (slow tests apart)
	$(BIN)/python -m pytest

test-all: install       ## every test
	$(BIN)/python -m pytest -m ""

lint: install
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: install          ## time, memory and gap of the bundled study, written to docs/measurements.md
	$(BIN)/python -m tests.benchmarks.bundled --out docs/measurements.md

serve: install          ## API and map of everything below out/
	$(BIN)/recynet serve --data out

clean:
	rm -rf $(VENV) out build dist *.egg-info
