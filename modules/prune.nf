// Removes the checkpoints of a run that has all its results; a store that lets none be removed (exit
// code 3) is no reason for the run to fail.
process PRUNE {
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    path checkpoints, stageAs: 'checkpoints/*'
    val n_finished

    output:
    path 'pruned.txt', emit: pruned
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    // Where they are comes in the environment (nextflow.config).
    """
    doctor.py checkpoints --remove-named-in checkpoints > pruned.txt || { code=\$?; [ \$code = 3 ] || exit \$code; touch versions.yml; }
    """

    stub:
    """
    touch pruned.txt
    touch versions.yml
    """
}
