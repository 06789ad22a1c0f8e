// Removes the checkpoints of a run that has all its results; what cannot be removed is no reason
// for the run to fail.
process PRUNE {
    label 'light'
    errorStrategy 'ignore'

    input:
    path checkpoints, stageAs: 'checkpoints/*'
    val n_finished

    output:
    path 'pruned.txt', emit: pruned
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    // Where they are comes in the environment (nextflow.config).
    """
    doctor.py checkpoints --remove-named-in checkpoints > pruned.txt
    """

    stub:
    """
    touch pruned.txt
    touch versions.yml
    """
}
