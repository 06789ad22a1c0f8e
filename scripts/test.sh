#!/usr/bin/env bash
# What every change must pass: formatter, linter, types, the nf-test suites where nf-test is on PATH,
# and the tests. With --all also those that are marked long. pytest's summary comes last; options
# behind go to pytest. The benchmarks are left out: nf-test test tests/benchmarks [--tag SUITE].
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck disable=SC1091
. .venv/bin/activate

with_long=
if [[ ${1:-} == --all ]]; then
    with_long=yes
    shift
fi

failed=0
ruff format --check . && ruff check . && mypy || failed=1

if command -v nf-test >/dev/null; then
    report=$(mktemp)
    trap 'rm -f "$report"' EXIT
    nf-test test tests/main.nf.test tests/modules --tap "$report" || failed=1
    passed=$(grep -c '^ok ' "$report" || true)
    # A run that finds no test must not look like one that passed.
    [[ $passed -gt 0 ]] || failed=1
    echo "nf-test: $passed passed, $(grep -c '^not ok ' "$report" || true) failed"
else
    echo "nf-test is not on PATH: its suites did not run"
fi

# A file's tests stay together, for they share what they have made; in order, so that those with
# Nextflow, which are slow, do not come last.
python -m pytest -m "not long" --numprocesses auto --dist loadfile --no-loadscope-reorder "$@" ||
    failed=$?
if [[ $with_long ]]; then
    # One at a time: they kill processes, start a cluster, or measure.
    python -m pytest -m long "$@" || failed=$?
fi
exit "$failed"
