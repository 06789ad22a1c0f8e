// The samples of a run side by side: a page, and what MultiQC takes up.

process RUN_REPORT {
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    path runs, stageAs: 'runs/?/*'
    path failures, stageAs: 'failures/*'
    path stages, stageAs: 'stages/*'
    // The names of all samples that the run was given.
    val samples
    val code_sha256

    output:
    path 'report.html', emit: page
    path 'multiqc/*', emit: multiqc
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    """
    cat > samples.txt <<'SAMPLES'
    ${samples.join('\n    ')}
    SAMPLES
    report.py samples runs --stages-dir stages --failures-dir failures --given samples.txt --outdir .
    """

    stub:
    """
    mkdir -p multiqc
    touch report.html multiqc/virnucpro_calls_mqc.json
    touch versions.yml
    """
}
