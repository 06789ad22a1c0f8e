// ESM-2 embeddings of a shard's proteins, one row for each frame.
process EMBED_PROTEIN {
    tag "${meta.shard}"
    label 'embed'

    input:
    tuple val(meta), path(shard)
    path bundle, stageAs: 'bundle'
    val settings
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.shard}.protein.h5"), emit: embeddings
    path 'stages.tsv', emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    embed.py ${shard} --encoder protein --model bundle --output ${meta.shard}.protein.h5 \\
        --device ${settings.device} --precision ${settings.precision} \\
        --token-budget ${settings.token_budget} --stages stages.tsv
    versions.py ${task.process} torch numpy h5py > versions.yml
    """

    stub:
    """
    touch ${meta.shard}.protein.h5
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages.tsv
    versions.py ${task.process} torch numpy h5py > versions.yml
    """
}
