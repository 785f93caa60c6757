# `make help` lists what can be made. Works with GNU make 3.81 and needs nothing but Python 3.11 to 3.13.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python
ARGS ?=
SECONDS ?= 60
WORKERS ?= auto
CODE := src tests scripts benchmarks
# What takes longest per test goes first, so that no worker is left with it at the end.
TESTS := $(wildcard $(addprefix tests/,fault flow contract docs unit))
# Python keeps what it compiled, whatever the shell asks for: else pytest rewrites every test file in every worker.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo setup run check test test-fast test-fault test-mutations fuzz bench fmt docs lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: setup ## Crawl the sample site, search it, serve it on 127.0.0.1:8000 (ARGS=--once: do not serve)
	@$(PY) -m scripts.demo $(ARGS)

setup: ## Make .venv with Tidemill and its tools; does nothing if nothing changed
	@sh scripts/setup.sh

run: setup ## Run everything in one process group (tidemill up)
	@.venv/bin/tidemill up $(ARGS)

check: setup ## Format, lint, strict types, import rules, documentation, secrets
	@sh scripts/check.sh

test: setup ## All tests, the fault tests in their short form
	@$(PY) -m pytest -q -n $(WORKERS) --dist worksteal $(TESTS) $(ARGS)

test-fast: setup ## The quick unit tests: no socket, no database, seconds
	@$(PY) -m scripts.test_fast $(ARGS)

test-fault: setup ## The fault tests in full: kills, full disks, locks; then broken promises (most of an hour)
	@rm -f faults.jsonl
	@$(PY) -m pytest -q -n auto tests/fault --long --fault-report faults.jsonl $(ARGS)
	@$(PY) -m tests.harness.table --print faults.jsonl
	@$(PY) -m tests.mutations --short

test-mutations: setup ## Break promises in a copy of the code; the tests must notice each (ARGS=--short)
	@$(PY) -m tests.mutations $(ARGS)

fuzz: setup ## Fuzz the readers of strangers' bytes with atheris, one after the other (ARGS=TARGET SECONDS=60)
	@$(PY) -m tests.fuzz --seconds $(SECONDS) $(ARGS)

bench: setup ## The benchmarks, peers in .venv-bench; each prints the machine (ARGS=NAME: only that one)
	@$(PY) -m benchmarks $(ARGS)

fmt: setup ## Format the code and sort out what ruff can fix
	@$(PY) -m ruff format $(CODE)
	@$(PY) -m ruff check --fix $(CODE)

docs: setup ## Write the generated pages and build the documentation into site/
	@$(PY) -m scripts.write_reference
	@$(PY) -m mkdocs build --quiet --strict

lock: setup ## Resolve the dependencies anew (UPGRADE=1: also move versions)
	@sh scripts/lock.sh

clean: ## Remove .venv, caches and what builds leave behind
	@rm -rf .venv .venv-bench .venv.lock build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz
	@find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
