// Joins both embeddings of a shard's frames and scores them.
process CLASSIFY {
    tag "${meta.shard}"
    label 'light'

    input:
    tuple val(meta), path(shard), path(dna), path(protein)
    path bundle, stageAs: 'bundle'
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.shard}.scores.h5"), emit: scores
    path 'stages.tsv', emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    classify.py ${shard} --dna ${dna} --protein ${protein} --model bundle \\
        --output ${meta.shard}.scores.h5 --stages stages.tsv
    versions.py ${task.process} torch numpy h5py > versions.yml
    """

    stub:
    """
    touch ${meta.shard}.scores.h5
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages.tsv
    versions.py ${task.process} torch numpy h5py > versions.yml
    """
}
