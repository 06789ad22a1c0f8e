// Reads in, calls out: shards are embedded and scored side by side, then joined for each sample.
include { PREPARE } from '../modules/prepare'
include { EMBED as EMBED_DNA; EMBED as EMBED_PROTEIN } from '../modules/embed'
include { CLASSIFY } from '../modules/classify'
include { CONSENSUS } from '../modules/consensus'
include { REPORT } from '../modules/report'
include { RUN_REPORT } from '../modules/run_report'
include { PRUNE } from '../modules/prune'
include { FAILED_SAMPLE } from '../modules/failed_sample'

workflow PREDICT {
    take:
    reads    // channel: [ [id: group, samples: [[id, n_files, paired]]], sequence files ]
    bundle   // map: path, sha256, window_size
    settings // map: device, engine, precision, attention, token_budget, max_failed_fraction, shard_frames,
             // frame_rule, preset, fdr, threshold, prevalence
    run      // map: parameters_json, command, nextflow_version
    code     // string: digest of the code

    main:
    PREPARE(reads, bundle.window_size, settings.frame_rule, settings.shard_frames, code)

    // The group and its files as they go on: without the samples that could not be read.
    prepared = reads
        .join(PREPARE.out.failures)
        .join(PREPARE.out.shards)
        .join(PREPARE.out.records)
        .map { meta, files, notes, shards, records -> Samples.withResults(notes, meta, files, shards, records) }
        .filter { meta, _files, _shards, _records -> meta.samples }

    // The digest of the model is no input of PREPARE: only window size and frame rule reach it, so
    // another model of the same starts from the same shards.
    shards = prepared.flatMap { meta, _files, shards, _records -> Samples.tasksOf(meta, shards) }
    embedding = settings.subMap(['device', 'engine', 'precision', 'attention', 'token_budget', 'max_failed_fraction'])
    EMBED_DNA(shards, 'dna', bundle.path, embedding, bundle.sha256, code)
    EMBED_PROTEIN(shards, 'protein', bundle.path, embedding, bundle.sha256, code)

    CLASSIFY(
        shards
            .join(EMBED_DNA.out.embeddings.map { meta, files -> [meta, Samples.sorted(files)] })
            .join(EMBED_PROTEIN.out.embeddings.map { meta, files -> [meta, Samples.sorted(files)] }),
        bundle.path,
        bundle.sha256,
        code,
    )

    scores = CLASSIFY.out.scores
        .map { meta, files -> [groupKey(meta.subMap(['id', 'samples']), meta.n_tasks), files] }
        .groupTuple()
        .map { key, files -> [key.groupTarget, Samples.sorted(files.flatten())] }
    without_frames = prepared
        .filter { _meta, _files, found, _records -> found.isEmpty() }
        .map { meta, _files, _found, _records -> [meta, []] }

    CONSENSUS(
        prepared.map { meta, files, _shards, records -> [meta, files, records] }.join(scores.mix(without_frames)),
        Parameters.callOptions(settings),
        bundle.sha256,
        code,
    )
    CONSENSUS.out.summary.subscribe { _meta, files ->
        Outcome.told(files, 'input_warnings').each { line -> log.warn(line) }
        Outcome.told(files, 'warnings').each { line -> log.info(line) }
    }
    in_order = { meta, files -> [meta, Samples.inSampleOrder(meta, files)] }
    REPORT(
        prepared
            .map { meta, files, _shards, _records -> [meta, files] }
            .join(CONSENSUS.out.failures)
            .join(CONSENSUS.out.sequences.map(in_order))
            .join(CONSENSUS.out.viral.map(in_order))
            .join(CONSENSUS.out.regions.map(in_order))
            .join(CONSENSUS.out.scores.map(in_order))
            .join(CONSENSUS.out.summary.map(in_order))
            .map { row -> Samples.without(row[2], row[0], row[1]) + row.drop(3) }
            .filter { row -> row[0].samples },
        bundle.path,
        run,
        bundle.sha256,
        code,
    )
    notes = PREPARE.out.failures.mix(CONSENSUS.out.failures, REPORT.out.failures).flatMap { _meta, files -> files }
    FAILED_SAMPLE(notes.map { note -> Outcome.readNote(note) })
    RUN_REPORT(
        // A list without files comes from a run that failed.
        REPORT.out.run.map { _meta, files -> files }.flatten().toSortedList { file -> file.parent.name }.filter { files -> files },
        notes.toSortedList { file -> file.name },
        PREPARE.out.stages.mix(EMBED_DNA.out.stages, EMBED_PROTEIN.out.stages, CLASSIFY.out.stages, CONSENSUS.out.stages).toSortedList { file -> file.name },
        reads.flatMap { meta, _files -> meta.samples.collect { sample -> sample.id } }.toList(),
        code,
    )
    // Only when every sample has all its results.
    PRUNE(EMBED_DNA.out.checkpoint.mix(EMBED_PROTEIN.out.checkpoint).collect(), Samples.whenAllHave(reads.flatMap { meta, _files -> meta.samples }, REPORT.out.run.flatMap { _meta, files -> files }))

    emit:
    sequences = CONSENSUS.out.sequences
    runs      = REPORT.out.run
    versions  = PREPARE.out.versions.mix(
        EMBED_DNA.out.versions,
        EMBED_PROTEIN.out.versions,
        CLASSIFY.out.versions,
        CONSENSUS.out.versions,
        REPORT.out.versions,
        RUN_REPORT.out.versions,
        PRUNE.out.versions,
    )
}
