# Every target does its own set-up: a virtual environment in .venv, with the versions of constraints.txt.
# Needs make and Python 3.11 or newer; name another one with: make run PYTHON=/path/to/python

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14; do \
	if command -v $$name >/dev/null 2>&1 && $$name -c '$(SUITABLE)' >/dev/null 2>&1; then echo $$name; break; fi; done)

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
MANIFEST := pyproject.toml constraints.txt
# Tests that stand together share what they set up, so each process starts with its own half of them in order.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
# Apache Spark's jars (400 MB), apart from the client that the tests use: both packages are called pyspark.
SPARK_SERVER := $(VENV)/spark-server
THOROUGH := --hypothesis-profile thorough
# make test COVERAGE=1 measures which lines the tests run, and fails below the floor of pyproject.toml.
MEASURED := --cov --cov-report=term:skip-covered
LAKE := data/lake
CALLS ?= 50_000_000
DEMO_LAKE := data/demo-lake
REPORTS := reports

.PHONY: help run demo serve golden-path test test-slow test-all test-cluster lint bench bench-service bench-voice-service docs wheel clean

help:
	@echo "make run    load the sample calls and recordings, detect, score, list the alerts, write the report"
	@echo "make demo   simulate a population with SIM boxes in it, find them, group them into cases, write the report"
	@echo "make test   run the tests, but not the slow ones, and properties on an eighth of their examples (COVERAGE=1 measures them)"
	@echo "make test-slow   run the slow tests, and properties on all their examples"
	@echo "make test-all    run all tests"
	@echo "make test-cluster  rules and nights on Apache Spark and on Sail, lakes in S3 (downloads 400 MB; needs Java; ALL=1: all cases of rules)"
	@echo "make lint   ruff, mypy, import contracts"
	@echo "make serve  answer the Sentinel API on this machine, without keys: http://localhost:8000"
	@echo "make golden-path  a server and a client: enrol, score, verify, decide, draft a report; prints JSON"
	@echo "make bench  run the benchmarks (minutes)"
	@echo "make bench-service  ask a real service as 20 clients do (minutes; CALLS=2_000_000 for a small lake)"
	@echo "make bench-voice-service  the voice API against audio run on the same calls (minutes)"
	@echo "make docs   write the generated pages of docs/"
	@echo "make clean  remove the environment and everything that was generated"

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer (with its venv module) was not found." >&2; \
		echo "Hint: install it (Debian: apt-get install python3-venv), or run: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; fi
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(MANIFEST) | $(BIN)/python
	$(INSTALL) --editable '.[audio]'
	@touch $@

$(VENV)/.service: $(MANIFEST) | $(BIN)/python
	$(INSTALL) --editable '.[service]'
	@touch $@ $(VENV)/.run

$(VENV)/.voice: $(MANIFEST) | $(BIN)/python
	$(INSTALL) --editable '.[service,audio,remote]'
	@touch $@ $(VENV)/.run $(VENV)/.service

$(VENV)/.test: $(MANIFEST) | $(BIN)/python
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.dev: $(MANIFEST) | $(BIN)/python
	$(INSTALL) --editable '.[test,dev]'
	@touch $@ $(VENV)/.run $(VENV)/.test

run: $(VENV)/.run
	@$(BIN)/sentinel-batch ingest data/sample/calls --lake $(LAKE)
	@echo
	@$(BIN)/sentinel-batch profiles build --lake $(LAKE)
	@$(BIN)/sentinel-batch rules run --since 7d --lake $(LAKE) --quiet
	@$(BIN)/sentinel-batch cases build --lake $(LAKE)
	@echo
	@$(BIN)/sentinel-batch audio run data/sample/recordings --manifest data/sample/recordings/manifest.csv \
		--policy wire_transfer --lake $(LAKE) --quiet
	@echo
	@$(BIN)/sentinel-batch report --lake $(LAKE) --out $(REPORTS) --quiet >/dev/null
	@$(BIN)/sentinel-batch alerts list --lake $(LAKE)
	@echo
	@echo "Report: $(CURDIR)/$(REPORTS)/report.html"
	@echo
	@echo "To go on, type:  . $(BIN)/activate"
	@echo "and then, say:   sentinel-batch explain 1"

demo: $(VENV)/.run
	@$(BIN)/sentinel-batch sim population --subscribers 5000 --days 14 --boxes 4 --sims-per-box 8 --lake $(DEMO_LAKE)
	@$(BIN)/sentinel-batch profiles build --lake $(DEMO_LAKE)
	@$(BIN)/sentinel-batch boxes find --save --lake $(DEMO_LAKE) --quiet
	@$(BIN)/sentinel-batch rules run --since 7d --lake $(DEMO_LAKE) --quiet --json >/dev/null
	@$(BIN)/sentinel-batch cases build --lake $(DEMO_LAKE)
	@$(BIN)/sentinel-batch cases list --lake $(DEMO_LAKE)
	@$(BIN)/sentinel-batch report --since 7d --lake $(DEMO_LAKE) --out $(REPORTS)/demo --quiet >/dev/null
	@echo
	@echo "Report: $(CURDIR)/$(REPORTS)/demo/report.html"
	@echo
	@echo "To go on, type:  . $(BIN)/activate"
	@echo "and then, say:   sentinel-batch queue --lake $(DEMO_LAKE)"

serve: $(VENV)/.service
	$(BIN)/sentinel-batch serve --insecure-local --lake $(LAKE)

golden-path: $(VENV)/.voice
	@$(BIN)/python -m sentinel_batch.service.voice.golden_path

test: $(VENV)/.test
	$(PYTEST) -m "not slow and not cluster" $(if $(COVERAGE),$(MEASURED))

test-slow: $(VENV)/.test
	$(PYTEST) $(THOROUGH) -m "(slow or hypothesis) and not cluster"

test-all: $(VENV)/.test
	$(PYTEST) $(THOROUGH) -m "not cluster"

$(SPARK_SERVER)/.installed: constraints.txt | $(VENV)/.test
	@rm -rf $(SPARK_SERVER)
	$(INSTALL) --no-deps --target $(SPARK_SERVER) pyspark
	@touch $@

test-cluster: $(VENV)/.test $(SPARK_SERVER)/.installed
	@command -v java >/dev/null || { \
		echo "Apache Spark needs Java 17 or newer." >&2; \
		echo "Hint: install it (Debian: apt-get install --no-install-recommends default-jre-headless)." >&2; exit 1; }
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "cluster$(if $(ALL),, and not slow)" tests/sentinel_batch/rules/spark

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

bench-service: $(VENV)/.dev
	$(BIN)/python -m benchmarks.service --calls $(CALLS)

bench-voice-service: $(VENV)/.test
	$(BIN)/python -m benchmarks.voice_service

docs: $(VENV)/.run
	$(BIN)/python -m sentinel_batch.cli.documentation docs/cli.md
	$(BIN)/python -m sentinel_batch.rules.documentation docs
	$(BIN)/python -m sentinel_batch.ingestion.documentation docs/dialects.md
	$(BIN)/python -m sentinel_batch.verb_stub sentinel_batch/verbs.pyi
	$(BIN)/python -m sentinel_batch.numbers.documentation docs/numbers.md

wheel: $(VENV)/.dev
	$(BIN)/python -m build --wheel --outdir dist

clean:
	rm -rf $(VENV) $(LAKE) $(DEMO_LAKE) data/work build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf $(REPORTS)/* docs/rules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
