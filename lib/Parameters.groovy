// What the command line may say, and one clear line for everything that it may not. The parameters
// are described in nextflow_schema.json; virnucpro_core/parameters checks them and the samplesheet.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import nextflow.Global
import static nextflow.Nextflow.error
import static nextflow.Nextflow.file

class Parameters {
    /** The help as text. */
    static help(given, projectDir) {
        def request = [help: given.help.toString(), hidden: given.show_hidden.toString().toBoolean()]
        return askPython(request, Programs.findPython('jsonschema, yaml', projectDir) ?: 'python3', projectDir).text
    }

    /** The parameters as the user wrote them, typed, the settings of the tasks, and the samples of a sheet; stops at what is wrong. */
    static checkParameters(given, run) {
        checkLetters(given.values() + [run.launchDir])
        def request = [
            given: plain(given),
            command_line: run.commandLine,
            // Words that no option has taken.
            arguments: Global.session.binding.variables.args,
            profiles: run.profile.tokenize(',').collect { name -> name.trim() },
            launch_dir: run.launchDir.toString(),
            // Stubs need no package.
            runs_tasks: Platform.tasksUsePythonOf(run) && !run.stubRun,
        ]
        def python = Platform.tasksUsePythonOf(run) ? Programs.pythonOfTasks(run.projectDir) : Programs.findPython('jsonschema, yaml', run.projectDir) ?: 'python3'
        def answer = askPython(request + remoteSheet(given.input), python, run.projectDir)
        if (answer.errors) {
            error(answer.errors.join('\n'))
        }
        checkLetters((answer.samples ?: []).collectMany { sample -> sample.files })
        def values = answer.values
        if (values.baseline_trace && file(values.baseline_trace, glob: false) == file(Records.trace(run))) {
            error("--baseline_trace ${values.baseline_trace}: this run writes that file; copy it first")
        }
        def settings = [
            task: values.task,
            device: values.device,
            engine: values.engine,
            precision: values.precision,
            attention: values.attention,
            token_budget: values.token_budget,
            max_failed_fraction: values.max_failed_fraction.toDouble(),
            shard_frames: values.shard_frames,
        ]
        def own = [
            predict: { values.subMap(callNames()) },
            embed: { [molecule: values.molecule] },
            train: { trainingSettings(values) },
            benchmark: { values.subMap(['suite', 'quick', 'against']) },
        ]
        return [
            given: values,
            python: python,
            settings: settings + own[values.task].call(),
            sheet: answer.samples,
            group_samples: values.group_samples,
            dry_run: values.dry_run,
            notes: answer.notes,
        ]
    }

    /** Stops at a name that Java cannot tell files by: where the locale is not UTF-8 it has its own letters only. */
    static checkLetters(names) {
        def encoding = System.getProperty('sun.jnu.encoding')
        def other = encoding == 'UTF-8' ? null : names.find { name -> name.toString() =~ /[^\x00-\x7f]/ }
        if (other) {
            error("${other}: file names with such letters need a locale of UTF-8, and that of this run is ${encoding}; set LC_ALL=C.UTF-8 and start it again")
        }
    }

    /** What training is told: data, for the making of the dataset, and fit, for the classifier. */
    static trainingSettings(values) {
        def data = [
            windows: values.windows,
            shortest: values.shortest_window,
            longest: values.longest_window,
            frames: values.frames,
            validation: values.validation_share.toDouble(),
            test: values.test_share.toDouble(),
            shard_frames: values.shard_frames,
            seed: values.seed,
        ]
        return [data: data, fit: [recipe: values.recipe, seed: values.seed]]
    }

    /** Which frames a window can have; virnucpro_core/_frame_rule.py says what they are. */
    static frameRules() {
        return ['complete', 'longest']
    }

