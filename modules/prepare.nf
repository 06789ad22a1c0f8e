// Windows and stop-free frames of a sample, in shards; and a table of its records.
include { afterFailure } from '../workflows/retries'

process PREPARE {
    tag "${meta.id}"
    label 'light'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(reads, stageAs: 'reads/*')
    val window_size
    val shard_frames
    val code_sha256

    output:
    // No shard at all when no record yields a frame.
    tuple val(meta), path('shards/*.h5', arity: '0..*'), emit: shards
    tuple val(meta), path("${meta.id}.records.h5"), emit: records
    path "stages/PREPARE_${meta.id}.tsv", emit: stages
    path 'versions.yml', emit: versions

    script:
    // A crashed run may hand this folder back with an earlier attempt's shards in it.
    """
    rm -rf shards
    mkdir -p stages
    prepare.py ${reads} --sample ${meta.id} --window-size ${window_size} \\
        --shard-frames ${shard_frames} --outdir . --stages stages/PREPARE_${meta.id}.tsv
    versions.py PREPARE dnaio numpy h5py > versions.yml
    """

    stub:
    """
    mkdir -p shards stages
    touch shards/${meta.id}.shard_00001.h5 ${meta.id}.records.h5
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/PREPARE_${meta.id}.tsv
    versions.py PREPARE dnaio numpy h5py > versions.yml
    """
}
