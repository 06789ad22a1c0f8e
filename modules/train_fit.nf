// A classifier on a dataset's embeddings, calibrated and tested: a model bundle and its evaluation.

process TRAIN_FIT {
    tag "${meta.id}"
    label 'train'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(tables, stageAs: '.dataset/*'), path(shards, stageAs: '.dataset/shards/*'), path(dna, stageAs: '.dna/*'), path(protein, stageAs: '.protein/*')
    path bundle, stageAs: '.base/*'
    val settings
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/model"), emit: model
    tuple val(meta), path("${meta.id}/evaluation.html"), emit: page
    tuple val(meta), path("${meta.id}/evaluation.json"), emit: evaluation
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    // No sample's name begins with a dot.
    """
    rm -rf ${meta.id}
    train.py fit .dataset --dna .dna --protein .protein --model ${bundle} --name ${meta.id} \\
        --recipe ${settings.recipe} --seed ${settings.seed} --output ${meta.id}/model \\
        --report ${meta.id}
    """

    stub:
    """
    mkdir -p ${meta.id}/model
    echo '{}' > ${meta.id}/model/bundle.json
    echo '{}' > ${meta.id}/evaluation.json
    touch ${meta.id}/evaluation.html
    touch versions.yml
    """
}
