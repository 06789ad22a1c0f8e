// Entry: checks the parameters, then runs the task that was asked for.
include { BENCHMARKS; benchmarkReads } from './workflows/benchmark'
include { EMBEDDING } from './workflows/embed'
include { PREDICT } from './workflows/predict'
include { TRAIN } from './workflows/train'

workflow {
    if (params.help.toString() != 'false') {
        println(Parameters.help(params, projectDir))
        return
    }
    checked = Parameters.checkParameters(params, workflow)
    checked.notes.each { line -> log.warn(line) }
    settings = checked.settings
    Platform.checkPlatform(params, workflow)
    bundle = Provenance.readBundle(params.model, settings.task, projectDir)
    if (settings.task == 'predict') {
        Parameters.checkCalibrated(settings, bundle)
    }
    if (checked.dry_run) {
        log.info('Nothing is run: reading a part of the input and timing the encoders')
        println(Estimate.estimateRun(params, checked, bundle, projectDir))
        return
    }
    reads = settings.task in ['train', 'benchmark'] ? [] : Samples.readGroups(params, checked.sheet, checked.group_samples, workflow)
    genomes = settings.task == 'train' ? [Genomes.readGenomes(params.input, params.sample)] : []
    code = Provenance.codeDigest(projectDir)
    run = Provenance.describeRun(params, settings, bundle, workflow)

    if (settings.task == 'benchmark') {
        BENCHMARKS(channel.of(benchmarkReads(params.input)), bundle, settings, code)
        results = BENCHMARKS.out.reports
        versions = BENCHMARKS.out.versions
    }
    else if (settings.task == 'train') {
        TRAIN(channel.fromList(genomes), bundle, settings, run, code)
        results = TRAIN.out.runs
        versions = TRAIN.out.versions
    }
    else if (settings.task == 'embed') {
        EMBEDDING(channel.fromList(reads), bundle, settings, run, code)
        results = EMBEDDING.out.runs
        versions = EMBEDDING.out.versions
    }
    else {
        PREDICT(channel.fromList(reads), bundle, settings, run, code)
        results = PREDICT.out.runs
        versions = PREDICT.out.versions
    }
    versions
        .map { file -> file.text }
        .unique()
        .collectFile(
            name: 'software_versions.yml',
            storeDir: "${params.outdir}/pipeline_info",
            sort: true,
        )

    results.subscribe { _result -> Outcome.addResult() }
    workflow.onComplete = {
        // Without a result there is nothing to sum up. A task that was given up is no error here.
        if (Outcome.hasResults() && workflow.errorReport == null) {
            if (settings.task == 'benchmark') {
                log.info("Report: ${params.outdir}/benchmarks/${settings.suite}.html")
            }
            else {
                log.info(Provenance.reportStages(workflow, params.outdir, params.baseline_trace))
            }
        }
        if (Outcome.failures()) {
            log.error(Outcome.describeFailures())
        }
    }
}