    /** The settings with the frame rule that was asked for, else the model's. */
    static withFrameRule(settings, given, bundle) {
        def rule = given.frame_rule ?: bundle.frame_rule
        if (settings.task == 'train') {
            if (settings.data.frames == 'cds' && rule != 'complete') {
                def whose = given.frame_rule ? 'that was asked for' : "of the model"
                error("--frames cds takes complete frames, and the frame rule ${whose} is ${rule}; add --frame_rule complete, or leave out --frames cds")
            }
            return settings + [data: settings.data + [frame_rule: rule]]
        }
        return settings.task == 'predict' ? settings + [frame_rule: rule] : settings
    }

    /** What to tell of a classifier that gets other frames than it was trained with; nothing where it does not. */
    static frameRuleWarnings(settings, bundle) {
        return settings.task == 'predict' && settings.frame_rule != bundle.frame_rule
            ? ["--frame_rule ${settings.frame_rule}: the model's classifier was trained and calibrated on frames of the rule '${bundle.frame_rule}'; calls and probabilities are outside of what it was trained and calibrated on"]
            : []
    }

    /** What says how records are called. */
    static callNames() {
        return ['preset', 'fdr', 'threshold', 'prevalence']
    }

    /** The same as options of 'virnucpro consensus'. */
    static callOptions(settings) {
        def given = settings.subMap(callNames()).findAll { _name, value -> value != null }
        return given.collect { name, value -> "--${name} ${value}" }.join(' ')
    }

    /** Stops where records shall be called by probabilities that the model does not give. */
    static checkCalibrated(settings, bundle) {
        def asked = ['preset', 'fdr'].find { name -> settings[name] != null }
        def needing = asked ?: settings.prevalence == 'auto' ? null : 'prevalence'
        if (needing && !bundle.calibrated) {
            error("--${needing} needs probabilities, and the model is not calibrated; call by --threshold, or take a model with a calibration")
        }
    }

    /** Parameters as JSON has them. */
    static plain(given) {
        return given.collectEntries { name, value ->
            // A date of a file of parameters is no text either: as a number it shows.
            def shown = value instanceof Date ? value.time : value
            def isPlain = [Boolean, Number, Map, List].any { type -> type.isInstance(shown) }
            def isFinite = !(shown instanceof Double) || Double.isFinite(shown)
            [name, shown == null || (isPlain && isFinite) ? shown : shown.toString()]
        }
    }

    /** For a samplesheet that is not a local file, a local copy and where it is from. */
    static remoteSheet(input) {
        def name = input.toString()
        if (!(name ==~ /(?i)[a-z][a-z0-9+.-]*:\/\/.*\.(csv|tsv|ya?ml|json)/)) {
            return [:]
        }
        def sheet = file(name, glob: false)
        if (!sheet.exists()) {
            error("--input ${input}: there is no such file")
        }
        def copy = java.nio.file.Files.createTempFile('samples', name.replaceFirst(/.*(?=\.)/, ''))
        copy.bytes = sheet.bytes
        copy.toFile().deleteOnExit()
        return [sheet: copy.toString(), sheet_origin: name]
    }

    /** The answer of virnucpro_core/parameters to a request. */
    static askPython(request, python, projectDir) {
        def command = Programs.moduleCommand(python, projectDir, 'virnucpro_core.parameters')
        def asked = Programs.runProgram(command, JsonOutput.toJson(request))
        if (!asked.succeeded && !Programs.hasModules(python, 'jsonschema, yaml')) {
            error("No Python to check the parameters with: ${python} must be 3.10 or later and have the packages jsonschema and pyyaml; run 'make setup' and '. .venv/bin/activate', or 'pip install jsonschema pyyaml'")
        }
        def answer = parseJson(asked.output)
        if (!asked.succeeded || answer == null) {
            error("The parameters could not be checked: ${Programs.lastLine(asked.errors)}")
        }
        return answer
    }

    /** Parsed JSON, or null when the text is none. */
    static parseJson(text) {
        try {
            return new JsonSlurper().parseText(text)
        }
        catch (RuntimeException _error) {
            return null
        }
    }
}
