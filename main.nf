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
    settings = checked.settings
    Platform.checkPlatform(given, workflow)
    bundle = Provenance.readBundle(given.model, settings.task, projectDir)
    if (settings.task == 'predict') {
        Parameters.checkCalibrated(settings, bundle)
    }
    if (checked.dry_run) {
        log.info('Nothing is run: reading a part of the input and timing the encoders')
        println(Estimate.estimateRun(given, checked, bundle, projectDir))
        return
    }
    reads = settings.task in ['train', 'benchmark'] ? [] : Samples.readGroups(given, checked.sheet, checked.group_samples, workflow)
    genomes = settings.task == 'train' ? [Genomes.readGenomes(given.input, given.sample)] : []
    code = Provenance.codeDigest(projectDir)
    run = Provenance.describeRun(given, settings, bundle, workflow)
    if (!workflow.preview) {
        Records.start(given.outdir)
    }

    if (settings.task == 'benchmark') {
        BENCHMARKS(channel.of(benchmarkReads(given.input)), bundle, settings, code)
        versions = BENCHMARKS.out.versions
    }
    else if (settings.task == 'train') {
        TRAIN(channel.fromList(genomes), bundle, settings, run, code)
        versions = TRAIN.out.versions
    }
    else if (settings.task == 'embed') {
        EMBEDDING(channel.fromList(reads), bundle, settings, run, code)
        versions = EMBEDDING.out.versions
    }
    else {
        PREDICT(channel.fromList(reads), bundle, settings, run, code)
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

    // Without a result there is nothing to sum up; Nextflow has said what went wrong.
    workflow.onComplete = {
        if (workflow.success && settings.task == 'benchmark') {
            log.info("Report: ${given.outdir}/benchmarks/${settings.suite}.html")
        }
        else if (workflow.success && !workflow.preview) {
            log.info(Provenance.reportStages(workflow, given.outdir, given.baseline_trace))
        }
    }
}
