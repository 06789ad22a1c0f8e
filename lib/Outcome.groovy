// What a run has come to: whether it has results, and what has failed for good, to be told at its end.
import groovy.json.JsonSlurper
import java.util.regex.Matcher
import java.util.regex.Pattern
import static nextflow.Nextflow.file

class Outcome {
    // The files of each sample, as the user named them.
    private static final Map<String, List> READS = [:]
    private static final Set<String> FAILURES = Collections.synchronizedSet(new LinkedHashSet<String>())
    private static final Set<String> FAILED_SAMPLES = Collections.synchronizedSet(new LinkedHashSet<String>())
    private static volatile boolean hasSome = false

    /** Remembers that there is a result. */
    static addResult() {
        hasSome = true
    }

    static hasResults() {
        return hasSome
    }

    /** Remembers whose files the groups of samples have (Samples.readGroups). */
    static expect(groups) {
        groups.each { meta, files -> READS.putAll(Samples.filesBySample(meta, files)) }
    }

    /** Remembers what has failed, as one line; the same one counts once. */
    static addFailure(line) {
        FAILURES.add(line.toString())
    }

    /** Remembers that a sample has failed, and why. */
    static addFailedSample(sample, message) {
        FAILED_SAMPLES.add(sample.toString())
        addFailure("sample ${sample}: ${message}")
    }

    /** All failures, in the order in which they came. */
    static failures() {
        synchronized (FAILURES) {
            return FAILURES as List
        }
    }

    /** The sample of a note that a task has left, and what is wrong with it (virnucpro_core/cli/_task.py). */
    static readNote(note) {
        def sample = sampleOf(note)
        // Tasks know a file by the place where it is staged.
        def message = READS[sample].inject(new JsonSlurper().parseText(note.text).error) { text, reads ->
            text.replaceAll(/\.?reads\/\d+\// + Pattern.quote(reads.name), Matcher.quoteReplacement(reads.toUriString()))
        }
        return [sample, message]
    }

    /** The sample that a note is of: <sample>.failure.json. */
    static sampleOf(note) {
        return note.name.replaceFirst(/\.failure\.json$/, '')
    }

    /** What the user is told at the end of a run with failures. */
    static describeFailures(outdir) {
        def done = hasSome ? 'The results of all others are there. ' : ''
        def old = FAILED_SAMPLES.findAll { sample -> file("${outdir}/${sample}", glob: false).exists() }
        def warning = old ? "What is in ${old.collect { sample -> "${outdir}/${sample}" }.join(', ')} is of an earlier run. " : ''
        return "These failed:\n${failures().join('\n')}\n${done}${warning}When that is mended, the same command with -resume does what is missing."
    }

    /** What summaries tell of their samples: input_warnings, what the files may lack, or warnings, what else to know. */
    static told(summaries, key) {
        return summaries.collectMany { summary -> new JsonSlurper().parse(summary)[key].collect { line -> "sample ${summary.parent.name}: ${line}" } }
    }
}
