// Sequences in, embeddings out: shards are embedded side by side, then joined in input order.
include { SHARD  } from '../modules/shard'
include { EMBED  } from '../modules/embed'
include { JOIN   } from '../modules/join'
include { REPORT } from '../modules/report'
include { RUN_REPORT } from '../modules/run_report'
include { PRUNE  } from '../modules/prune'

workflow EMBEDDING {
    take:
    reads    // channel: [ [id: sample], sequence file ]
    bundle   // map: path, sha256
    settings // map: molecule, device, precision, attention, token_budget, max_failed_fraction, shard_frames
    run      // map: parameters_json, command, nextflow_version
    code     // string: digest of the code

    main:
    SHARD(reads, settings.molecule, settings.shard_frames, code)

    shards = SHARD.out.shards.flatMap { meta, files ->
        files.collect { file -> [meta + [shard: file.baseName, n_shards: files.size()], file] }
    }
    EMBED(
        shards,
        settings.molecule,
        bundle.path,
        settings.subMap(['device', 'precision', 'attention', 'token_budget', 'max_failed_fraction']),
        bundle.sha256,
        code,
    )

    // Sorted, for the numbers in the names of shards are in input order.
    embeddings = EMBED.out.embeddings
        .map { meta, file -> [groupKey([id: meta.id], meta.n_shards), file] }
        .groupTuple()
        .map { key, files -> [key.groupTarget, files.sort { file -> file.name }] }

    JOIN(SHARD.out.records.join(embeddings), bundle.sha256, code)
    REPORT(
        reads.join(JOIN.out.sequences),
        bundle.path,
        run,
        bundle.sha256,
        code,
    )
    RUN_REPORT(
        REPORT.out.run.map { _meta, file -> file }.toSortedList { file -> file.parent.name },
        SHARD.out.stages.mix(EMBED.out.stages, JOIN.out.stages).toSortedList { file -> file.name },
        code,
    )
    // Only when every sample has all its results.
    PRUNE(EMBED.out.checkpoint.collect(), REPORT.out.run.count())

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
