// Windows and frames of a group's samples, in shards; and a table of the records of each.

process PREPARE {
    tag "${meta.id}"
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(reads, stageAs: 'reads/?/*', arity: '1..*')
    val window_size
    val frame_rule
    val shard_frames
    val code_sha256

    output:
    // No shard at all when no record yields a frame.
    tuple val(meta), path('shards/*.h5', arity: '0..*'), emit: shards
    tuple val(meta), path('*.records.h5', arity: '0..*'), emit: records
    // Of each sample whose input cannot be used a note instead of its results.
    tuple val(meta), path('*.failure.json', arity: '0..*'), emit: failures
    path "stages/PREPARE_${meta.id}.tsv", emit: stages
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    def words = Samples.readsWords(meta, reads)
    def commands = meta.samples.collect { sample ->
        "prepare ${words[sample.id].join(' ')} ${Samples.pairedOption(sample)}--sample ${sample.id} --window-size ${window_size} --frame-rule ${frame_rule} --shard-frames ${shard_frames} --stages stages_of/${sample.id}.tsv"
    }
    // A crashed run may hand this folder back with an earlier attempt's shards in it.
    """
    rm -rf shards stages_of *.failure.json
    mkdir -p stages stages_of
    lines.py <<'LINES'
    ${commands.join('\n    ')}
    LINES
    join_stages.sh > stages/PREPARE_${meta.id}.tsv
    """

    stub:
    """
    mkdir -p shards stages
    touch ${meta.samples.collect { sample -> "shards/${sample.id}.shard_00001.h5 ${sample.id}.records.h5" }.join(' ')}
    printf 'stage\\tseconds\\tsequences\\ttokens\\n' > stages/PREPARE_${meta.id}.tsv
    touch versions.yml
    """
}
