#!/bin/sh
# All that `make check` asks of a commit, cheapest first. Every check runs; the names of those that failed come last.
set -u
cd "$(dirname "$0")/.."

bin=.venv/bin
failed=

step() {
    name=$1
    shift
    printf '── %s\n' "$name"
    "$@" || failed="$failed $name"
}

no_new_secrets() {
    git ls-files -z --cached --others --exclude-standard |
        xargs -0 "$bin/python" -m detect_secrets.pre_commit_hook --baseline .secrets.baseline
}

step format "$bin/python" -m ruff format --check --quiet src tests scripts benchmarks
step lint "$bin/python" -m ruff check --quiet src tests scripts benchmarks
step types "$bin/python" -m mypy
step imports "$bin/lint-imports" --no-logo
step secrets no_new_secrets
step docs "$bin/python" -m pytest -q tests/docs

if [ -n "$failed" ]; then
    echo "check: failed:$failed" >&2
    exit 1
fi
echo "check: all is well"
