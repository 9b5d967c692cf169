# The commands of this project. Each creates .venv when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo lab test test-fast test-browser notebooks publish-as package test-colab lint clean

help:
	@echo "make demo       grow faces on this machine, into runs/demo (three minutes on two cores)"
	@echo "make lab        open JupyterLab"
	@echo "make test       run all tests;  make test-fast  only the quick ones"
	@echo "make test-browser  only the widgets, in Chromium, with ipywidgets 8 and 7.7.1"
	@echo "make notebooks  run all notebooks and keep their outputs"
	@echo "make publish-as REPO=owner/name   point badges and set-up cells to a repository"
	@echo "make package    build the wheel and the sdist into dist/, check them, and try the wheel in an empty environment"
	@echo "make test-colab  the fast tests and a notebook under Colab's versions (Python 3.13)"
	@echo "make lint       check style and types;  make clean  remove .venv and dist"

# gdown 5.2.2 and ipywidgets 7.7.1 are what Colab has; tests run with them too.
$(READY): pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
		{ echo "facegan needs Python 3.10 or newer; try: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --target .venv/gdown-5.2.2 gdown==5.2.2
	$(BIN)/python -m pip install --quiet --no-deps --target .venv/ipywidgets-7.7.1 \
		ipywidgets==7.7.1 "jupyterlab_widgets<2" ipython_genutils
	@touch $(READY)

demo: $(READY)
	$(BIN)/facegan train --recipe tiny --data synthetic --steps 3000 --run-dir runs/demo

# JupyterLab refuses to run as root, which one is in many containers, unless it is allowed to.
lab: $(READY)
	$(BIN)/jupyter lab $$(test "$$(id -u)" != 0 || echo --allow-root)

test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 -m "not browser"
	PYTHONPATH=.venv/ipywidgets-7.7.1 $(BIN)/python -m pytest tests/widgets
	$(MAKE) test-browser

test-browser: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope -m browser tests/browser

test-fast: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 -m "not slow"

notebooks: $(READY)
	$(BIN)/python scripts/build_notebooks.py --execute

# Only addresses change, so there is nothing to install again: .ready stays newer than pyproject.toml.
publish-as: $(READY)
	@echo "$(REPO)" | grep -Eqx '[A-Za-z0-9._-]+/[A-Za-z0-9._-]+' || \
		{ echo "name the repository: make publish-as REPO=owner/name"; exit 1; }
	sed -E -i.old 's#(github|githubusercontent)\.com/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+#\1.com/$(REPO)#' \
		pyproject.toml CITATION.cff
	rm pyproject.toml.old CITATION.cff.old
	@touch $(READY)
	$(BIN)/python scripts/build_notebooks.py

# What .github/workflows/release.yml does before it uploads. The empty environment downloads PyTorch.
package: $(READY)
	rm -rf dist .venv-package
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv .venv-package
	.venv-package/bin/python -m pip install --quiet dist/*.whl
	.venv-package/bin/python -I scripts/smoke_test.py
	cd .venv-package && $(abspath $(BIN))/mypy --config-file= --warn-unused-ignores --python-executable bin/python \
		../tests/files/typed_script.py

# Colab's versions: installing facegan must change none of them; the fast tests, a Stop while its cell runs, and a
# notebook must pass.
COLAB_PYTHON ?= python3.13
COLAB := .venv-colab/bin/python
test-colab:
	$(COLAB_PYTHON) -m venv --clear .venv-colab
	$(COLAB) -m pip install --quiet --requirement tests/colab.txt
	$(COLAB) -m pip freeze > .venv-colab/before
	$(COLAB) -m pip install --quiet .
	$(COLAB) -m pip freeze --exclude facegan | diff .venv-colab/before -
	$(COLAB) -m pip install --quiet pytest pytest-xdist trustme ruff
	$(COLAB) -m pytest --numprocesses 2 -m "not slow"
	$(COLAB) -m pytest tests/widgets/test_stop_button.py
	$(COLAB) -m pytest tests/notebooks/test_notebooks.py -k "run_all and empty and 02"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv .venv-colab .venv-package dist
