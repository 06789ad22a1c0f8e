// The call of every record from the scores of its frames, and the result files, sample by sample.

process CONSENSUS {
    tag "${meta.id}"
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    // Without a shard there are no scores; every record still gets its row.
    tuple val(meta), path(reads, stageAs: '.reads/?/*', arity: '1..*'), path(records, arity: '1..*'), path(scores, arity: '0..*')
    // How records are called, as options of the command.
    val calls
    val bundle_sha256
    val code_sha256

    output:
    // Of each kind a file for each sample, in a folder of its name.
    tuple val(meta), path('*/sequences.tsv', arity: '0..*'), emit: sequences
    tuple val(meta), path('*/prediction_results.txt', arity: '0..*'), emit: frames
    tuple val(meta), path('*/prediction_results_highestscore.csv', arity: '0..*'), emit: chunks
    // FASTQ where the reads have qualities.
    tuple val(meta), path('*/viral.fast{a,q}.gz', arity: '0..*'), emit: viral
    tuple val(meta), path('*/regions.bed', arity: '0..*'), emit: regions
    tuple val(meta), path('*/scores.parquet', arity: '0..*'), emit: scores
    tuple val(meta), path('*/summary.json', arity: '0..*'), emit: summary
    // Of each sample whose input cannot be used a note instead of its results.
    tuple val(meta), path('*.failure.json', arity: '0..*'), emit: failures
    path "stages/CONSENSUS_${meta.id}.tsv", emit: stages
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    def options = Samples.readsOptions(meta, reads)
    def commands = meta.samples.collect { sample ->
        "consensus --records ${sample.id}.records.h5 ${options[sample.id]} ${Samples.pairedOption(sample)}--sample ${sample.id} ${calls} --outdir ${sample.id} --stages stages_of/${sample.id}.tsv ${Samples.filesOf(sample, scores).join(' ')}"
    }
    // Each line makes all files of its sample or none.
    """
    rm -rf stages_of *.failure.json
    mkdir -p ${meta.samples.collect { sample -> sample.id }.join(' ')} stages stages_of
    lines.py <<'LINES'
    ${commands.join('\n    ')}
    LINES
    join_stages.sh > stages/CONSENSUS_${meta.id}.tsv
    """

    stub:
    """
    mkdir -p stages
    for sample in ${meta.samples.collect { sample -> sample.id }.join(' ')}; do
        mkdir -p \$sample
        touch \$sample/{sequences.tsv,prediction_results.txt,prediction_results_highestscore.csv}
        touch \$sample/{regions.bed,scores.parquet}
        echo '{"input_warnings": [], "warnings": []}' > \$sample/summary.json
        gzip -c < /dev/null > \$sample/viral.fasta.gz
    done
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/CONSENSUS_${meta.id}.tsv
    touch versions.yml
    """
}
