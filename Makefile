# The commands of this project. Each creates .venv when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo lab test test-fast notebooks publish-as lint clean

help:
	@echo "make demo       grow faces on this machine, into runs/demo (three minutes on two cores)"
	@echo "make lab        open JupyterLab"
	@echo "make test       run all tests;  make test-fast  only the quick ones"
	@echo "make notebooks  run all notebooks and keep their outputs"
	@echo "make publish-as REPO=owner/name   point badges and set-up cells to a repository"
	@echo "make lint       check style;    make clean      remove .venv"

# gdown 5.2.2 is what Colab has; tests run with it too.
$(READY): pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
		{ echo "facegan needs Python 3.10 or newer; try: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --target .venv/gdown-5.2.2 gdown==5.2.2
	@touch $(READY)

demo: $(READY)
	$(BIN)/facegan train --recipe tiny --data synthetic --run-dir runs/demo

lab: $(READY)
	$(BIN)/jupyter lab

test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2

test-fast: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 -m "not slow"

notebooks: $(READY)
	$(BIN)/python notebooks/make.py --execute

publish-as: $(READY)
	@test -n "$(REPO)" || { echo "name the repository: make publish-as REPO=owner/name"; exit 1; }
	sed -i.old 's|^Repository = .*|Repository = "https://github.com/$(REPO)"|' pyproject.toml && rm pyproject.toml.old
	$(BIN)/python notebooks/make.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv
