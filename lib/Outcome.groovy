// What a run has come to: whether it has results, and what has failed for good, to be told at its end.
import groovy.json.JsonSlurper

class Outcome {
    private static final Set<String> FAILURES = Collections.synchronizedSet(new LinkedHashSet<String>())
    private static volatile boolean hasSome = false

    /** Remembers that there is a result. */
    static addResult() {
        hasSome = true
    }

    static hasResults() {
        return hasSome
    }

    /** Remembers what has failed, as one line; the same one counts once. */
    static addFailure(line) {
        FAILURES.add(line.toString())
    }

    /** All failures, in the order in which they came. */
    static failures() {
        synchronized (FAILURES) {
            return FAILURES as List
        }
    }

    /** The sample of a note that a task has left, and what is wrong with it (virnucpro_core/cli/_task.py). */
    static readNote(note) {
        return [sampleOf(note), new JsonSlurper().parseText(note.text).error]
    }

    /** The sample that a note is of: <sample>.failure.json. */
    static sampleOf(note) {
        return note.name.replaceFirst(/\.failure\.json$/, '')
    }

    /** What the user is told at the end of a run with failures. */
    static describeFailures() {
        def done = hasSome ? 'The results of all others are there. ' : ''
        return "Failed for good:\n${failures().join('\n')}\n${done}When that is mended, the same command with -resume does what is missing."
    }
}
