// Embeddings of a shard's nucleotides (encoder dna) or proteins (encoder protein), a row for each.
include { afterFailure } from '../workflows/retries'

process EMBED {
    tag "${meta.shard}"
    label 'embed'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(shard)
    val encoder
    path bundle, stageAs: 'model/*'
    val settings
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/embeddings/${meta.shard}.${encoder}.h5"), emit: embeddings
    path "${meta.shard}.${encoder}.checkpoint", emit: checkpoint, optional: true
    path "stages/${task.process.tokenize(':').last()}_${meta.shard}.tsv", emit: stages
    path 'versions.yml', emit: versions

    script:
    // The process is included under several names, which its files are called by.
    def name = task.process.tokenize(':').last()
    // Where checkpoints are kept comes in the environment (nextflow.config).
    // exec: the task ends with the exit code of the program that a signal reaches, not of a shell.
    """
    mkdir -p ${meta.id}/embeddings stages
    versions.py ${name} torch numpy h5py > versions.yml
    exec embed.py ${shard} --encoder ${encoder} --model ${bundle} \\
        --output ${meta.id}/embeddings/${meta.shard}.${encoder}.h5 \\
        --device ${settings.device} --precision ${settings.precision} \\
        --attention ${settings.attention} --token-budget ${settings.token_budget} \\
        --max-failed-fraction ${settings.max_failed_fraction} \\
        --checkpoint-key ${meta.shard}.${encoder}.checkpoint \\
        --stages stages/${name}_${meta.shard}.tsv
    """

    stub:
    def name = task.process.tokenize(':').last()
    """
    mkdir -p ${meta.id}/embeddings stages
    touch ${meta.id}/embeddings/${meta.shard}.${encoder}.h5 ${meta.shard}.${encoder}.checkpoint
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/${name}_${meta.shard}.tsv
    versions.py ${name} torch numpy h5py > versions.yml
    """
}
