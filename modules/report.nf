// The reports of samples, and what made their results: versions, parameters and digests.

process REPORT {
    tag "${meta.id}"
    label 'light'
    errorStrategy { Retries.afterFailure(task, params.preemption_wait) }

    input:
    // Results are in the order of the samples; only sequences.tsv must be there.
    tuple val(meta), path(reads, stageAs: '.reads/?/*', arity: '1..*'), path(sequences, stageAs: '.results/?/*', arity: '1..*'), path(viral, stageAs: '.results/?/*', arity: '0..*'), path(regions, stageAs: '.results/?/*', arity: '0..*'), path(scores, stageAs: '.results/?/*', arity: '0..*'), path(summary, stageAs: '.results/?/*', arity: '0..*')
    path bundle, stageAs: 'model/*'
    val run
    val bundle_sha256
    val code_sha256

    output:
    tuple val(meta), path('*/run.json', arity: '0..*'), emit: run
    // None without calls.
    tuple val(meta), path('*/report.html', arity: '0..*'), emit: page
    // Of each sample whose input cannot be used a note instead of its results.
    tuple val(meta), path('*.failure.json', arity: '0..*'), emit: failures
    tuple val("${task.process}"), path('versions.yml'), emit: versions

    script:
    def options = Samples.readsOptions(meta, reads)
    def common = [
        "--model ${bundle}",
        '--parameters parameters.json',
        '--command command.txt',
        "--nextflow-version ${run.nextflow_version}",
        "--code-sha256 ${code_sha256}",
    ].join(' ')
    def runs = meta.samples.withIndex(1).collect { sample, n ->
        "report run --sample ${sample.id} --sequences .results/${n}/sequences.tsv ${options[sample.id]} --output ${sample.id}/run.json ${common}"
    }
    def pages = run.task != 'predict' ? [] : meta.samples.withIndex(1).collect { sample, n ->
        "report html .results/${n} --sample ${sample.id} --run ${sample.id}/run.json --model ${bundle} --output ${sample.id}/report.html"
    }
    """
    rm -f *.failure.json
    mkdir -p ${meta.samples.collect { sample -> sample.id }.join(' ')}
    cat > parameters.json <<'JSON'
    ${run.parameters_json}
    JSON
    cat > command.txt <<'COMMAND'
    ${run.command}
    COMMAND
    lines.py <<'LINES'
    ${(runs + pages).join('\n    ')}
    LINES
    """

    stub:
    """
    for sample in ${meta.samples.collect { sample -> sample.id }.join(' ')}; do
        mkdir -p \$sample
        echo '{}' > \$sample/run.json
        ${run.task == 'predict' ? 'touch \$sample/report.html' : ''}
    done
    touch versions.yml
    """
}
