# Needs Python 3.11 or newer and make, nothing else. `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
HOME_  := build/home
PORT   ?= 8080
KEEP   ?=
READY  := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.PHONY: help demo test bench soak lint lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): docker/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Scoregate needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; name another with: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing the pinned requirements into $(VENV) (the first time takes a minute or two)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r docker/requirements.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(READY_DEV): $(READY) docker/requirements-dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r docker/requirements-dev.txt
	@touch $@

demo: $(READY) ## train, serve on loopback, send real applications, print what came back (KEEP=1 leaves it serving)
	@$(BIN)/scoregate --home $(HOME_) demo --port $(PORT) $(if $(KEEP),--keep)

test: $(READY_DEV) ## everything that is checked: style, types, the whole suite
	@$(BIN)/python tests/system_packages.py
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -m 'not soak' $(SIDE_BY_SIDE) --durations=10

# A file is run by one process, in its order: what its tests share is made once. The long files of tests/e2e come first.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

bench: $(READY_DEV) ## measure every figure that must hold; writes build/bench.json
	@$(BIN)/python tests/system_packages.py
	@$(BIN)/python tests/bench/run.py

soak: $(READY_DEV) ## the long runs: kill tests and property tests at full length
	@$(BIN)/python tests/system_packages.py
	@$(BIN)/python -m pytest -m soak

lint: $(READY_DEV) ## style and types only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

lock: $(READY_DEV) ## pin the requirements again, with hashes and without addresses
	@$(BIN)/python -m pip install -q pip-tools
	@$(BIN)/pip-compile -q $(LOCK) --extra soap --extra odbc --extra postgresql --extra columns --extra tracing --extra build -o docker/requirements.txt pyproject.toml
	@$(BIN)/pip-compile -q $(LOCK) --extra dev -c docker/requirements.txt -o docker/requirements-dev.txt pyproject.toml

LOCK := --generate-hashes --no-header --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

clean: ## remove what was built
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
