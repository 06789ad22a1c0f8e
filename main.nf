// Entry: checks the parameters, then runs the task that was asked for.
include { BENCHMARKS; benchmarkReads } from './workflows/benchmark'
include { EMBEDDING } from './workflows/embed'
include { PREDICT } from './workflows/predict'
include { TRAIN } from './workflows/train'

workflow {
    Records.open()
    if (params.help.toString() != 'false') {
        println(Parameters.help(params, projectDir))
        return
    }
    checked = Parameters.checkParameters(params, workflow)
    checked.notes.each { line -> log.warn(line) }
    // As the user wrote them, which params are not.
    given = checked.given
    Platform.checkPlatform(given, workflow)
    bundle = Provenance.readBundle(given.model, checked.settings.task, projectDir)
    settings = Parameters.withFrameRule(checked.settings, given, bundle)
    Parameters.frameRuleWarnings(settings, bundle).each { line -> log.warn(line) }
    if (settings.task == 'predict') {
        Parameters.checkCalibrated(settings, bundle)
    }
    if (checked.dry_run) {
        log.info('Nothing is run: reading a part of the input and timing the encoders')
        println(Estimate.estimateRun(given, checked, settings, bundle, projectDir))
        return
    }
    reads = settings.task in ['train', 'benchmark'] ? [] : Samples.readGroups(given, checked.sheet, checked.group_samples, workflow)
    genomes = settings.task == 'train' ? [Genomes.readGenomes(given.input, given.sample)] : []
    Outcome.expect(reads)
    code = Provenance.codeDigest(projectDir)
    run = Provenance.describeRun(given, settings, bundle, workflow)
    if (!workflow.preview) {
        Records.start(given.outdir)
    }

    if (settings.task == 'benchmark') {
        BENCHMARKS(channel.of(benchmarkReads(given.input)), bundle, settings, code)
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
        .map { process, file -> "${process.tokenize(':').last()}:\n${file.text}" }
        .unique()
        .collectFile(
            name: 'software_versions.yml',
            storeDir: "${given.outdir}/pipeline_info",
            sort: true,
        )

    results.subscribe { _result -> Outcome.addResult() }
    workflow.onComplete = {
        // Without a result there is nothing to sum up. A task that was given up is no error here.
        if (Outcome.hasResults() && workflow.errorReport == null && !workflow.preview) {
            if (settings.task == 'benchmark') {
                log.info("Report: ${given.outdir}/benchmarks/${settings.suite}.html")
            }
            else {
                log.info(Provenance.reportStages(workflow, checked.python, given.outdir, given.baseline_trace))
            }
        }
        if (Outcome.failures()) {
            log.error(Outcome.describeFailures(given.outdir))
        }
    }
}
