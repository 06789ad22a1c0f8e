// Fails for a sample that cannot be used, so that its run ends with an error when all others are done.

process FAILED_SAMPLE {
    tag "${sample}"
    // It runs within Nextflow, which does so for tasks of this machine only, and in no array.
    executor 'local'
    array 0
    errorStrategy 'ignore'

    input:
    tuple val(sample), val(message)

    exec:
    Outcome.addFailedSample(sample, message)
    // error() would stop the run at once.
    throw new IllegalArgumentException(message)
}
