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
            storeDir: "${params.outdir}/pipeline_info",
            sort: true,
        )

    // Without a result there is nothing to sum up; Nextflow has said what went wrong.
    workflow.onComplete = {
        if (workflow.success && settings.task == 'benchmark') {
            log.info("Report: ${params.outdir}/benchmarks/${settings.suite}.html")
        }
        else if (workflow.success) {
            log.info(Provenance.reportStages(workflow, params.outdir, params.baseline_trace))
        }
    }
}
