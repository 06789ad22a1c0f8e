// What the run was: versions, parameters and digests beside the results of each sample.
include { afterFailure } from '../workflows/retries'
include { readsOptions } from '../workflows/samples'

process REPORT {
    tag "${meta.id}"
    label 'light'
    errorStrategy { afterFailure(task, params.preemption_wait) }

    input:
    // Results are in the order of the samples.
    tuple val(meta), path(reads, stageAs: '.reads/?/*', arity: '1..*'), path(sequences, stageAs: '.sequences/?/*', arity: '1..*')
    path bundle, stageAs: 'model/*'
    val run
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path('*/run.json', arity: '1..*'), emit: run
    path 'versions.yml', emit: versions

    script:
    def options = readsOptions(meta, reads)
    def commands = meta.samples.withIndex(1).collect { sample, n ->
        "report.py run --sample ${sample.id} --sequences .sequences/${n}/sequences.tsv ${options[sample.id]} --output ${sample.id}/run.json"
    }
    """
    mkdir -p ${meta.samples.collect { sample -> sample.id }.join(' ')}
    cat > parameters.json <<'JSON'
    ${run.parameters_json}
    JSON
    cat > command.txt <<'COMMAND'
    ${run.command}
    COMMAND
    common=(--model ${bundle} --parameters parameters.json --command "\$(< command.txt)"
        --nextflow-version ${run.nextflow_version} --code-sha256 ${code_sha256})
    ${commands.collect { command -> "${command} \"\${common[@]}\"" }.join('\n    ')}
    versions.py REPORT > versions.yml
    """

    stub:
    """
    for sample in ${meta.samples.collect { sample -> sample.id }.join(' ')}; do
        mkdir -p \$sample
        echo '{}' > \$sample/run.json
    done
    versions.py REPORT > versions.yml
    """
}
