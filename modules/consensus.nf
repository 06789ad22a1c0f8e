// The call of every record from the scores of its frames, and the result files.
include { afterFailure } from '../workflows/retries'

process CONSENSUS {
    tag "${meta.id}"
    label 'light'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    // Without a shard there are no scores; every record still gets its row.
    tuple val(meta), path(reads, stageAs: 'reads/*'), path(records), path(scores, arity: '0..*')
    val threshold
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/sequences.tsv"), emit: sequences
    tuple val(meta), path("${meta.id}/prediction_results.txt"), emit: frames
    tuple val(meta), path("${meta.id}/prediction_results_highestscore.csv"), emit: chunks
    tuple val(meta), path("${meta.id}/viral.fasta.gz"), emit: viral
    path "stages/CONSENSUS_${meta.id}.tsv", emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    mkdir -p ${meta.id} stages
    consensus.py --records ${records} --reads ${reads} --sample ${meta.id} \\
        --threshold ${threshold} --outdir ${meta.id} \\
        --stages stages/CONSENSUS_${meta.id}.tsv ${scores}
    versions.py CONSENSUS dnaio numpy h5py > versions.yml
    """

    stub:
    """
    mkdir -p ${meta.id} stages
    touch ${meta.id}/sequences.tsv ${meta.id}/prediction_results.txt
    touch ${meta.id}/prediction_results_highestscore.csv
    gzip -c < /dev/null > ${meta.id}/viral.fasta.gz
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/CONSENSUS_${meta.id}.tsv
    versions.py CONSENSUS dnaio numpy h5py > versions.yml
    """
}
