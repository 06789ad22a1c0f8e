// The call of every record from the scores of its frames, and the result files.
process CONSENSUS {
    tag "${meta.id}"
    label 'light'

    input:
    // Without a shard there are no scores; every record still gets its row.
    tuple val(meta), path(reads, stageAs: 'reads/*'), path(records), path(scores, arity: '0..*')
    val threshold
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path('sequences.tsv'), emit: sequences
    tuple val(meta), path('prediction_results.txt'), emit: frames
    tuple val(meta), path('prediction_results_highestscore.csv'), emit: chunks
    tuple val(meta), path('viral.fasta.gz'), emit: viral
    path 'stages.tsv', emit: stages
    path 'versions.yml', emit: versions

    script:
    """
    consensus.py --records ${records} --reads ${reads} --sample ${meta.id} \\
        --threshold ${threshold} --outdir . --stages stages.tsv ${scores}
    versions.py ${task.process} dnaio numpy h5py > versions.yml
    """

    stub:
    """
    touch sequences.tsv prediction_results.txt prediction_results_highestscore.csv
    gzip -c < /dev/null > viral.fasta.gz
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages.tsv
    versions.py ${task.process} dnaio numpy h5py > versions.yml
    """
}
