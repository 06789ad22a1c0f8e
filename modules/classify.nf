// Joins both embeddings of the frames of shards and scores them.

process CLASSIFY {
    tag "${meta.shard}"
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(shards, arity: '1..*'), path(dna, arity: '1..*'), path(protein, arity: '1..*')
    path bundle, stageAs: 'model/*'
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path('*.scores.h5', arity: '1..*'), emit: scores
    path "stages/CLASSIFY_${meta.shard}.tsv", emit: stages
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    def files = shards.collect { shard ->
        def stem = shard.baseName
        "${shard} --dna ${stem}.dna.h5 --protein ${stem}.protein.h5 --output ${stem}.scores.h5"
    }
    """
    mkdir -p stages
    classify.py ${files.join(' ')} --model ${bundle} --stages stages/CLASSIFY_${meta.shard}.tsv
    """

    stub:
    """
    mkdir -p stages
    touch ${shards.collect { shard -> "${shard.baseName}.scores.h5" }.join(' ')}
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/CLASSIFY_${meta.shard}.tsv
    touch versions.yml
    """
}
