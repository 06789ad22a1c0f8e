// Joins both embeddings of a shard's frames and scores them.
include { afterFailure } from '../workflows/retries'

process CLASSIFY {
    tag "${meta.shard}"
    label 'light'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(shard), path(dna), path(protein)
    path bundle, stageAs: 'model/*'
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.shard}.scores.h5"), emit: scores
    path "stages/CLASSIFY_${meta.shard}.tsv", emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    mkdir -p stages
    classify.py ${shard} --dna ${dna} --protein ${protein} --model ${bundle} \\
        --output ${meta.shard}.scores.h5 --stages stages/CLASSIFY_${meta.shard}.tsv
    versions.py CLASSIFY torch numpy h5py > versions.yml
    """

    stub:
    """
    mkdir -p stages
    touch ${meta.shard}.scores.h5
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/CLASSIFY_${meta.shard}.tsv
    versions.py CLASSIFY torch numpy h5py > versions.yml
    """
}
