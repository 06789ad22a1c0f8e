// Programs that the head job runs itself, outside all tasks.
class Programs {
    /** Runs a program to its end, with this text on its standard input or, for null, nothing; one that cannot be run has not succeeded. */
    static runProgram(command, input) {
        try {
            def process = command.collect { word -> word.toString() }.execute()
            if (input != null) {
                // Nothing is answered before the whole of it is read.
                process.outputStream.withWriter('UTF-8') { writer -> writer.write(input) }
            }
            def output = new StringBuilder()
            def errors = new StringBuilder()
            process.waitForProcessOutput(output, errors)
            return [succeeded: process.exitValue() == 0, output: output.toString(), errors: errors.toString()]
        }
        catch (IOException problem) {
            return [succeeded: false, output: '', errors: problem.message]
        }
    }

    /** The last line of a text: what a program of ours says of its failure. */
    static lastLine(text) {
        return text.trim().readLines().takeRight(1).join()
    }

    /** The Python of tasks without container: of the active environment, the project's own, or on PATH, as in conf/base.config. */
    static pythonOfTasks(projectDir) {
        def own = new File("${projectDir}/.venv/bin/python3")
        return !System.getenv('VIRTUAL_ENV') && own.canExecute() ? own.path : 'python3'
    }

    /** A Python that has these modules: that of tasks, that on PATH, the project's own, else null. */
    static findPython(modules, projectDir) {
        def candidates = [pythonOfTasks(projectDir), 'python3', "${projectDir}/.venv/bin/python3".toString()]
        return candidates.find { program -> hasModules(program, modules) }
    }

    /**
     * The command that runs a module of the project, whatever the PYTHON... variables of the user say and
     * whatever lies in the launch folder, which `python3 -m` would look into first.
     */
    static moduleCommand(python, projectDir, module) {
        def code = 'import sys; sys.path[0] = sys.argv.pop(1); import runpy; runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)'
        return [python, '-EB', '-X', 'utf8', '-c', code, projectDir, module]
    }

    static hasModules(program, modules) {
        def check = "import sys; del sys.path[0]; import ${modules}; sys.exit(sys.version_info < (3, 10))"
        return runProgram([program, '-EB', '-c', check], null).succeeded
    }
}
