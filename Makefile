# The one list of commands. Every target sets up what it needs; each line calls the program's own CLI.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FIRM ?= sandbox
DAYS ?= 7
CLI := THROUGHLINE_FIRM=$(FIRM) $(BIN)/python -m orchestration.cli
.DEFAULT_GOAL := help
.PHONY: help setup run tick serve test lint bench clean

help: ## Show the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: $(VENV)/.ready ## Create the environment from the lock file

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Throughline needs Python 3.11 or newer; '$(PYTHON)' is not. Set PYTHON=python3.11 (or newer)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) from requirements.lock (once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.11,<1" 2>/dev/null || \
	  { echo "The package index can't be reached; check the network or pip's configuration."; exit 1; }
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	@touch $@

run: setup ## Run the loop (FIRM=sandbox|tryton, ONCE=1 ends after the summary)
	@$(CLI) run $(if $(ONCE),--once)

tick: setup ## Let the simulated firm live DAYS=7 days, then run the loop once
	@$(CLI) tick --days $(DAYS)

serve: setup ## Serve the Dagster UI and the dashboard over what earlier runs left
	@$(CLI) serve

test: setup ## Run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup ## Check style, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint -q --processes 2 dbt_project/models dbt_project/tests

bench: setup ## Run the benchmarks (ONLY=ingest|loop|no_change)
	@$(BIN)/python -m benchmarks $(ONLY)

clean: ## Stop what runs and remove every state that runs left behind (keeps the environment)
	@test ! -x $(BIN)/python || $(CLI) stop
	@rm -rf .throughline
