// Whether a failed task runs again, by how its attempts ended. Nextflow counts all failures of a task
// together; here each cause has a limit of its own.
import nextflow.util.MemoryUnit

class Retries {
    /** The error strategy after an attempt has failed: 'retry' or 'finish'. */
    static afterFailure(task, longestWait) {
        def attempts = rememberAttempt(task)
        if (task.exitStatus == 2 || attempts.count { attempt -> attempt.ending == 'fault' } > 3) {
            return 'finish'
        }
        def preemptions = attempts.reverse().takeWhile { attempt -> attempt.ending == 'preemption' }.size()
        if (preemptions > 0) {
            waitBeforeRetry("${task.process} ${task.index}", preemptions, longestWait as Integer)
        }
        return 'retry'
    }

    /**
     * All failed attempts of a task, the latest last, as [ending, memory, short_of_memory].
     *
     * They are kept by number in task.ext, which lives as long as the task: asking twice about one
     * attempt does not count it twice. Sets task.ext.memory_factor for the next attempt.
     */
    static rememberAttempt(task) {
        def known = task.ext.attempts ?: [:]
        def earlier = known.findAll { number, _attempt -> number < task.attempt }
        def latest = [
            ending: endingOf(task, earlier.values()),
            memory: task.memory,
            // 137 may be the kernel's out-of-memory killer.
            short_of_memory: task.exitStatus in [4, 137],
        ]
        def attempts = earlier + [(task.attempt): latest]
        task.ext.attempts = attempts
        task.ext.memory_factor = 1 + attempts.values().count { attempt -> attempt.short_of_memory }
        return attempts.values() as List
    }

    /**
     * How an attempt ended: by a 'preemption' (again without limit), by want of 'memory' (again while
     * there is more to give), or by a 'fault' (three times more; bad input, exit 2, never).
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
