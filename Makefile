# Everything a contributor runs. `make demo` and `make test` need only Python 3.11+, make and a package index.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint check bench browser clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## make the virtual environment

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup ## scan emulated clouds and sample manifests; writes the reports and says where
	$(BIN)/python -m tests.demo

test: setup ## run the tests with branch coverage
	$(BIN)/python -m pytest -n 3 --cov --cov-report=term # many tests wait for faults: on 2 cores two at once leave a third of the time

lint: setup ## style, types and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

check: test lint ## what every commit must pass

bench: setup ## print the benchmarks' figures
	$(BIN)/python -m tests.bench

browser: ## install the system's Chromium for the HTML report's tests (Debian, Ubuntu; as root)
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install --yes --quiet --no-install-recommends chromium; }

clean: ## remove what the targets made
	rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-reports
