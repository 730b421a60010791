PYTHON ?= python3
VENV ?= .venv
PHOTO ?= assets/walk_side.jpg
OUT ?= out

.PHONY: fit test check clean

fit: $(VENV)/installed  ## fit a body to PHOTO and say where the pictures are
	$(VENV)/bin/python demos/fit_image.py $(PHOTO) --out $(OUT)

test: $(VENV)/installed  ## run the tests
	$(VENV)/bin/pytest

check: $(VENV)/installed  ## lint and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(VENV)/installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -r requirements.txt
	touch $@

clean:  ## remove the environment and what the demos wrote
	rm -rf $(VENV) out
