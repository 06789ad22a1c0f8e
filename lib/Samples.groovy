// The samples of a run, and which of them share tasks.
import static nextflow.Nextflow.error
import static nextflow.Nextflow.file

class Samples {
    /**
     * The number of results, once each of the inputs has one. Nothing for a run that failed or left a
     * sample out: its channels end early, and what waits for all of them would take that for all.
     */
    static whenAllHave(inputs, results) {
        return inputs.count().combine(results.count())
            .filter { n_inputs, n_results -> n_results == n_inputs }
            .map { _n_inputs, n_results -> n_results }
    }

    /** Files of a task together, of which plain text is worth a quarter: it compresses so. */
    static groupBytes() {
        return 4 * 1024 * 1024
    }

    /**
     * The samples as [ [id, samples: [[id, n_files, paired]]], files ] for each group.
     *
     * Small samples come together in the order of the sheet, so a sample that is added at its end
     * changes the last group only; one that is not small has a group of its own.
     */
    static readGroups(given, sheet, mostSamples, run) {
        def samples = sheet ? sheet.collect { row -> sheetSample(given.input, row) } : [onlySample(given.input, given.sample, run.workDir)]
        def grouped = samples.inject([closed: [], open: [], bytes: 0]) { state, sample ->
            def bytes = sample.files.collect { file -> weight(file) }.sum()
            if (bytes > groupBytes()) {
                return state + [closed: state.closed + [[sample]]]
            }
            if (state.open.size() >= mostSamples || state.bytes + bytes > groupBytes()) {
                return [closed: state.closed + [state.open], open: [sample], bytes: bytes]
            }
            return state + [open: state.open + [sample], bytes: state.bytes + bytes]
        }
        def groups = grouped.closed + (grouped.open ? [grouped.open] : [])
        return groups.collect { group -> [describeGroup(group), group.collectMany { sample -> sample.files }] }
    }

    static describeGroup(group) {
        // '+' is in no sample's name.
        def more = group.size() > 1 ? "+${group.size() - 1}" : ''
        return [
            id: "${group[0].id}${more}".toString(),
            samples: group.collect { sample -> [id: sample.id, n_files: sample.files.size(), paired: sample.paired] },
        ]
    }

    static weight(file) {
        def isPlain = file.name ==~ /(?i).*\.(fasta|fa|fna|fas|ffn|faa|fastq|fq|sam|txt)/
        return isPlain ? file.size().intdiv(4) : file.size()
    }

    static sheetSample(input, row) {
        def files = row.files.collect { name ->
            def found = file(name, glob: false)
            // Local files were looked for when the sheet was read.
            if (!found.exists()) {
                error("${input}, row ${row.row}: ${name}: there is no such file")
            }
            found
        }
        return [id: row.id, files: files, paired: row.paired]
    }

    static onlySample(input, sample, workDir) {
        def isStdin = input.toString() == '-'
        def reads = isStdin ? keepStandardInput(workDir) : file(input.toString(), glob: false)
        if (!reads.exists()) {
            error("--input ${input}: there is no such file")
        }
        checkCanBeStaged("--input ${input}", reads)
        def name = sample ?: isStdin ? 'stdin' : sampleName(reads.name)
        return [id: name.toString(), files: [reads], paired: false]
    }

