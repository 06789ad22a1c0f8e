// The embeddings of a sample's shards in one file, and what became of every record.
include { afterFailure } from '../workflows/retries'

process JOIN {
    tag "${meta.id}"
    label 'light'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(records), path(embeddings)
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/embeddings.h5"), emit: embeddings
    tuple val(meta), path("${meta.id}/sequences.tsv"), emit: sequences
    path "stages/JOIN_${meta.id}.tsv", emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    mkdir -p ${meta.id} stages
    join.py ${embeddings} --records ${records} --output ${meta.id}/embeddings.h5 \\
        --table ${meta.id}/sequences.tsv --stages stages/JOIN_${meta.id}.tsv
    versions.py JOIN numpy h5py > versions.yml
    """

    stub:
    """
    mkdir -p ${meta.id} stages
    touch ${meta.id}/embeddings.h5 ${meta.id}/sequences.tsv
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/JOIN_${meta.id}.tsv
    versions.py JOIN numpy h5py > versions.yml
    """
}
