import java.io.File;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import nextflow.config.control.ConfigParser;
import nextflow.script.control.ScriptParser;
import org.codehaus.groovy.control.SourceUnit;
import org.codehaus.groovy.control.messages.Message;
import org.codehaus.groovy.control.messages.SyntaxErrorMessage;

/**
 * Parses Nextflow scripts (.nf) and configurations (.config) with the strict parser of 25.x.
 *
 * <p>A class of lib (.groovy) is only made known by its name: what is in it is no Nextflow, and
 * Nextflow's own classes, which it needs, are not here. Prints a line for every error and then
 * "N files, M errors"; exits with 1 when there is an error or no file, and with 2 for a file of
 * another kind.
 */
public class StrictParse {
    public static void main(String[] paths) {
        var scripts = new ScriptParser();
        var configs = new ConfigParser();
        for (String path : paths) {
            var file = new File(path);
            if (!file.isFile()) {
                System.out.println(path + ": no such file");
                System.exit(2);
            } else if (path.endsWith(".nf")) {
                scripts.parse(file);
            } else if (path.endsWith(".config")) {
                configs.parse(file);
            } else if (path.endsWith(".groovy")) {
                var name = file.getName().replace(".groovy", "");
                scripts.compiler().compilationUnit().getClassLoader().parseClass("class " + name + " {}");
            } else {
                System.out.println(path + ": neither .nf, .config nor .groovy");
                System.exit(2);
            }
        }
        // Parsing finds malformed text; analysis finds names that mean nothing.
        scripts.analyze();
        configs.analyze();
        List<String> errors = new ArrayList<>(errorsOf(scripts.compiler().getSources().values()));
        errors.addAll(errorsOf(configs.compiler().getSources().values()));
        errors.forEach(System.out::println);
        System.out.println(paths.length + " files, " + errors.size() + " errors");
        System.exit(errors.isEmpty() && paths.length > 0 ? 0 : 1);
    }

    private static List<String> errorsOf(Collection<SourceUnit> sources) {
        List<String> lines = new ArrayList<>();
        for (SourceUnit source : sources) {
            List<? extends Message> messages = source.getErrorCollector().getErrors();
            for (Message message : messages == null ? List.<Message>of() : messages) {
                lines.add(source.getName() + ":" + describe(message));
            }
        }
        return lines;
    }

    private static String describe(Message message) {
        if (message instanceof SyntaxErrorMessage syntax) {
            var cause = syntax.getCause();
            return cause.getStartLine() + ":" + cause.getStartColumn() + ": " + cause.getOriginalMessage();
        }
        return " " + message;
    }
}
