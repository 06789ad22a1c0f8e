#!/usr/bin/env bash
# The tables of stages of a task's samples, which lie in stages_of, as one; a sample that failed has none.
set -euo pipefail
shopt -s nullglob
printf 'stage\tseconds\tsequences\ttokens\n'
for table in stages_of/*.tsv; do
    tail -n +2 "$table"
done
