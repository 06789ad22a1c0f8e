// What a training was: versions, parameters and digests beside the model.

process TRAIN_REPORT {
    tag "${meta.id}"
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    // dataset.json has the digests of everything that the model was trained on.
    tuple val(meta), path(dataset_json), path(windows)
    path bundle, stageAs: '.base/*'
    val run
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/run.json"), emit: run
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    """
    mkdir -p ${meta.id}
    cat > parameters.json <<'JSON'
    ${run.parameters_json}
    JSON
    cat > command.txt <<'COMMAND'
    ${run.command}
    COMMAND
    report.py run --sample ${meta.id} --sequences ${windows} --reads ${dataset_json} \\
        --model ${bundle} --parameters parameters.json --command command.txt \\
        --nextflow-version ${run.nextflow_version} --code-sha256 ${code_sha256} \\
        --output ${meta.id}/run.json
    """

    stub:
    """
    mkdir -p ${meta.id}
    echo '{}' > ${meta.id}/run.json
    touch versions.yml
    """
}
