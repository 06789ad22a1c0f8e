// DNABERT-S embeddings of a shard's nucleotides, one row for each frame.
process EMBED_DNA {
    tag "${meta.shard}"
    label 'embed'

    input:
    tuple val(meta), path(shard)
    path bundle, stageAs: 'model/*'
    val settings
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/embeddings/${meta.shard}.dna.h5"), emit: embeddings
    path "stages/EMBED_DNA_${meta.shard}.tsv", emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    mkdir -p ${meta.id}/embeddings stages
    embed.py ${shard} --encoder dna --model ${bundle} \\
        --output ${meta.id}/embeddings/${meta.shard}.dna.h5 \\
        --device ${settings.device} --precision ${settings.precision} \\
        --token-budget ${settings.token_budget} --stages stages/EMBED_DNA_${meta.shard}.tsv
    versions.py EMBED_DNA torch numpy h5py > versions.yml
    """

    stub:
    """
    mkdir -p ${meta.id}/embeddings stages
    touch ${meta.id}/embeddings/${meta.shard}.dna.h5
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/EMBED_DNA_${meta.shard}.tsv
    versions.py EMBED_DNA torch numpy h5py > versions.yml
    """
}
