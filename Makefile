# Everything runs with the plain python of .venv; `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
PROTOC := $(BIN)/python -m grpc_tools.protoc -Iproto
# A thousand processes of the tests import the same modules, which are compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo fmt check schema proto proto-check test prove unit e2e documents lock wheel clean
.PHONY: lots e2e-1 e2e-2 e2e-3 e2e-4 unit-1 unit-2 test-open-memory
.PHONY: check-security sbom test-docker
.PHONY: bench-predict bench-http bench-measure bench-walrus bench-chater bench-images bench-files
.PHONY: bench-file-matrix bench-compare bench-open bench-open-memory manifests test-k8s
.PHONY: test-fleet bench-fleet

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: .venv/installed  ## make .venv from the hash-locked requirements

.venv/installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 setup")'
	@echo 'Installing what is locked into .venv; the first time this takes a minute or two.'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

demo: setup  ## run predict under `smoke` against the reference target: 30 seconds, then a verdict
	$(BIN)/gauntlet run predict --profile smoke --only-summary

fmt: setup  ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: setup proto-check  ## format, lint, types, spelling, YAML, schemas, generated code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/yamllint --strict profiles k8s metrics docker-compose.yml .github .checkov.yml
	$(BIN)/hadolint Dockerfile
	$(BIN)/gauntlet check
	$(BIN)/python -m gauntlet.schemas --check

manifests: setup  ## render k8s/stress-test-job.yaml from the overlay smoke-job; needs kubectl
	mkdir -p build
	{ echo '# Made by `make manifests` from the overlay smoke-job: kubectl apply -f k8s/stress-test-job.yaml'; \
	  $(BIN)/gauntlet k8s render --overlay smoke-job; } > build/stress-test-job.yaml
	mv build/stress-test-job.yaml k8s/stress-test-job.yaml

schema: setup  ## write the JSON Schemas of profiles/ and of the run record
	$(BIN)/python -m gauntlet.schemas

proto: setup  ## generate gauntlet/pb from proto/
	$(PROTOC) --python_out=. --pyi_out=. proto/gauntlet/pb/*.proto

proto-check: setup  ## compare gauntlet/pb with what proto/ generates
	rm -rf build/proto
	mkdir -p build/proto
	$(PROTOC) --python_out=build/proto --pyi_out=build/proto proto/gauntlet/pb/*.proto
	diff -r -x '__*' build/proto/gauntlet/pb gauntlet/pb

# The ten minutes of an open run take a tenth of a core beside all others.
test: check  ## all checks and every test
	$(MAKE) --no-print-directory -k -j 2 lots test-open-memory

# End-to-end tests wait half of the time, so that others run beside them. Two lots at once and not
# more: a worker that gets no core for three seconds is lost to its master. That these two are no
# part of the jobs above them is what make warns of.
lots: setup
	$(MAKE) --no-print-directory -k -j 2 --output-sync=target e2e-1 e2e-2 e2e-3 e2e-4 documents unit-1 unit-2 check-security

test-open-memory: setup  ## only whether an open run of ten minutes takes more memory than after one
	$(BIN)/python -m pytest -q -s tests/e2e/test_open_memory.py

# On its own: the clean runs have to keep the shipped limits.
prove: setup  ## break each reference target on purpose: does every threshold of `smoke` notice?
	$(BIN)/gauntlet prove

unit: setup  ## only the tests that start no Locust process
	$(BIN)/python -m pytest -q -m 'not e2e and not long and not docker and not fleet'

unit-1 unit-2: unit-%: setup
	$(BIN)/python -m pytest -q -m 'not e2e and not long and not docker and not fleet' --lot $*/2

e2e: setup  ## only the tests that start real Locust processes
	$(BIN)/python -m pytest -q -m e2e --ignore tests/test_docs.py --ignore tests/test_wheel.py

