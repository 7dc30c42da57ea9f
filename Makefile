# Two commands matter: `make run` and `make test`. Both set everything up first.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
PY := .venv/bin/python
ARGS ?=

.PHONY: help setup run check test fuzz bench format clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: .setup/python .setup/node ## install everything (does nothing when nothing changed)

.setup/python: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 2; }
	@echo "setup: installing Python packages into .venv"
	@[ -x $(PY) ] || $(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@mkdir -p .setup && touch $@

.setup/node: package.json package-lock.json
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' || { echo "Node 20 or newer is needed"; exit 2; }
	@echo "setup: installing Node packages into node_modules"
	@npm ci --no-fund --no-audit --loglevel=error
	@mkdir -p .setup && touch $@

run: setup ## run the whole product on this machine (ARGS="--port 8000 --no-open")
	@exec $(PY) -m local $(ARGS)

check: setup ## static checks: format, lint, types, import contracts
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 .venv/bin/pyright
	@.venv/bin/lint-imports --cache-dir .import_linter_cache

test: check ## all checks and all tests
	@$(PY) -m pytest --numprocesses 3 --dist loadfile $(ARGS)

fuzz: setup ## fuzz the API against its own description; takes minutes; `.ci/run` has a shorter one (ARGS="--seed 1")
	@$(PY) -m tests.fuzz --cases 20000 --examples 400 $(ARGS)

bench: setup ## ratios against the ideal, printed as tables
	@$(PY) -m tests.bench $(ARGS)

format: setup ## format the code and apply safe fixes
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

clean: ## remove what setup and run made (the data of `make run` too)
	rm -rf .venv node_modules .setup .data .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
