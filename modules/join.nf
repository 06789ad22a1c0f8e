// The embeddings of a sample's shards in one file, and what became of every record, sample by sample.

process JOIN {
    tag "${meta.id}"
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(records, arity: '1..*'), path(embeddings, arity: '1..*')
    val bundle_sha256
    val code_sha256

    output:
    // Of each kind a file for each sample, in a folder of its name.
    tuple val(meta), path('*/embeddings.h5', arity: '1..*'), emit: embeddings
    tuple val(meta), path('*/sequences.tsv', arity: '1..*'), emit: sequences
    path "stages/JOIN_${meta.id}.tsv", emit: stages
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    def commands = meta.samples.collect { sample ->
        "join.py ${Samples.filesOf(sample, embeddings).join(' ')} --records ${sample.id}.records.h5 --output ${sample.id}/embeddings.h5 --table ${sample.id}/sequences.tsv --stages stages_of/${sample.id}.tsv"
    }
    """
    mkdir -p ${meta.samples.collect { sample -> sample.id }.join(' ')} stages stages_of
    ${commands.join('\n    ')}
    join_stages.sh > stages/JOIN_${meta.id}.tsv
    """

    stub:
    """
    mkdir -p stages
    for sample in ${meta.samples.collect { sample -> sample.id }.join(' ')}; do
        mkdir -p \$sample
        touch \$sample/embeddings.h5 \$sample/sequences.tsv
    done
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/JOIN_${meta.id}.tsv
    touch versions.yml
    """
}