e2e-1 e2e-2 e2e-3 e2e-4: e2e-%: setup
	$(BIN)/python -m pytest -q -m e2e --lot $*/4 --durations 12 --ignore tests/test_docs.py --ignore tests/test_wheel.py

documents: setup  ## only the tests of what the documents say to type, and of the wheel
	$(BIN)/python -m pytest -q -m e2e tests/test_docs.py tests/test_wheel.py

test-k8s: setup  ## runs in the cluster that KUBECONFIG names, with the image that GAUNTLET_IMAGE names
	$(BIN)/python -m pytest -q tests/cluster/kubernetes.py --timeout 1800

test-fleet: setup  ## faults of distributed runs in network namespaces; needs root and iproute2
	$(BIN)/python -m pytest -q -rs -m fleet tests/fleet

bench-predict: setup  ## requests per CPU-second of PredictUser next to a plain FastHttpUser
	$(BIN)/python -m benchmarks.predict

bench-http: setup  ## CPU per request of our HTTP client next to FastHttpUser; needs nginx
	$(BIN)/python -m benchmarks.http

bench-measure: setup  ## what the measurement costs per request
	$(BIN)/python -m benchmarks.measure

bench-walrus: setup  ## blob cycles per CPU-second next to a plain FastHttpUser
	$(BIN)/python -m benchmarks.walrus

bench-chater: setup  ## steps of Chater's flow per CPU-second next to a plain FastHttpUser
	$(BIN)/python -m benchmarks.chater

bench-images: setup  ## CPU per picture of the image cloud's client, its codecs, and loss
	$(BIN)/python -m benchmarks.images

bench-files: setup  ## MB/s and memory of the file server's client and target next to a baseline
	$(BIN)/python -m benchmarks.files

bench-fleet: setup  ## how many workers one master merges, up to 200: four to six minutes
	$(BIN)/python -m benchmarks.fleet

bench-file-matrix: setup  ## time and memory of the whole matrix: five to ten minutes
	$(BIN)/python -m benchmarks.file_matrix

bench-open: setup  ## CPU per arrival of the open model, and how late arrivals begin
	$(BIN)/python -m benchmarks.open_model

bench-open-memory: setup  ## what an open run's memory grows by in ten minutes
	$(BIN)/python -m benchmarks.open_memory

bench-compare: setup  ## does a comparison of three runs with three see a delay that is a tenth longer?
	$(BIN)/python -m benchmarks.compare

build/security/installed: requirements-security.lock
	$(PYTHON) -m venv build/security
	build/security/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements-security.lock
	touch $@

# Its tools weigh 350 MB, so they have an environment of their own; `check` goes without them.
check-security: build/security/installed  ## image, compose file, manifests and workflows, by checkov and others
	build/security/bin/docker-compose --profile '*' config --quiet
	build/security/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	build/security/bin/zizmor --offline --quiet --no-progress .github/workflows
	build/security/bin/checkov --config-file .checkov.yml

sbom: build/security/installed  ## write dist/sbom.json: what the image is made of, as CycloneDX
	mkdir -p dist
	build/security/bin/cyclonedx-py requirements --output-reproducible --outfile dist/sbom.json requirements.lock

test-docker: setup build/security/installed  ## build and run the image by an engine of its own; needs root and Debian
	$(BIN)/python -m pytest -q -m docker --timeout 1800 --durations=0 tests/docker

lock: setup  ## compile the lock files anew
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --custom-compile-command "make lock" pyproject.toml --extra targets --extra plots -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --custom-compile-command "make lock" pyproject.toml --extra targets --extra plots --group dev \
	  -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --custom-compile-command "make lock" --group build -c requirements-dev.lock -o requirements-build.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --custom-compile-command "make lock" --group security -o requirements-security.lock

wheel: setup  ## build the wheel by way of the sdist, into dist/
	$(BIN)/python -m build --no-isolation

clean:  ## remove what was made
	rm -rf .venv dist build results .pytest_cache .mypy_cache .ruff_cache
