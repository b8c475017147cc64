# Every target is one or two calls of a tool; `make prepare` says what it fetches, and a second call fetches nothing.
PYTHON ?= python3
VENV = $(shell $(PYTHON) -m tests.prepare --print-venv)
KUBECTL = $(shell $(PYTHON) -c 'from tests.sandbox.binaries import require; print(require("kubectl"))')
RUN = PATH="$(VENV)/bin:$$PATH" $(VENV)/bin

export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
export LC_ALL := C.UTF-8

.DEFAULT_GOAL := help
.PHONY: help prepare tools clusters demo demo-clean test lint sanity unit matrix coverage mutation docs integration molecule bench torture build changelog

help: ## Show the targets
	@sed -n 's/^\([a-z][a-z -]*\):.*## \(.*\)/make \1\n        \2/p' $(MAKEFILE_LIST)

prepare: ## Fetch and build what demo and test need (once per machine)
	@$(PYTHON) -m tests.prepare

tools: ## Fetch the Python packages only: enough for lint, sanity, unit and build
	@$(PYTHON) -m tests.prepare venv release

clusters: # what the demo needs of it: no browser, which tests look at the report with
	@$(PYTHON) -m tests.prepare venv binaries

demo: clusters ## One host and three members as real clusters, installed and imported; left running
	@printf '== Start the clusters (python -m tests.sandbox up --members 3 --behind-nat member-3)\n'
	@$(RUN)/python -m tests.sandbox up --members 3 --behind-nat member-3
	@printf '\n== Install and import (ansible-playbook -i inventories/sandbox kubesphere.multicluster.site)\n'
	@$(RUN)/ansible-playbook -i inventories/sandbox kubesphere.multicluster.site -e report_dir=build/report
	@printf '== The members, as the host knows them (kubectl get clusters.cluster.kubesphere.io)\n'
	@$(KUBECTL) --kubeconfig .sandbox/host.kubeconfig get clusters.cluster.kubesphere.io
	@printf '\nLook around:   $(KUBECTL) --kubeconfig .sandbox/host.kubeconfig get pods -A\n'
	@printf 'Kubeconfigs:  '; printf ' %s' .sandbox/*.kubeconfig; printf '\n'
	@printf 'Processes:     build/venv/bin/python -m tests.sandbox status\n'
	@printf 'Take it down:  make demo-clean\n'
	@printf 'What of it is real, and what a stand-in plays: docs/demo.md\n'
	@printf 'The fleet in a picture, for your browser: build/report/index.html\n'

demo-clean: tools ## Take the demo's clusters down
	@$(RUN)/python -m tests.sandbox down

test: prepare ## Everything: lint, sanity, unit, matrix, docs, integration, a sample of torture, molecule, build
	@$(RUN)/python -m tests.check

lint sanity unit build: tools ## One stage of make test
	@$(RUN)/python -m tests.check $@

docs: tools ## Build the documentation as HTML: build/docs/html/index.html
	@$(PYTHON) -m tests.prepare docs
	@$(RUN)/python -m tests.check docs

integration molecule: prepare ## One stage of make test
	@$(RUN)/python -m tests.check $@

matrix: prepare ## Unit tests and a road with ansible-core 2.16 to 2.19, and under Python 3.9 and 3.13; writes build/matrix.json
	@$(RUN)/python -m tests.check matrix

coverage: prepare ## What the unit tests reach of each floor (TESTS="tests/unit tests/integration": these); writes build/coverage.json
	@$(RUN)/python -m tests.check.coverage $(TESTS)

mutation: tools ## Mistakes in the domain that its tests find, or not (MODULES="waves plan": in these); writes build/mutation.json
	@$(RUN)/python -m tests.mutation $(MODULES)

torture: prepare ## Kill, disturb and double runs wherever it can be done (three quarters of an hour); writes build/torture.json
	$(RUN)/python -m tests.torture

bench: prepare ## Measure the targets, beside kubectl and kubernetes.core (an hour); writes build/bench.json
	$(RUN)/python -m tests.benchmarks

changelog: tools ## Make the fragments the notes of the release that galaxy.yml names
	@PATH="build/release/bin:$$PATH" antsibull-changelog release --reload-plugins --update-existing
