// Whole sequences of a sample in shards, and a table of its records.
include { afterFailure } from '../workflows/retries'

process SHARD {
    tag "${meta.id}"
    label 'light'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(reads, stageAs: 'reads/*')
    val molecule
    val shard_frames
    val code_sha256

    output:
    tuple val(meta), path('shards/*.h5', arity: '1..*'), emit: shards
    tuple val(meta), path("${meta.id}.records.h5"), emit: records
    path "stages/SHARD_${meta.id}.tsv", emit: stages
    path 'versions.yml', emit: versions

    script:
    // A crashed run may hand this folder back with an earlier attempt's shards in it.
    """
    rm -rf shards
    mkdir -p stages
    shard.py ${reads} --sample ${meta.id} --molecule ${molecule} \\
        --shard-frames ${shard_frames} --outdir . --stages stages/SHARD_${meta.id}.tsv
    versions.py SHARD dnaio numpy h5py > versions.yml
    """

    stub:
    """
    mkdir -p shards stages
    touch shards/${meta.id}.shard_00001.h5 ${meta.id}.records.h5
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/SHARD_${meta.id}.tsv
    versions.py SHARD dnaio numpy h5py > versions.yml
    """
}
