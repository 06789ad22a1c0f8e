#!/usr/bin/env bash
# Starts the Nextflow whose archives `make setup` put beside this virtual environment.
set -euo pipefail

bin=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
lib=$bin/../share/nextflow
# Tasks inherit this PATH: python3 must be the one that has the package.
export PATH="$bin:$PATH"

if [[ -n ${JAVA_CMD:-} ]]; then
    java=$JAVA_CMD
elif [[ -n ${JAVA_HOME:-} ]]; then
    java=$JAVA_HOME/bin/java
else
    java=java
fi
if ! command -v "$java" >/dev/null; then
    echo "error: no Java at '$java'; install a JDK of version 17 or later, or set JAVA_HOME" >&2
    exit 1
fi

# Java tells files by the letters of the locale: where that is not UTF-8, it does not find é.fasta.
is_utf8() { [[ $(LC_ALL=${1:-${LC_ALL:-}} locale charmap 2>/dev/null) == UTF-8 ]]; }
if ! is_utf8; then
    for name in C.UTF-8 C.utf8 en_US.UTF-8; do
        if is_utf8 "$name"; then
            export LC_ALL=$name
            break
        fi
    done
fi

# Nextflow keeps files of its own in a home directory; a container's user often has none.
if [[ -z ${NXF_HOME:-} && ! -w ${HOME:-/nonexistent} && ! -w ${HOME:-/nonexistent}/.nextflow ]]; then
    export NXF_HOME=$PWD/.nextflow/home
    mkdir -p -- "$NXF_HOME"
fi

# A progress display that redraws itself is for a terminal; elsewhere it would fill a log.
[[ -t 1 ]] || export NXF_ANSI_LOG=${NXF_ANSI_LOG:-false}

# Without these the task cache is silently never written, and -resume runs everything again.
opens=()
for package in java.lang java.io java.nio java.nio.file.spi java.net java.util \
    java.util.concurrent.locks java.util.concurrent.atomic java.util.regex sun.nio.ch sun.nio.fs \
    sun.net.www.protocol.http sun.net.www.protocol.https sun.net.www.protocol.ftp \
    sun.net.www.protocol.file jdk.internal.misc jdk.internal.vm; do
    opens+=("--add-opens=java.base/$package=ALL-UNNAMED")
done

# Nextflow's classes as the JVM that `make setup` ran lays them out in memory. Another JVM starts
# without them; it would say so, which is of no use to anybody.
shared=()
[[ ! -f $lib/classes.jsa ]] ||
    shared=(-XX:SharedArchiveFile="$lib/classes.jsa" -Xlog:disable -Xlog:all=error:stderr)

# Threads that collect garbage side by side cost a start half a second; a choice in NXF_OPTS stays.
collector=(-XX:+UseSerialGC)
[[ "${NXF_OPTS:-} ${NXF_JVM_ARGS:-}" != *GC* ]] || collector=()

# NXF_OPTS and NXF_JVM_ARGS hold several options each, so they are split on purpose.
# shellcheck disable=SC2086
exec "$java" "${opens[@]}" -Dfile.encoding=UTF-8 -Djava.awt.headless=true \
    -XX:+TieredCompilation -XX:TieredStopAtLevel=1 "${collector[@]}" "${shared[@]}" \
    ${NXF_OPTS:-} ${NXF_JVM_ARGS:-} -cp "$lib/*" nextflow.cli.Launcher "$@"
