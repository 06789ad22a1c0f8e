// The call of every record from the scores of its frames, and the result files.
include { afterFailure } from '../workflows/retries'

process CONSENSUS {
    tag "${meta.id}"
    label 'light'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    // Without a shard there are no scores; every record still gets its row.
    tuple val(meta), path(reads, stageAs: 'reads/*'), path(records), path(scores, arity: '0..*')
    // How records are called, as options of the command.
    val calls
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/sequences.tsv"), emit: sequences
    tuple val(meta), path("${meta.id}/prediction_results.txt"), emit: frames
    tuple val(meta), path("${meta.id}/prediction_results_highestscore.csv"), emit: chunks
    // FASTQ where the reads have qualities.
    tuple val(meta), path("${meta.id}/viral.fast{a,q}.gz"), emit: viral
    tuple val(meta), path("${meta.id}/regions.bed"), emit: regions
    tuple val(meta), path("${meta.id}/scores.parquet"), emit: scores
    tuple val(meta), path("${meta.id}/summary.json"), emit: summary
    path "stages/CONSENSUS_${meta.id}.tsv", emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    mkdir -p ${meta.id} stages
    consensus.py --records ${records} --reads ${reads} --sample ${meta.id} \\
        ${calls} --outdir ${meta.id} \\
        --stages stages/CONSENSUS_${meta.id}.tsv ${scores}
    versions.py CONSENSUS dnaio numpy h5py pyarrow > versions.yml
    """

    stub:
    """
    mkdir -p ${meta.id} stages
    touch ${meta.id}/sequences.tsv ${meta.id}/prediction_results.txt
    touch ${meta.id}/prediction_results_highestscore.csv
    touch ${meta.id}/regions.bed ${meta.id}/scores.parquet ${meta.id}/summary.json
    gzip -c < /dev/null > ${meta.id}/viral.fasta.gz
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/CONSENSUS_${meta.id}.tsv
    versions.py CONSENSUS dnaio numpy h5py pyarrow > versions.yml
    """
}
