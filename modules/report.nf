// A sample's report, and what made its results: versions, parameters and digests.
include { afterFailure } from '../workflows/retries'

process REPORT {
    tag "${meta.id}"
    label 'light'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    tuple val(meta), path(reads, stageAs: 'reads/*'), path(results, stageAs: 'results/*')
    path bundle, stageAs: 'model/*'
    val run
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path("${meta.id}/run.json"), emit: run
    // Without calls there is nothing to report.
    tuple val(meta), path("${meta.id}/report.html"), emit: page, optional: true
    path 'versions.yml', emit: versions

    script:
    def page = run.task == 'predict'
        ? "report.py html results --sample ${meta.id} --model ${bundle} --run ${meta.id}/run.json --output ${meta.id}/report.html"
        : ''
    """
    mkdir -p ${meta.id}
    cat > parameters.json <<'JSON'
    ${run.parameters_json}
    JSON
    cat > command.txt <<'COMMAND'
    ${run.command}
    COMMAND
    report.py run ${reads} --sample ${meta.id} --sequences results/sequences.tsv \\
        --model ${bundle} --parameters parameters.json --command "\$(< command.txt)" \\
        --nextflow-version ${run.nextflow_version} --code-sha256 ${code_sha256} \\
        --output ${meta.id}/run.json
    ${page}
    versions.py REPORT altair jinja2 pyarrow > versions.yml
    """

    stub:
    """
    mkdir -p ${meta.id}
    echo '{}' > ${meta.id}/run.json
    touch ${meta.id}/report.html
    versions.py REPORT altair jinja2 pyarrow > versions.yml
    """
}
