// Whether a failed task runs again, by how its attempts ended. Nextflow counts all failures of a task
// together; here each cause has a limit of its own.
import java.nio.file.Files
import nextflow.util.MemoryUnit

class Retries {
    /** Faults after which a task runs again; process.ext.most_faults is another number. */
    static final int MOST_FAULTS = 3

    /** Losses of a task in a row, without a new part of its checkpoint between, that are a fault in the end. */
    static final int MOST_LOSSES = 10

    /**
     * The error strategy after an attempt has failed: 'retry'; or, when it has failed for good, 'ignore', which
     * lets the other samples finish before the run fails (workflow.failOnIgnore), and 'finish' for a fault of what
     * all of them need.
     */
    static afterFailure(task, longestWait) {
        def attempts = rememberAttempt(task)
        def losses = lossesWithoutProgress(attempts)
        def faults = attempts.count { attempt -> attempt.ending == 'fault' }
        if (task.exitStatus == 2 || faults > mostFaults(task)) {
            Outcome.addFailure(describeFault(task))
            // Exit code 3: a store or a disk, which the tasks of other samples write to, too.
            return task.exitStatus == 3 ? 'finish' : 'ignore'
        }
        if (losses.size() >= MOST_LOSSES) {
            Outcome.addFailure(describeLosses(task, losses))
            return 'ignore'
        }
        def preemptions = attempts.reverse().takeWhile { attempt -> attempt.ending == 'preemption' }.size()
        if (preemptions > 0) {
            waitBeforeRetry("${task.process} ${task.index}", preemptions, longestWait as Integer)
        }
        return 'retry'
    }

    static mostFaults(task) {
        // 0 is a number, too.
        return task.ext.most_faults == null ? MOST_FAULTS : task.ext.most_faults as Integer
    }

    /**
     * All failed attempts of a task, the latest last, as [ending, exit_status, memory, short_of_memory, parts].
     *
     * They are kept by number in task.ext, which lives as long as the task: asking twice about one
     * attempt does not count it twice. Sets task.ext.memory_factor for the next attempt.
     */
    static rememberAttempt(task) {
        def known = task.ext.attempts ?: [:]
        def earlier = known.findAll { number, _attempt -> number < task.attempt }
        def latest = [
            ending: endingOf(task, earlier.values()),
            exit_status: task.exitStatus,
            memory: task.memory,
            // 137 may be the kernel's out-of-memory killer.
            short_of_memory: task.exitStatus in [4, 137],
            parts: partsAtStart(task.workDir),
        ]
        def attempts = earlier + [(task.attempt): latest]
        task.ext.attempts = attempts
        // Doubled: one more each time would be dozens of attempts on a large machine. No machine has 2^20 times as much.
        task.ext.memory_factor = 2 ** Math.min(20, attempts.values().count { attempt -> attempt.short_of_memory })
        return attempts.values() as List
    }

    /**
     * How an attempt ended: by a 'preemption' (again while the task makes progress), by want of 'memory' (again
     * while there is more to give), or by a 'fault' (three times more; bad input, exit 2, never).
     */
    static endingOf(task, earlier) {
        // TERM, the warning before a time limit, KILL.
        if (isLost(task) || task.exitStatus in [143, 140, 137]) {
            return 'preemption'
        }
        def limit = task.resourceLimits?.memory as MemoryUnit
        def hadAsMuch = earlier.any { attempt -> attempt.ending == 'memory' && attempt.memory >= task.memory }
        def hasMore = task.memory && !hadAsMuch && (!limit || task.memory < limit)
        return task.exitStatus == 4 && hasMore ? 'memory' : 'fault'
    }

    /**
     * The latest losses, back to the one whose attempt had found more parts in its checkpoint than the one before.
     *
     * What an attempt has added to the checkpoint is only known when the next one has looked there.
     */
    static lossesWithoutProgress(attempts) {
        return attempts.inject([known: null, losses: []]) { state, attempt ->
            def isFurther = state.known && attempt.parts && attempt.parts != state.known
            def since = isFurther ? [] : state.losses
            [known: attempt.parts ?: state.known, losses: attempt.ending == 'preemption' ? since + [attempt] : since]
        }.losses
    }

