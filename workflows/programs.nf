// Programs that the head job runs itself, outside all tasks.

/** Runs a program to its end, with this text on its standard input or, for null, nothing. */
def runProgram(command, input) {
    def process = command.collect { word -> word.toString() }.execute()
    def output = new StringBuilder()
    def errors = new StringBuilder()
    if (input != null) {
        // Nothing is answered before the whole of it is read.
        process.outputStream.withWriter('UTF-8') { writer -> writer.write(input) }
    }
    process.waitForProcessOutput(output, errors)
    return [succeeded: process.exitValue() == 0, output: output.toString(), errors: errors.toString()]
}

/** The last line of a text: what a program of ours says of its failure. */
def lastLine(text) {
    return text.trim().readLines().takeRight(1).join()
}
