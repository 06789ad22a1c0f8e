// Entry: checks the parameters, then runs the task that was asked for.
include { EMBEDDING } from './workflows/embed'
include { PREDICT } from './workflows/predict'
include { TRAIN } from './workflows/train'
include { readGenomes } from './workflows/genomes'
include { help; checkParameters; readSample } from './workflows/parameters'
include { checkPlatform } from './workflows/platform'
include { codeDigest; readBundle; describeRun; reportStages } from './workflows/provenance'

workflow {
    if (params.help.toString().toBoolean()) {
        println(help())
        return
    }
    settings = checkParameters(params)
    checkPlatform(params, workflow)
    bundle = readBundle(params.model, settings.task)
    code = codeDigest(projectDir)
    run = describeRun(params, settings, bundle, workflow)

    if (settings.task == 'train') {
        genomes = readGenomes(params.input, params.sample)
        TRAIN(channel.of(genomes), file(params.input.toString(), glob: false), bundle, settings, run, code)
        versions = TRAIN.out.versions
    }
    else if (settings.task == 'embed') {
        reads = channel.of(readSample(params.input, params.sample))
        EMBEDDING(reads, bundle, settings, run, code)
        versions = EMBEDDING.out.versions
    }
    else {
        reads = channel.of(readSample(params.input, params.sample))
        PREDICT(reads, bundle, settings, run, code)
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
        if (workflow.success) {
            log.info(reportStages(workflow, projectDir, params.outdir))
        }
    }
}
