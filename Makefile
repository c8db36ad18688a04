# The commands of the README. Set-up makes .venv once and again when its pins change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Every command here starts many processes; each would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo run test lab faults soak check bench clean

help:
	@echo "make demo   play the main loop once on a sandbox portal"
	@echo "make run    the service: web page, scheduler and workers on 127.0.0.1:8400"
	@echo "make test   every check, and every test but those of the next three"
	@echo "make lab    2,000 random schedules of faults and crashes, and 60 with real kills"
	@echo "make faults planted faults, and kills at every point"
	@echo "make soak   ten times as many schedules, and four workers beside each other"
	@echo "make bench  the benchmarks"

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Retro ROI needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]' --constraint constraints.txt
	@# Compiles what the commands import, a small part of what was installed.
	@$(BIN)/python -m workers --help > /dev/null
	@touch $@

setup: $(VENV)/.ready

demo: setup
	$(BIN)/python -m workers demo

run: setup
	$(BIN)/python -m workers run

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

PYTEST := $(BIN)/python -m pytest --numprocesses 4

test: check
	$(PYTEST) --dist loadfile --no-loadscope-reorder -m 'not lab and not faults and not soak'

# The kills and two shares of the schedules beside each other: the kills wait half of their time.
lab: setup
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal -m lab

faults: setup
	$(PYTEST) --dist worksteal -m faults

soak: setup
	$(BIN)/python -m pytest -m soak
	RETRO_LAB_SCHEDULES=20000 RETRO_LAB_STEPS=8 RETRO_LAB_KILLS=600 $(MAKE) lab

bench: setup
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache
