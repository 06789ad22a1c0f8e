// Embeddings of shards' nucleotides (encoder dna) or proteins (encoder protein), a row for each.

process EMBED {
    tag "${meta.shard}"
    label 'embed'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(shards, arity: '1..*')
    val encoder
    path bundle, stageAs: 'model/*'
    val settings
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("*/embeddings/*.${encoder}.h5", arity: '1..*'), emit: embeddings
    path "*.${encoder}.checkpoint", emit: checkpoint, optional: true
    path "stages/${task.process.tokenize(':').last()}_${meta.shard}.tsv", emit: stages
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    // The process is included under several names, which its files are called by.
    def name = task.process.tokenize(':').last()
    def files = shards.collect { shard ->
        "${shard} --output ${Samples.sampleOf(shard)}/embeddings/${shard.baseName}.${encoder}.h5 --checkpoint-key ${shard.baseName}.${encoder}.checkpoint"
    }
    // Where checkpoints are kept comes in the environment (nextflow.config).
    // exec: the task ends with the exit code of the program that a signal reaches, not of a shell.
    """
    mkdir -p ${shards.collect { shard -> "${Samples.sampleOf(shard)}/embeddings" }.unique().join(' ')} stages
    exec embed.py ${files.join(' ')} --encoder ${encoder} --model ${bundle} \\
        --device ${settings.device} --engine ${settings.engine} --precision ${settings.precision} \\
        --attention ${settings.attention} --token-budget ${settings.token_budget} \\
        --max-failed-fraction ${settings.max_failed_fraction} \\
        --stages stages/${name}_${meta.shard}.tsv
    """

    stub:
    def name = task.process.tokenize(':').last()
    """
    mkdir -p ${shards.collect { shard -> "${Samples.sampleOf(shard)}/embeddings" }.unique().join(' ')} stages
    touch ${shards.collect { shard -> "${Samples.sampleOf(shard)}/embeddings/${shard.baseName}.${encoder}.h5" }.join(' ')}
    touch ${shards.collect { shard -> "${shard.baseName}.${encoder}.checkpoint" }.join(' ')}
    touch versions.yml
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/${name}_${meta.shard}.tsv
    """
}
