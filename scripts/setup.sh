#!/usr/bin/env bash
# Makes .venv with the package and, where no Nextflow of 24.10 or later is on PATH, with Nextflow.
# `make setup` calls it only when something that it depends on has changed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
here=$(pwd -P)

fail() {
    echo "error: $*" >&2
    exit 1
}

# The first of these interpreters whose version the package supports; ignores an active .venv.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' \
            2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python of version 3.10 to 3.13; install one, or name it: make setup PYTHON=..."
}

java_major() {
    # "17.0.15" -> 17, "1.8.0_402" -> 1, "21-ea" -> 21
    "$1" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1
}

check_java() {
    local java=${JAVA_CMD:-${JAVA_HOME:+$JAVA_HOME/bin/java}}
    java=${java:-java}
    command -v "$java" >/dev/null ||
        fail "no Java ('$java'); install a JDK of version 17 or later (Debian: default-jdk-headless)"
    local major
    major=$(java_major "$java")
    [[ ${major:-0} -ge 17 ]] ||
        fail "Java ${major:-of unknown version} is too old; install a JDK of version 17 or later"
}

# Whether a Nextflow of 24.10 or later is on PATH outside .venv.
has_nextflow() {
    local path version
    path=$(printf %s "$PATH" | tr : '\n' | grep -vxF "$here/.venv/bin" | paste -sd : -)
    version=$(PATH=$path command -v nextflow >/dev/null &&
        PATH=$path NXF_OFFLINE=true nextflow -version 2>/dev/null |
        sed -n 's/.*version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1) || return 1
    [[ -n $version && $(printf '24.10\n%s\n' "$version" | sort -V | head -n 1) == 24.10 ]]
}

# Keeps the classes of a small run as the JVM laid them out in memory: half a second less at each
# start. A JVM that cannot do this is no reason to fail.
archive_classes() {
    local folder
    folder=$(mktemp -d)
    cat >"$folder/main.nf" <<'SCRIPT'
process P {
    input:
    val n
    output:
    path 'n.txt'
    script:
    "echo $n >n.txt"
}
workflow { P(channel.of(1)).view() }
SCRIPT
    (
        cd "$folder"
        NXF_OFFLINE=true NXF_OPTS="-XX:ArchiveClassesAtExit=classes.jsa -Xlog:disable" \
            "$here/.venv/bin/nextflow" run main.nf -with-trace -with-report -with-timeline
    ) >"$folder/log" 2>&1 && mv "$folder/classes.jsa" "$here/.venv/share/nextflow/" ||
        echo "(this Java keeps no classes between runs; Nextflow starts half a second later)"
    rm -rf "$folder"
}

python=$(find_python)
check_java

# A virtual environment holds absolute paths: one that was moved here, or whose interpreter is
# gone, is made anew.
if [[ -e .venv ]] && ! { grep -qsF "$here/.venv" .venv/bin/activate && .venv/bin/python -c ''; }; then
    rm -rf .venv
fi
if [[ ! -x .venv/bin/python ]]; then
    "$python" -m venv .venv ||
        fail "python3 cannot make a virtual environment; install its venv module (Debian: python3-venv)"
fi
echo "Installing the package into .venv ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    -c constraints.txt -r scripts/requirements-setup.txt -e '.[dev]'

.venv/bin/python scripts/jars.py fetch scripts/nf-lang.lock .venv/share/nf-lang
if has_nextflow; then
    rm -f .venv/bin/nextflow
else
    echo "Installing Nextflow into .venv ..."
    .venv/bin/python scripts/jars.py fetch scripts/nextflow.lock .venv/share/nextflow
    rm -f .venv/share/nextflow/classes.jsa
    install -m 755 scripts/nextflow.sh .venv/bin/nextflow
    archive_classes
fi
echo "$here" >.venv/.setup-done
