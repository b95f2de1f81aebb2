# `make` prints what there is. Everything runs in the project's own virtual environment.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
WORKERS ?= auto
AUDIT ?=
# Each process of the tests would else compile all of them anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check lint format types imports audit unit docs screenshots faults switches fuzz bench clean

help: ## print this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/demo.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Verdigris needs Python 3.11 or newer; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once; a minute or two)…" >&2
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]' >&2
	@touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev,docs]' >&2
	@touch $@

demo: $(VENV)/demo.stamp ## play the main job on the sandbox; ARGS="--once --json" plays without staying
	@$(BIN)/verdigris demo $(ARGS)

test: $(VENV)/dev.stamp ## all tests: unit, contract, integration, end to end
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests/unit/release tests/contract --cov=release --cov-report= $(ARGS)
	@$(BIN)/coverage report --include='release/*' --fail-under=100 --show-missing --skip-covered
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests/e2e tests/integration tests/unit --ignore=tests/unit/release --ignore=tests/e2e/test_demo.py $(ARGS)
	@$(BIN)/python -m pytest -q tests/e2e/test_demo.py tests/faults $(ARGS)

unit: $(VENV)/dev.stamp ## only the fast tests
	@$(BIN)/python -m pytest -q -n $(WORKERS) tests/unit $(ARGS)

lint: $(VENV)/dev.stamp ## ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/dev.stamp ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/dev.stamp ## mypy --strict
	@$(BIN)/mypy

imports: $(VENV)/dev.stamp ## imports point one way
	@$(BIN)/lint-imports

audit: $(VENV)/dev.stamp ## known vulnerabilities of what constraints.txt pins; says so where nobody can be asked
	@$(BIN)/python .ci/audit.py constraints.txt $(AUDIT)

docs: $(VENV)/dev.stamp ## the documentation as a site, in build/docs; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

screenshots: $(VENV)/dev.stamp ## the pictures of README and docs, taken from the running demo; needs chromium
	@$(BIN)/python docs/screenshots.py $(ARGS)

faults: $(VENV)/dev.stamp ## kill, freeze, restart and cut off everything in turn; the last line is the verdict
	@$(BIN)/python -m tests.faults $(ARGS)

switches: $(VENV)/dev.stamp ## 100 switches and 20 releases under 500 requests a second: none lost
	@VERDIGRIS_SWITCHES=100 VERDIGRIS_RELEASES=20 $(BIN)/python -m pytest -q -p no:logging tests/integration/test_zero_loss.py $(ARGS)

fuzz: $(VENV)/dev.stamp ## 20,000 mutated deliveries, none may get through unsigned; 200 long stories of the queue against its model
	@VERDIGRIS_FUZZ=20000 VERDIGRIS_MODEL=200 $(BIN)/python -m pytest -q -n $(WORKERS) tests/contract/test_fuzz_deliveries.py tests/contract/test_queue_model.py $(ARGS)

bench: $(VENV)/dev.stamp ## ratios, measured side by side; fifteen minutes; ARGS="--markdown", or names of benches
	@$(BIN)/python -m bench $(ARGS)

check: lint types imports audit test ## what CI runs

clean: ## remove what make and the demo made
	rm -rf $(VENV) .verdigris .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
