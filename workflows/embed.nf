// Sequences in, embeddings out: shards are embedded side by side, then joined in input order.
include { SHARD } from '../modules/shard'
include { EMBED } from '../modules/embed'
include { JOIN } from '../modules/join'
include { REPORT } from '../modules/report'
include { RUN_REPORT } from '../modules/run_report'
include { PRUNE } from '../modules/prune'
include { FAILED_SAMPLE } from '../modules/failed_sample'

workflow EMBEDDING {
    take:
    reads    // channel: [ [id: group, samples: [[id, n_files, paired]]], sequence files ]
    bundle   // map: path, sha256
    settings // map: molecule, device, engine, precision, attention, token_budget, max_failed_fraction, shard_frames
    run      // map: parameters_json, command, nextflow_version
    code     // string: digest of the code

    main:
    SHARD(reads, settings.molecule, settings.shard_frames, code)

    // The group and its files as they go on: without the samples that could not be read.
    sharded = reads
        .join(SHARD.out.failures)
        .join(SHARD.out.shards)
        .join(SHARD.out.records)
        .map { meta, files, notes, shards, records -> Samples.withResults(notes, meta, files, shards, records) }
        .filter { meta, _files, _shards, _records -> meta.samples }

    shards = sharded.flatMap { meta, _files, shards, _records -> Samples.tasksOf(meta, shards) }
    EMBED(
        shards,
        settings.molecule,
        bundle.path,
        settings.subMap(['device', 'engine', 'precision', 'attention', 'token_budget', 'max_failed_fraction']),
        bundle.sha256,
        code,
    )

    // Sorted, for the numbers in the names of shards are in input order.
    embeddings = EMBED.out.embeddings
        .map { meta, files -> [groupKey(meta.subMap(['id', 'samples']), meta.n_tasks), files] }
        .groupTuple()
        .map { key, files -> [key.groupTarget, Samples.sorted(files.flatten())] }

    JOIN(sharded.map { meta, _files, _shards, records -> [meta, records] }.join(embeddings), bundle.sha256, code)
    REPORT(
        sharded
            .map { meta, files, _shards, _records -> [meta, files] }
            .join(JOIN.out.sequences.map { meta, files -> [meta, Samples.inSampleOrder(meta, files), [], [], [], []] }),
        bundle.path,
        run,
        bundle.sha256,
        code,
    )
    notes = SHARD.out.failures.mix(REPORT.out.failures).flatMap { _meta, files -> files }
    FAILED_SAMPLE(notes.map { note -> Outcome.readNote(note) })
    RUN_REPORT(
        // A list without files comes from a run that failed.
        REPORT.out.run.map { _meta, files -> files }.flatten().toSortedList { file -> file.parent.name }.filter { files -> files },
        notes.toSortedList { file -> file.name },
        SHARD.out.stages.mix(EMBED.out.stages, JOIN.out.stages).toSortedList { file -> file.name },
        reads.flatMap { meta, _files -> meta.samples.collect { sample -> sample.id } }.toList(),
        code,
    )
    // Only when every sample has all its results.
    PRUNE(EMBED.out.checkpoint.collect(), Samples.whenAllHave(reads.flatMap { meta, _files -> meta.samples }, REPORT.out.run.flatMap { _meta, files -> files }))

    emit:
    embeddings = JOIN.out.embeddings
    runs       = REPORT.out.run
    versions   = SHARD.out.versions.mix(
        EMBED.out.versions,
        JOIN.out.versions,
        REPORT.out.versions,
        RUN_REPORT.out.versions,
        PRUNE.out.versions,
    )
}
