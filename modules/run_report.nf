// The samples of a run side by side: a page, and what MultiQC takes up.

process RUN_REPORT {
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    path runs, stageAs: 'runs/?/*'
    path stages, stageAs: 'stages/*'
    val code_sha256

    output:
    path 'report.html', emit: page
    path 'multiqc/*', emit: multiqc
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    """
    report.py samples runs --stages-dir stages --outdir .
    """

    stub:
    """
    mkdir -p multiqc
    touch report.html multiqc/virnucpro_calls_mqc.json
    touch versions.yml
    """
}
