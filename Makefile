# make compare   what every architecture costs on this machine     ARGS="--models 'u2net*' --size 128"
# make test      the tests; the slow ones too with make test-all    ARGS="-k conformance"
# make test-cpus the tests that compare numbers or times, as on other processors: older kernels, other threads
# make photos    photographs for the data source photos, from packages of the system, into photos/
# make check     lint, format, types
# make fuzz      damaged and hostile input at the doors that users meet    SECONDS=600 ARGS="--kinds images weights"
# make kill      kill -9 at random moments, and what is left then    KILLS=25 ARGS="--only train"
# make gpu       all that needs a GPU, in order of worth, within minutes    MINUTES=8 OUT=gpu-records ARGS="--rehearse"
# make wheels    a folder for a machine that has torch and no network: docs/offline.md    PYTHON=3.12
# make tutorials the tutorials, block by block; their pictures are drawn anew    ARGS=five-minutes
# make docs      the site, into site/; ARGS=serve shows it while you write
# make readme    README's table, and tables and chart in docs/, from benchmarks/records

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
DOCS := .venv/installed-docs
SECONDS ?= 600
KILLS ?= 25
MINUTES ?= 8
OUT ?= gpu-records
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal
CREATOR = $(if $(filter 3.%,$(PYTHON)),python3,$(PYTHON)) # PYTHON=3.12 is another machine's
HERE = $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) # a machine without network has no installation of ours
AVX2 := ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2

compare: $(INSTALLED)
	@$(BIN)/python -m benchmarks.compare $(ARGS)

test: $(INSTALLED)
	@$(PYTEST) $(ARGS)

test-all: $(INSTALLED)
	@$(PYTEST) -m "slow or not slow" $(ARGS)

test-cpus: $(INSTALLED)
	@set -e; for as in "" "$(AVX2)" OMP_NUM_THREADS=1 "OMP_NUM_THREADS=4 OMP_WAIT_POLICY=passive"; do \
		echo "$${as:-this processor as it is}"; env $$as $(PYTEST) -m "numeric and not slow" $(ARGS); done

check: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fuzz: $(INSTALLED)
	@PYTHONPATH=tests/helpers $(BIN)/python -m fuzzing --seconds $(SECONDS) $(ARGS)

kill: $(INSTALLED)
	@PYTHONPATH=tests/helpers $(BIN)/python -m killing --kills $(KILLS) $(ARGS)

docs: $(DOCS)
	@PYTHONPATH="$(CURDIR)" NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs $(or $(ARGS),build --quiet)

readme: $(INSTALLED)
	@$(BIN)/python -m benchmarks.upkeep readme $(ARGS)

tutorials: $(INSTALLED)
	@PYTHONPATH=tests/helpers $(BIN)/python -m tutorials $(ARGS)

gpu:
	@PYTHONPATH="$(CURDIR):$$PYTHONPATH" $(HERE) -m benchmarks.upkeep gpu --minutes $(MINUTES) --out $(OUT) $(ARGS)

wheels: $(INSTALLED)
	@$(BIN)/python -m benchmarks.upkeep wheels $(if $(filter 3.%,$(PYTHON)),--python $(PYTHON)) $(ARGS)

photos: $(INSTALLED)
	@$(BIN)/python -m zoo data photos $(ARGS)

$(INSTALLED): pyproject.toml
	@$(CREATOR) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pairzoo needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; name another by PYTHON=python3.12")'
	@test -x $(BIN)/python || $(CREATOR) -m venv .venv
	@echo "installing into .venv, once; with torch that is several GB and a minute or two"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

$(DOCS): $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $@

.PHONY: docs tutorials gpu wheels photos compare test test-all test-cpus check fuzz kill readme
