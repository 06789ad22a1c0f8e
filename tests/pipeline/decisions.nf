// Asks Retries.afterFailure what becomes of tasks, without running any (test_retries.py).

// The decision after each of these attempts of a task that gets this much memory. An attempt is its exit
// status, or [exit status, cause, what it found in its checkpoint, memory].
def decide(name, memory, limit, attempts, more = [:]) {
    def ext = [:] + more
    def decisions = attempts.withIndex().collect { ending, index ->
        def (status, cause, parts, own_memory) = ending instanceof List ? ending : [ending]
        def folder = parts ? workflow.launchDir.resolve("${name} ${index}") : workflow.launchDir.resolve(name)
        if (parts) {
            folder.mkdirs()
            folder.resolve('a.checkpoint').text = parts
        }
        def task = [
            process: 'WORK:P', name: "WORK:P (${name})", index: 1, ext: ext, attempt: index + 1,
            memory: own_memory ?: memory, workDir: folder, exitStatus: status,
            resourceLimits: limit ? [memory: limit] : null,
            previousException: cause ? new RuntimeException('what Nextflow says', cause) : null,
        ]
        // Asked twice, an attempt still counts once.
        Retries.afterFailure(task, 0)
        Retries.afterFailure(task, 0)
    }
    def counts = decisions.countBy { decision -> decision }.collect { decision, n -> "${decision} ${n}" }
    println("${name}: ${counts.join(', ')}, factor ${ext.memory_factor}")
}

workflow {
    def none = Integer.MAX_VALUE
    decide('gone', 1.GB, null, (1..10).collect { n -> [none, null, -1][n % 3] })
    decide('told to stop', 1.GB, null, (1..10).collect { 143 })
    decide('out of time', 1.GB, null, (1..9).collect { 140 } + [143])
    decide('with progress', 1.GB, null, (1..40).collect { n -> [143, null, "key ${n.intdiv(9)}"] })
    decide('last progress', 1.GB, null, [143, 143, [143, null, 'key 7']] + (1..9).collect { [143, null, 'key 9'] } + [143])
    decide('before its checkpoint', 1.GB, null, (1..10).collect { n -> n == 5 ? [143, null, 'key 0'] : 143 })
    decide('losses and faults', 1.GB, null, [143, 1, 143, 143, 1, 143, 143, 1, 143, 143, 143, 143, 143])
    decide('not submitted', 1.GB, null, (1..4).collect { [none, new IOException('no sbatch')] })
    def lost = new Exception('Host EC2 (i-1) terminated')
    decide('host lost', 1.GB, null, (1..10).collect { [none, lost] })
    decide('same memory', 1.GB, null, [4, 4, 4, 4, 4])
    decide('no memory', null, null, [4, 4, 4, 4])
    decide('at the limit', 2.GB, '2 GB', [4, 4, 4, 4])
    decide('more memory', 2.GB, '8 GB', [4, [4, null, null, 4.GB]] + (1..4).collect { [4, null, null, 8.GB] })
    decide('out of device memory', 2.GB, '8 GB', [5, 5, 5, 5])
    decide('store', 2.GB, null, [3, 3, 3, 3])
    decide('input', 2.GB, null, [143, 2])
    decide('unforgiving', 2.GB, null, [143, 1], [most_faults: 0])
    decide('unfinished', 1.GB, null, [0, 0, 0, 0, 0])
    file('begun/stages').mkdirs()
    file('begun/versions.yml').text = ''
    decide('begun', 1.GB, null, [0, 0, 0, 0, 0])
    file('finished/stages').mkdirs()
    file('finished/stages/EMBED.tsv').text = ''
    file('finished/versions.yml').text = ''
    decide('finished', 1.GB, null, [0, 0, 0, 0])
    file('killed').mkdirs()
    file('killed/.command.err').text = 'x: Killed'
    decide('killed', 2.GB, '2 GB', (1..10).collect { 137 })
    file('error').mkdirs()
    file('error/.command.err').text = 'virnucpro: error: no, because; do that\nand more\n'
    decide('error', 2.GB, '2 GB', [2])
    Outcome.failures().each { line -> println("- ${line}") }

    System.clearProperty('virnucpro.last_wait')
    def waited = ['a 1', 'b 1', 'a 1'].collect { name ->
        Retries.waitBeforeRetry(name, 1, 2)
        System.getProperty('virnucpro.last_wait')
    }
    def names = waited.collect { wait -> wait.split(' ', 2)[1] }
    println("waits: ${names.join(' ')}, ${waited.toSet().size()} of them")
}
