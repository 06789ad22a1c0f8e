// What Nextflow notes of a run: trace, report, timeline and DAG. A run that only asks, or is refused,
// shall not touch those of an earlier one. So they come into being in a folder of this process
// (nextflow.config), and into the results when a run that has started is over.
import java.nio.channels.FileChannel
import java.nio.channels.FileLock
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption
import nextflow.Global
import static nextflow.Nextflow.error
import static nextflow.Nextflow.file

class Records {
    // Of the run of this process; the lock holds as long as it lives.
    private static target
    private static FileLock lock

    /** Where they are until then, the same as in nextflow.config. */
    static folder() {
        return new File(".nextflow/records/${java.lang.management.ManagementFactory.runtimeMXBean.name}")
    }

    /** The trace that is being written: Nextflow's own option or a file of the user's may have it elsewhere. */
    static trace(run) {
        return Global.session.config.trace.file.toString()
    }

    /** Takes care that nothing is left of a run that does not start. */
    static open() {
        // Nextflow writes its reports when all else is over.
        Runtime.runtime.addShutdownHook(new Thread({ close() }))
    }

    /** From here on the run writes to this folder of results, and no other one does at the same time. */
    static start(outdir) {
        def results = file(outdir, glob: false)
        def info = results.resolve('pipeline_info')
        try {
            Files.createDirectories(info)
        }
        catch (IOException problem) {
            error("--outdir ${outdir}: no results can be written there (${problem.class.simpleName}: ${problem.message}); name another folder")
        }
        // There are no locks on S3.
        if (info.fileSystem == java.nio.file.FileSystems.default) {
            hold(info.resolve('.lock'), outdir)
        }
        target = info
    }

    /** A lock of the system, which ends with this process, however that ends. */
    private static hold(path, outdir) {
        try {
            def channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)
            lock = channel.tryLock()
        }
        catch (IOException problem) {
            System.err.println("WARN: --outdir ${outdir}: another run that writes there at the same time would not be noticed (${problem.message})")
            return
        }
        if (lock == null) {
            error("--outdir ${outdir}: another run is writing there; wait until it is over, or name another folder")
        }
    }

    /** Puts the records among the results of a run that has started, else away. */
    private static close() {
        def made = folder()
        try {
            if (target != null) {
                for (record in made.listFiles()) {
                    Files.copy(record.toPath(), target.resolve(record.name), StandardCopyOption.REPLACE_EXISTING)
                }
            }
            made.deleteDir()
        }
        catch (IOException problem) {
            System.err.println("Trace and reports stay in ${made}: ${problem.class.simpleName}: ${problem.message}")
        }
    }
}
