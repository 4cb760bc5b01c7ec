# The few commands a person needs; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
CARILLON := $(BIN)/carillon
# The names of hosts and of this machine stay out of the lock files.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

.PHONY: help setup demo up down test check bench soak soak-pipeline chaos format lock contract fuzz

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/installed $(CARILLON) ## Install everything into .venv, and a local RabbitMQ and MongoDB where no Docker runs
	@$(CARILLON) setup

demo: setup ## Start everything, send, show the report, stop
	@$(CARILLON) demo

up: setup ## Start everything and leave it running
	@$(CARILLON) up

down: $(CARILLON) ## Stop what `make up` started
	@$(CARILLON) down

test: setup ## Run every test against real servers, in four processes beside each other
	@$(BIN)/python -m tests.lanes

check: .venv/installed ## Lint, format, types, imports and dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .

bench: setup ## Measure this machine: about 20 minutes on a quiet one
	$(BIN)/python -m tests.bench

MINUTES ?= 10
EXAMPLES ?= 1000
fuzz: setup ## Ask every operation of the API 1000 things (EXAMPLES=… for others) that its document allows or not
	SCHEMATHESIS_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/integration/ingest/test_schemathesis.py

soak: setup ## Try the engine for 10 minutes (MINUTES=2 for fewer) under faults that come and go
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

NOTIFICATIONS ?= 10000000
soak-pipeline: setup ## Ten million notifications in one life of each process: does any grow? (NOTIFICATIONS=… for fewer)
	$(BIN)/python -m tests.soak.pipeline --notifications $(NOTIFICATIONS)

chaos: setup ## Kill, block and cut everything, and close the books from outside: about an hour and a half
	$(BIN)/python -m tests.chaos

format: .venv/installed ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

contract: .venv/installed ## Write the documents under docs/contract anew, from the models
	$(BIN)/python -m services.cli openapi > docs/contract/openapi.json
	$(BIN)/python -m services.cli asyncapi > docs/contract/asyncapi.json
	for kind in command answer event; do \
		$(BIN)/python -m services.cli asyncapi --schema $$kind > docs/contract/$$kind.schema.json; done

lock: .venv/installed ## Choose versions again and write the hashed requirements
	$(COMPILE) --upgrade --extra tracing --group test --group dev pyproject.toml -o requirements.lock
	$(COMPILE) --constraint requirements.lock --extra tracing pyproject.toml -o deploy/requirements.lock
	$(COMPILE) --no-deps deploy/local/requirements.in -o deploy/local/requirements.lock
	@! grep -nE 'https?://|file:' requirements.lock deploy/requirements.lock deploy/local/requirements.lock

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Carillon needs Python 3.11 or newer; set PYTHON=" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(CARILLON): deploy/local/carillon .venv/installed
	@install -m 0755 deploy/local/carillon $@
