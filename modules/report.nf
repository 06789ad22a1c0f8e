// What the run was: versions, parameters and digests beside the results.
process REPORT {
    tag "${meta.id}"
    label 'light'

    input:
    tuple val(meta), path(sequences)
    path bundle, stageAs: 'bundle'
    val parameters_json
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path('run.json'), emit: run
    path 'versions.yml', emit: versions

    script:
    """
    cat > parameters.json <<'JSON'
    ${parameters_json}
    JSON
    report.py run --sample ${meta.id} --sequences ${sequences} --model bundle \\
        --parameters parameters.json --output run.json
    versions.py ${task.process} > versions.yml
    """

    stub:
    """
    echo '{}' > run.json
    versions.py ${task.process} > versions.yml
    """
}
