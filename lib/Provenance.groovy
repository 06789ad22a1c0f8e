// What a run is made of: digests of the code and the model, and the summary of its stages.
import groovy.json.JsonOutput
import static nextflow.Nextflow.error
import static nextflow.Nextflow.file

class Provenance {
    /** SHA-256 of the code that tasks run: Nextflow's cache does not see an installed package. */
    static codeDigest(project) {
        def root = project.toFile()
        def sources = []
        new File(root, 'virnucpro_core').eachFileRecurse { source ->
            if (source.isFile() && !source.path.contains('__pycache__')) {
                sources.add(source)
            }
        }
        new File(root, 'bin').eachFile { source ->
            if (source.isFile()) {
                sources.add(source)
            }
        }
        def lines = sources
            .collect { source -> "${root.toPath().relativize(source.toPath())} ${sha256(source.bytes)}" }
            .sort()
        return sha256(lines.join('\n').bytes)
    }

    /**
     * Where a model is: the given folder or s3:// prefix, if there is a model in it, else a bundle of that name
     * in the user's or the project's folder, as virnucpro_core/models/_library.py has them.
     */
    static findModel(model, projectDir) {
        def name = model.toString()
        def given = file(name, type: 'dir', glob: false)
        // A path needs no look, which on S3 is a request for each file.
        if (name.contains('/') || ['bundle.json', 'config.json'].any { part -> given.resolve(part).exists() }) {
            return given
        }
        def data = System.getenv('XDG_DATA_HOME') ?: "${System.getProperty('user.home')}/.local/share"
        def mine = System.getenv('VIRNUCPRO_MODELS') ?: "${data}/virnucpro/models"
        def named = [mine, "${projectDir}/assets/models"]
            .collect { folder -> file("${folder}/${name}", type: 'dir', glob: false) }
            .find { folder -> folder.resolve('bundle.json').exists() }
        return named ?: given
    }

    /** A model as [path, sha256, window_size, frame_rule, calibrated]; what else is in it is checked by the tasks. */
    static readBundle(model, task, projectDir) {
        def bundle = findModel(model, projectDir)
        def description = bundle.resolve('bundle.json')
        if (!bundle.exists()) {
            error("--model ${model}: there is no such folder or bundle; 'virnucpro model list' prints the names")
        }
        Samples.checkCanBeStaged("--model ${model}", bundle)
        if (!description.exists() && task == 'embed' && bundle.resolve('config.json').exists()) {
            return [path: bundle, sha256: digestOfFolder(bundle), window_size: null]
        }
        if (!description.exists()) {
            error("--model ${model}: this is not a model bundle, it has no bundle.json")
        }
        def content = Parameters.parseJson(description.text)
        def windowSize = content instanceof Map ? content.window_size : null
        if (!(windowSize instanceof Integer) || windowSize < 3) {
            error("--model ${model}: bundle.json has no window_size; get or make the bundle again")
        }
        def frameRule = content.frame_rule ?: 'complete'
        if (!(frameRule in Parameters.frameRules())) {
            error("--model ${model}: bundle.json has the frame_rule '${frameRule}', it must be ${Parameters.frameRules().join(' or ')}; get or make the bundle again")
        }
        return [
            path: bundle,
            sha256: sha256(description.bytes),
            window_size: windowSize,
            frame_rule: frameRule,
            calibrated: content.calibration != null,
        ]
    }

    /** What tells one state of a folder from another without reading the gigabytes in it. */
    static digestOfFolder(folder) {
        def files = folder.listFiles().findAll { file -> file.isFile() }.sort { file -> file.name }
        def lines = files.collect { file -> "${file.name} ${file.size()} ${file.lastModified()}" }
        return sha256(lines.join('\n').bytes)
    }

    /** What run.json tells of a run besides digests: parameters, command line, Nextflow's version. */
    static describeRun(given, settings, bundle, run) {
        def values = ['input', 'model', 'sample', 'task'].collectEntries { name -> [name, given[name]?.toString()] }
        def own = [
            save_embeddings: given.save_embeddings.toString().toBoolean(),
            save_scores: given.save_scores.toString().toBoolean(),
            window_size: bundle.window_size,
        ]
        def all = values + settings + (settings.task == 'predict' ? own : [:])
        return [
            task: settings.task,
            parameters_json: JsonOutput.toJson(all),
            // A resumed run is the same run: without this it would write its run.json again.
            command: run.commandLine.replaceAll(/ -resume( last| [0-9a-f]{8}-[0-9a-f-]+)?(?= |$)/, ''),
            nextflow_version: run.nextflow.version.toString(),
        ]
    }

    static sha256(bytes) {
        return java.security.MessageDigest.getInstance('SHA-256').digest(bytes).encodeHex().toString()
    }

    /** The table of the nine stages, saved as pipeline_info/stages.txt; compared with a baseline's, if given. */
    static reportStages(run, python, outdir, baseline) {
        def info = file(outdir, glob: false).resolve('pipeline_info')
        def command = Programs.moduleCommand(python, run.projectDir, 'virnucpro_core.reporting') + [
            Records.trace(run),
            '--stages-dir', "${info}/stages", '--output', "${info}/stages.txt",
            '--tasks', "${run.stats.succeedCount + run.stats.cachedCount}",
            '--wall-seconds', "${run.duration.toMillis() / 1000}",
        ] + (baseline ? ['--baseline', file(baseline, glob: false).toString()] : [])
        def summary = Programs.runProgram(command, null)
        return summary.succeeded ? "\n${summary.output}" : "No summary of the stages: ${summary.errors}"
    }
}
