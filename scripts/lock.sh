#!/bin/sh
# Writes requirements/run.txt (what Tidemill runs with), requirements/dev.txt (that and the tools) and
# requirements/bench.txt (the crawlers that `make bench` measures against, in an environment of their own).
#
# All are for every supported Python and platform at once, carry the hashes of all files, and name no download address:
# where packages come from is the business of the machine that installs them. Versions move only with UPGRADE=1.
set -eu
cd "$(dirname "$0")/.."

uv=${UV:-.venv/bin/uv}
[ -x "$uv" ] || { echo "lock: $uv is not there; run 'make setup' first (or set UV)" >&2; exit 1; }

compile() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --no-header ${UPGRADE:+--upgrade} --output-file "$output" "$@"
}

mkdir -p requirements
extras="--extra browser --extra postgres --extra redis --extra rabbitmq --extra s3 --extra opensearch"
# shellcheck disable=SC2086
compile requirements/run.txt $extras pyproject.toml
# shellcheck disable=SC2086
compile requirements/dev.txt --constraint requirements/run.txt $extras --extra parquet --group dev pyproject.toml
compile requirements/bench.txt --constraint requirements/dev.txt benchmarks/peers/requirements.in

if grep -n '://' requirements/*.txt; then
    echo "lock: the lines above name an address; take them out" >&2
    exit 1
fi
