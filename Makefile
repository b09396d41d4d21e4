# The front door. `make help` lists what is here; everything a target needs it installs by itself.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup lock demo test lint unit component integration e2e scan bench golden crds charts docs images verify accept clean

export VENV ?= .venv
PY := $(VENV)/bin/python
PYTEST := $(PY) -m pytest
COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14

setup: ## make .venv from the hash-locked requirements (Debian and Ubuntu: installs python3-venv if it lacks)
	@deploy/setup.sh $(VENV)

lock: ## write requirements/*.txt anew from pyproject.toml (needs uv)
	$(COMPILE) pyproject.toml --extra fetch --extra ledger -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra fetch --extra ledger --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) --group scan -o requirements/scan.txt
	$(COMPILE) --group llama-build -o requirements/llama-build.txt
	$(COMPILE) --group litellm -o requirements/litellm.txt

demo: setup ## the whole product on this machine: cluster, chart, model, a streamed answer
	@$(PY) -m paceline demo

test: setup ## everything CI runs: lint, types, all tests, short forms of every drill
	@deploy/test.sh all

lint: setup ## style, types, import layers, spelling
	@deploy/test.sh lint

unit: setup ## unit, golden, convention, chart and docs tests
	@deploy/test.sh unit

component: setup ## the operator and the engine against in-process peers
	@deploy/test.sh component

integration: setup ## against a real API server
	@deploy/test.sh integration

e2e: setup ## against the embedded cluster with real pods
	@deploy/test.sh e2e

scan: setup ## checkov on the rendered chart and on the children of every example
	@deploy/test.sh scan

bench: setup ## every benchmark in its short form, one JSON line each
	@$(PY) -m tests.bench

golden: setup ## rewrite and prune the golden files; review the difference
	@$(PY) -m paceline local binaries && $(PY) -m paceline local images
	@GOLDEN=write $(PYTEST) -q tests/unit tests/golden tests/charts tests/conventions \
	  tests/component/enginesim/test_life.py tests/integration/test_rbac.py

crds: setup ## write crds/ from the models
	@$(PY) -m paceline crds --output crds

charts: crds ## copy the CRDs into their chart and write the values reference
	@$(PY) charts/sync.py

docs: setup ## build the documentation, warnings are errors
	@$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html && echo docs/_build/html/index.html

images: setup ## build the container image without Docker (with Docker: deploy/kind/README.md)
	@$(PY) -m paceline local images

verify: setup ## regenerate everything that is checked in and fail on a difference
	@$(MAKE) --no-print-directory crds charts golden
	@$(PY) docs/generate.py
	@git status --porcelain | (! grep .)

accept: setup ## make accept NAME=<work order> [POINT=n]: the "Done when" points at full size, resumable
	@$(PY) -m tests.acceptance $(NAME) $(POINT)

clean: ## remove the local clusters, the virtual environment and build outputs
	@if [ -x $(PY) ]; then $(PY) -m paceline local down --all; \
	elif [ -d /run/paceline ]; then echo "local clusters are left: make setup clean removes them" >&2; exit 1; fi
	@rm -rf $(VENV) build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.*
