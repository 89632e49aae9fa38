# Two commands do everything on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: install demo test lint bench clean

install: $(INSTALLED)

# The constraints name exactly the versions that are tested.
$(INSTALLED): pyproject.toml docker/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c docker/constraints.txt -e '.[dev]'
	touch $(INSTALLED)

demo: install
	$(BIN)/medsynth demo --workspace demo

# Tests of one file stay in one process, because they share what they made.
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# By hand: prints tables of speed and memory, each with a peer measured in the same run.
bench: install
	for program in tests/benchmarks/bench_*.py; do $(BIN)/python $$program || exit 1; done

clean:
	rm -rf $(VENV) demo build *.egg-info