    /** Stops where Nextflow, which links files into a task's folder, would leave a path to the shell. */
    static checkCanBeStaged(what, path) {
        // virnucpro_core/samples refuses the same paths in a samplesheet.
        if (path.toString() =~ /[$`*?\[\]{}\t\n\r]/) {
            error("${what}: a path with one of \$ ` * ? [ ] { }, a tab or a line break cannot reach the tasks; rename it")
        }
    }

    /** Standard input as a file in the work folder, named by its content: the same one for -resume. */
    static keepStandardInput(workDir) {
        def folder = workDir.resolve('stdin')
        if (folder.toUriString().contains('s3://')) {
            error('--input -: standard input is kept in the work folder, which must be a local one; name a file instead')
        }
        folder.mkdirs()
        def kept = java.nio.file.Files.createTempFile(folder, 'incoming', '')
        java.nio.file.Files.copy(System.'in', kept, java.nio.file.StandardCopyOption.REPLACE_EXISTING)
        def digest = java.security.MessageDigest.getInstance('SHA-256')
        kept.eachByte(1 << 20) { bytes, count -> digest.update(bytes, 0, count) }
        def reads = folder.resolve(digest.digest().encodeHex().toString())
        if (reads.exists()) {
            kept.delete()
        }
        else {
            kept.moveTo(reads)
        }
        return reads
    }

    /** A file's name without the extensions of its format, made safe for file names. */
    static sampleName(fileName) {
        def plain = fileName.replaceFirst(/(?i)\.(gz|bz2|xz|zst)$/, '')
        def stem = plain.replaceFirst(/(?i)\.(fasta|fa|fna|fas|ffn|faa|fastq|fq|bam|cram|sam)$/, '')
        def safe = stem.replaceAll(/[^A-Za-z0-9._-]/, '_').replaceFirst(/^[.-]+/, '')
        // assets/schema_input.json and nextflow_schema.json refuse the same names.
        def taken = ['pipeline_info', 'multiqc', 'report.html', 'stages', 'stages_of', 'versions.yml', 'parameters.json', 'command.txt']
        return safe && !(safe in taken) ? safe : 'sample'
    }

    /**
     * The embedding tasks of a group's shards as [ meta with the task's name and their number, shards ].
     *
     * The shards of one sample are spread over tasks, those of several small ones share one.
     */
    static tasksOf(meta, shards) {
        if (meta.samples.size() > 1) {
            return shards ? [[meta + [shard: meta.id, n_tasks: 1], sorted(shards)]] : []
        }
        return sorted(shards).collect { shard -> [meta + [shard: shard.baseName, n_tasks: shards.size()], [shard]] }
    }

    /** Files by name, so that the order in which they came never shows in a result or a task's hash. */
    static sorted(files) {
        return files.sort(false) { file -> file.name }
    }

    /** A group and its files without the samples that tasks have left notes of (Outcome.readNote). */
    static without(notes, meta, files) {
        def failed = notes.collect { note -> Outcome.sampleOf(note) }
        def kept = meta.samples.findAll { sample -> !(sample.id in failed) }
        def filesOfSamples = filesBySample(meta, files)
        return [meta + [samples: kept], kept.collectMany { sample -> filesOfSamples[sample.id] }]
    }

    /** A group that was read, and its files, shards and record tables by name, without the samples that could not be. */
    static withResults(notes, meta, files, shards, records) {
        def (left, leftFiles) = without(notes, meta, files)
        def ids = left.samples.collect { sample -> sample.id }
        // What a sample has left before it was found to be bad is of no use.
        return [
            left,
            leftFiles,
            sorted(shards.findAll { shard -> sampleOf(shard) in ids }),
            sorted(records.findAll { table -> (table.name - ~/\.records\.h5$/) in ids }),
        ]
    }

    /** The files of each sample of a group, by its id. */
    static filesBySample(meta, files) {
        def starts = meta.samples.inject([0]) { counts, sample -> counts + (counts.last() + sample.n_files) }
        return meta.samples.withIndex().collectEntries { sample, index ->
            [sample.id, files[starts[index]..<starts[index + 1]]]
        }
    }

    /** The --paired option of a sample, if it needs it, and a blank. */
    static pairedOption(sample) {
        return sample.paired ? '--paired ' : ''
    }

    /** The --reads options of each sample of a group, by its id. */
    static readsOptions(meta, reads) {
        return readsWords(meta, reads).collectEntries { id, words -> [id, words.collect { word -> "--reads ${word}" }.join(' ')] }
    }

    /** The staged files of each sample of a group as words of a shell, by its id. */
    static readsWords(meta, reads) {
        return filesBySample(meta, reads).collectEntries { id, files -> [id, files.collect { staged -> shellWord(staged.name) }] }
    }

    static shellWord(text) {
        def closed = text.replace("'", "'\\''")
        return "'${closed}'"
    }

    /** Result files in the order of a group's samples, each of which has one in a folder of its name. */
    static inSampleOrder(meta, files) {
        def ids = meta.samples.collect { sample -> sample.id }
        return files.sort(false) { file -> ids.indexOf(file.parent.name) }
    }

    /** The sample that a shard is of. */
    static sampleOf(shard) {
        return shard.baseName.replaceFirst(/\.shard_\d+$/, '')
    }

    /** Those of the files of a group that belong to a sample, by their names: <sample>.shard_00001.h5 … */
    static filesOf(sample, files) {
        def name = java.util.regex.Pattern.compile(java.util.regex.Pattern.quote(sample.id) + /\.shard_\d+(\.[a-z]+)?\.h5/)
        return files.findAll { file -> file.name ==~ name }
    }
}
