#!/usr/bin/env bash
# Every test: the nf-test suites where nf-test is on PATH, then pytest, whose summary comes last.
# The benchmarks are left out, which take minutes: nf-test test tests/benchmarks [--tag SUITE].
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck disable=SC1091
. .venv/bin/activate

failed=0
if command -v nf-test >/dev/null; then
    report=$(mktemp)
    trap 'rm -f "$report"' EXIT
    nf-test test tests/main.nf.test tests/modules --tap "$report" || failed=1
    passed=$(grep -c '^ok ' "$report" || true)
    # A run that finds no test must not look like one that passed.
    [[ $passed -gt 0 ]] || failed=1
    echo "nf-test: $passed passed, $(grep -c '^not ok ' "$report" || true) failed"
else
    echo "nf-test is not on PATH: its suites are left out"
fi

python -m pytest "$@" || failed=$?
exit "$failed"
