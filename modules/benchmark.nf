// A suite of measurements: its report as a page, as Markdown and as JSON.

process BENCHMARK {
    tag "${suite}"
    label 'embed'
    // A measurement is of this machine and of now.
    cache false
    // Results that differ would hardly be the same the next time.
    ext most_faults: 0
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    val suite
    path reads, stageAs: '.reads/*'
    path bundle, stageAs: '.model/*'
    val settings
    val bundle_sha256
    val code_sha256

    output:
    path 'benchmarks/*.{md,html,json}', emit: reports
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    def options = [
        settings.quick ? '--quick' : '',
        settings.against == null ? '' : "--against '${settings.against}'",
    ].join(' ')
    // A crashed run may hand this folder back with an earlier attempt's reports in it.
    """
    rm -rf benchmarks
    bench.py ${suite} --model ${bundle} --input ${reads} --device ${settings.device} \\
        --precision ${settings.precision} --output benchmarks ${options}
    """

    stub:
    """
    mkdir -p benchmarks
    touch benchmarks/${suite}.md benchmarks/${suite}.html
    echo '{}' > benchmarks/${suite}.json
    touch versions.yml
    """
}
