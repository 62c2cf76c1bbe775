# Every target makes its own virtual environment: nothing needs to be installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint format bench docs clean

demo: $(VENV)/demo.done
	$(BIN)/skdcca demo $(ARGS)

test: $(VENV)/test.done
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/lint.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/lint.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Needs SKDCCA_DATA; see docs/benchmarks.md.
bench: $(VENV)/demo.done
	$(BIN)/python benchmarks/lieder.py $(ARGS)

# The guide's examples are run, so that they stay true.
docs: $(VENV)/test.done
	$(BIN)/python -m pytest --doctest-glob='*.md' README.md docs $(ARGS)

clean:
	rm -rf $(VENV) build dist demo-output .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.done: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[songs,plot]'
	touch $@

$(VENV)/test.done: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[test]'
	touch $@

$(VENV)/lint.done: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[lint]'
	touch $@