    /** What an attempt found in its checkpoints (virnucpro embed --checkpoint-key), or '' where that is not known. */
    static partsAtStart(workDir) {
        if (!workDir?.exists()) {
            return ''
        }
        try {
            return Files.list(workDir).withCloseable { files ->
                def found = files.iterator().findAll { file -> file.name.endsWith('.checkpoint') }
                found.collect { file -> "${file.name} ${file.text}" }.sort().join()
            }
        }
        catch (IOException _error) {
            // The file system may be what has failed: not known, then.
            return ''
        }
    }

    /** One line about a task that has failed: the last one that its program has written says why. */
    static describeFault(task) {
        def exception = task.previousException?.message
        if (task.exitStatus in [null, -1, 0, Integer.MAX_VALUE]) {
            // It could not be submitted, or its output is not what it should be: Nextflow knows.
            return "${nameOf(task)} failed: ${exception ?: 'it has left no message'}${workFolder(task)}"
        }
        def message = lastError(task.workDir) ?: exception ?: 'it has left no message'
        return "${nameOf(task)} ended with exit code ${task.exitStatus}: ${message}${workFolder(task)}"
    }

    /** One line about a task that is lost again and again: how, with how much memory, and what to do. */
    static describeLosses(task, losses) {
        def statuses = losses.countBy { loss -> loss.exit_status in [null, -1, 0, Integer.MAX_VALUE] ? 'none' : loss.exit_status }
        def codes = statuses.collect { status, count -> count > 1 ? "${status} (${count} times)" : status }.join(', ')
        def remedies = [
            137: 'if it needs more memory, raise the most that a task may have: process.resourceLimits, --slurm_memory or --aws_memory',
            140: 'if it needs more time, raise the limit of its job: process.time or --slurm_time',
        ].findAll { code, _remedy -> code in statuses }.values()
        def remedy = (remedies ?: ['see what ends its jobs']).join('; ')
        def memory = task.memory ? ", the last time with ${task.memory}" : ''
        return "${nameOf(task)} was ended from outside ${losses.size()} times without progress between, exit codes ${codes}${memory}; " +
            "${remedy}; start with -resume to go on${workFolder(task)}"
    }

    static workFolder(task) {
        return task.workDir ? " (work folder ${task.workDir.toUriString()})" : ''
    }

    static nameOf(task) {
        return (task.name ?: task.process).tokenize(':').last()
    }

    /** The last line of a task's standard error, from an error line of virnucpro without its beginning, or null. */
    static lastError(workDir) {
        def errors = workDir?.resolve('.command.err')
        def lines = errors?.exists() ? errors.readLines().findAll { line -> line.trim() } : []
        def own = lines.findAll { line -> line.startsWith('virnucpro: error: ') }
        return own ? own.last() - 'virnucpro: error: ' : lines ? lines.last() : null
    }

    /** Whether the machine is gone, so that nobody wrote an exit status, or not the task's. */
    static isLost(task) {
        if (task.exitStatus == 0) {
            // The wrapper of a job in an array may write 0 for a task that it has told to end. Every
            // script has its versions.yml and the table of its stages, if it has one, when it ends.
            def stages = task.workDir.resolve('stages')
            return !task.workDir.resolve('versions.yml').exists() || stages.exists() && !stages.list()
        }
        if (!(task.exitStatus in [null, -1, Integer.MAX_VALUE])) {
            return false
        }
        // A job that could not be submitted has no exit status either, but an exception as its cause.
        // On AWS Batch a lost machine has a cause, too, which says so.
        def cause = task.previousException?.cause
        return cause == null || cause.message.toString().startsWith('Host EC2')
    }

    /**
     * Waits 1, 2, 4 ... seconds for each preemption in a row. Meanwhile Nextflow cannot handle another
     * failure of the same process, so of tasks that are lost together only one waits.
     */
    static waitBeforeRetry(name, preemptions, longest) {
        def seconds = Math.min(longest, 2 ** Math.min(preemptions - 1, 12))
        def (at, by) = System.getProperty('virnucpro.last_wait', '0 ').split(' ', 2)
        if (by == name.toString() || System.currentTimeMillis() - at.toLong() >= 1000 * longest) {
            sleep(1000 * seconds)
            System.setProperty('virnucpro.last_wait', "${System.currentTimeMillis()} ${name}")
        }
    }
}
