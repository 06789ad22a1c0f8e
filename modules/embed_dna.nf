// DNABERT-S embeddings of a shard's nucleotides, one row for each frame.
process EMBED_DNA {
    tag "${meta.shard}"
    label 'embed'

    input:
    tuple val(meta), path(shard)
    path bundle, stageAs: 'bundle'
    val settings
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.shard}.dna.h5"), emit: embeddings
    path 'stages.tsv', emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    embed.py ${shard} --encoder dna --model bundle --output ${meta.shard}.dna.h5 \\
        --device ${settings.device} --precision ${settings.precision} \\
        --token-budget ${settings.token_budget} --stages stages.tsv
    versions.py ${task.process} torch numpy h5py > versions.yml
    """

    stub:
    """
    touch ${meta.shard}.dna.h5
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages.tsv
    versions.py ${task.process} torch numpy h5py > versions.yml
    """
}
