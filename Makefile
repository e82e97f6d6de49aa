# make compare   what every architecture costs on this machine     ARGS="--models 'u2net*' --size 128"
# make test      the tests; the slow ones too with make test-all    ARGS="-k conformance"
# make check     lint, format, types
# make readme    the README's tables and chart, from benchmarks/records

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

compare: $(INSTALLED)
	@$(BIN)/python -m benchmarks.compare $(ARGS)

test: $(INSTALLED)
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-all: $(INSTALLED)
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "slow or not slow" $(ARGS)

check: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

readme: $(INSTALLED)
	@$(BIN)/python -m benchmarks.upkeep.readme $(ARGS)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pairzoo needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; name another by PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv, once; with torch that is several GB and a minute or two"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

.PHONY: compare test test-all check readme
