// Labelled genomes in, a model out: windows are embedded side by side, then a classifier is fitted.
include { TRAIN_DATA } from '../modules/train_data'
include { EMBED as EMBED_DNA; EMBED as EMBED_PROTEIN } from '../modules/embed'
include { TRAIN_FIT } from '../modules/train_fit'
include { TRAIN_REPORT } from '../modules/train_report'
include { PRUNE } from '../modules/prune'

workflow TRAIN {
    take:
    genomes  // channel: [ [id: name], sheet, genome files ]
    bundle   // map: path, sha256
    settings // map: those of embedding, and data, fit: maps of options
    run      // map: parameters_json, command, nextflow_version
    code     // string: digest of the code

    main:
    TRAIN_DATA(genomes, settings.data, code)

    shards = TRAIN_DATA.out.shards.flatMap { meta, files -> Samples.tasksOf(sampleMeta(meta), files) }
    embedding = settings.subMap(['device', 'engine', 'precision', 'attention', 'token_budget', 'max_failed_fraction'])
    EMBED_DNA(shards, 'dna', bundle.path, embedding, bundle.sha256, code)
    EMBED_PROTEIN(shards, 'protein', bundle.path, embedding, bundle.sha256, code)

    TRAIN_FIT(
        TRAIN_DATA.out.tables
            .join(TRAIN_DATA.out.shards)
            .join(ofAllTasks(EMBED_DNA.out.embeddings))
            .join(ofAllTasks(EMBED_PROTEIN.out.embeddings)),
        bundle.path,
        settings.fit,
        bundle.sha256,
        code,
    )
    TRAIN_REPORT(
        // Only when the model is there.
        TRAIN_DATA.out.description.join(TRAIN_FIT.out.model.map { meta, _model -> [meta] }),
        bundle.path,
        run,
        bundle.sha256,
        code,
    )
    PRUNE(EMBED_DNA.out.checkpoint.mix(EMBED_PROTEIN.out.checkpoint).collect(), Samples.whenAllHave(genomes, TRAIN_REPORT.out.run))

    emit:
    model    = TRAIN_FIT.out.model
    runs     = TRAIN_REPORT.out.run
    versions = TRAIN_DATA.out.versions.mix(
        EMBED_DNA.out.versions,
        EMBED_PROTEIN.out.versions,
        TRAIN_FIT.out.versions,
        TRAIN_REPORT.out.versions,
        PRUNE.out.versions,
    )
}

/** The dataset as the group of one sample that EMBED and REPORT know. */
def sampleMeta(meta) {
    return [id: meta.id, samples: [[id: meta.id, n_files: 1, paired: false]]]
}

/** The embedding files of a dataset together, when all tasks are done. */
def ofAllTasks(embeddings) {
    return embeddings
        .map { meta, files -> [groupKey([id: meta.id], meta.n_tasks), files] }
        .groupTuple()
        .map { key, files -> [key.groupTarget, Samples.sorted(files.flatten())] }
}
