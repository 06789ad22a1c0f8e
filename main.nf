// Entry: checks the parameters, then runs the task that was asked for.
include { BENCHMARKS; benchmarkReads } from './workflows/benchmark'
include { EMBEDDING } from './workflows/embed'
include { PREDICT } from './workflows/predict'
include { TRAIN } from './workflows/train'
include { estimateRun } from './workflows/estimate'
include { readGenomes } from './workflows/genomes'
include { help; checkCalibrated; checkParameters } from './workflows/parameters'
include { checkPlatform } from './workflows/platform'
include { codeDigest; readBundle; describeRun; reportStages } from './workflows/provenance'
include { readGroups } from './workflows/samples'

workflow {
    if (params.help.toString() != 'false') {
        println(help(params))
        return
    }
    checked = checkParameters(params, workflow)
    settings = checked.settings
    checkPlatform(params, workflow)
    bundle = readBundle(params.model, settings.task)
    if (settings.task == 'predict') {
        checkCalibrated(settings, bundle)
    }
    if (checked.dry_run) {
        println(estimateRun(params, checked, bundle))
        return
    }
    reads = settings.task in ['train', 'benchmark'] ? [] : readGroups(params, checked.sheet, checked.group_samples, workflow)
    genomes = settings.task == 'train' ? [readGenomes(params.input, params.sample)] : []
    code = codeDigest(projectDir)
    run = describeRun(params, settings, bundle, workflow)

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
        .map { file -> file.text }
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
            log.info(reportStages(workflow, projectDir, params.outdir, params.baseline_trace))
        }
    }
}
