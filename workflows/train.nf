// Labelled genomes in, a model out: windows are embedded side by side, then a classifier is fitted.
include { TRAIN_DATA             } from '../modules/train_data'
include { EMBED as EMBED_DNA     } from '../modules/embed'
include { EMBED as EMBED_PROTEIN } from '../modules/embed'
include { TRAIN_FIT              } from '../modules/train_fit'
include { REPORT                 } from '../modules/report'
include { PRUNE                  } from '../modules/prune'

workflow TRAIN {
    take:
    genomes  // channel: [ [id: name], sheet, genome files ]
    input    // file: the sheet or folder that was named
    bundle   // map: path, sha256
    settings // map: those of embedding, and data, fit: maps of options
    run      // map: parameters_json, command, nextflow_version
    code     // string: digest of the code

    main:
    TRAIN_DATA(genomes, settings.data, code)

    shards = TRAIN_DATA.out.shards.flatMap { meta, files ->
        files.collect { file -> [meta + [shard: file.baseName, n_shards: files.size()], file] }
    }
    embedding = settings.subMap(['device', 'precision', 'attention', 'token_budget', 'max_failed_fraction'])
    EMBED_DNA(shards, 'dna', bundle.path, embedding, bundle.sha256, code)
    EMBED_PROTEIN(shards, 'protein', bundle.path, embedding, bundle.sha256, code)

    // Sorted, so that the order in which tasks finish never shows in a result or a task's hash.
    dna = EMBED_DNA.out.embeddings
        .map { meta, file -> [groupKey([id: meta.id], meta.n_shards), file] }
        .groupTuple()
        .map { key, files -> [key.groupTarget, files.sort { file -> file.name }] }
    protein = EMBED_PROTEIN.out.embeddings
        .map { meta, file -> [groupKey([id: meta.id], meta.n_shards), file] }
        .groupTuple()
        .map { key, files -> [key.groupTarget, files.sort { file -> file.name }] }

    TRAIN_FIT(
        TRAIN_DATA.out.dataset.join(dna).join(protein),
        bundle.path,
        settings.fit,
        bundle.sha256,
        code,
    )
    REPORT(
        TRAIN_DATA.out.windows.join(TRAIN_FIT.out.model).map { meta, windows, _model -> [meta, input, windows] },
        bundle.path,
        run,
        bundle.sha256,
        code,
    )
    // Only when the model is there.
    PRUNE(EMBED_DNA.out.checkpoint.mix(EMBED_PROTEIN.out.checkpoint).collect(), REPORT.out.run.count())

    emit:
    model    = TRAIN_FIT.out.model
    runs     = REPORT.out.run
    versions = TRAIN_DATA.out.versions.mix(
        EMBED_DNA.out.versions,
        EMBED_PROTEIN.out.versions,
        TRAIN_FIT.out.versions,
        REPORT.out.versions,
        PRUNE.out.versions,
    )
}
