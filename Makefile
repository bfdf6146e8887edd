# make demo   install into .venv and start the app
# make test   install, then ruff, mypy and pytest
# make lock   resolve requirements.lock anew (needs uv)
# PYTHON=python3.12 make demo   with another interpreter (3.11 or newer); only counts while .venv is not there yet

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
TESTS  ?= tests

# What comes with torch: other files with other hashes on every kind of machine, so the lock leaves them to it.
WITH_TORCH := torch triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-,cublas cuda-cupti cuda-nvrtc \
	cuda-runtime cudnn-cu13 cufft cufile curand cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)
LOCK   := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate -q

.PHONY: demo test check browser lock clean help
.DEFAULT_GOAL := help

help:
	@sed -n '1,4s/^# //p' Makefile

demo: $(VENV)/.stamp-app
	GRADIO_ANALYTICS_ENABLED=False $(BIN)/python app.py

test: $(VENV)/.stamp-test browser check
	GRADIO_ANALYTICS_ENABLED=False HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -rs $(TESTS)

check: $(VENV)/.stamp-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A stamp is newer than the requirements it was made from, so a second call installs nothing.
$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) \
		|| { echo "Could not make $(VENV); on Debian install the package python3-venv first." >&2; exit 1; }
	@touch $@

# First torch, which is no part of the lock; then the files that the lock names, and no others; then what pip makes of it.
$(VENV)/.stamp-app: requirements.txt requirements-models.txt requirements.lock | $(VENV)/.stamp-venv
	$(PIP) install "$$(grep ^torch requirements.txt)"
	$(PIP) install --no-deps --require-hashes -r requirements.lock
	$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/.stamp-test: requirements-test.txt requirements-scale.txt requirements-lmms.txt $(VENV)/.stamp-app
	$(PIP) install -r requirements-test.txt
	$(PIP) install --no-deps -r requirements-lmms.txt
	@touch $@

# Without a browser the tests marked "browser" are skipped, and pytest says so at its end.
browser:
	@if { command -v chromium || command -v chromium-browser || command -v google-chrome; } > /dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "Installing Debian's chromium for the browser tests"; \
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; } \
			|| echo "chromium could not be installed; the browser tests will be skipped"; \
	else echo "No chromium here and no right to install it; the browser tests will be skipped"; fi

# Keeps the versions that are in the file already, where they still fit; delete it first to take the newest.
lock:
	touch requirements.lock
	UV_CUSTOM_COMPILE_COMMAND='make lock' $(LOCK) $(addprefix --no-emit-package ,$(WITH_TORCH)) requirements.txt -o requirements.lock
	$(LOCK) --no-header --no-deps requirements-models.txt >> requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
