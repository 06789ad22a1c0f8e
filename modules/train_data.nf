// Labelled genomes to a dataset: windows for training, validation and test, and their frames.

process TRAIN_DATA {
    tag "${meta.id}"
    label 'train'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), val(sheet), path(genomes, stageAs: '.genomes/?/*')
    val settings
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/dataset/*.{json,tsv,gz}"), emit: tables
    tuple val(meta), path("${meta.id}/dataset/shards/*.h5", arity: '1..*'), emit: shards
    tuple val(meta), path("${meta.id}/dataset/dataset.json"), path("${meta.id}/dataset/windows.tsv"), emit: description
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    // No sample's name begins with a dot. A crashed run may hand this folder back with an earlier attempt's dataset in it.
    """
    rm -rf ${meta.id}
    cat > sheet.tsv <<'SHEET'
    ${sheet.readLines().join('\n    ')}
    SHEET
    train.py data sheet.tsv --name ${meta.id} --output ${meta.id}/dataset \\
        --windows ${settings.windows} --shortest ${settings.shortest} --longest ${settings.longest} \\
        --frames ${settings.frames} --frame-rule ${settings.frame_rule} --validation ${settings.validation} --test ${settings.test} \\
        --shard-frames ${settings.shard_frames} --seed ${settings.seed}
    """

    stub:
    """
    mkdir -p ${meta.id}/dataset/shards
    touch ${meta.id}/dataset/shards/${meta.id}.shard_00001.h5 ${meta.id}/dataset/windows.tsv
    touch ${meta.id}/dataset/genomes.tsv ${meta.id}/dataset/overlap.tsv
    gzip -c < /dev/null > ${meta.id}/dataset/windows.fasta.gz
    echo '{}' > ${meta.id}/dataset/dataset.json
    touch versions.yml
    """
}
