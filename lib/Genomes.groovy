// The genomes that a model is trained on: a sheet, or a folder for each class.
import static nextflow.Nextflow.error
import static nextflow.Nextflow.file

class Genomes {
    /**
     * The genomes as [ [id: name], sheet, files ]: the files are staged as .genomes/<number>/<name>, and
     * the sheet, a text, names them so. What else can be wrong with it, `virnucpro train data` says.
     */
    static readGenomes(input, sample) {
        def given = file(input.toString(), glob: false)
        if (!given.exists()) {
            error("--input ${input}: there is no such file or folder")
        }
        def rows = given.isDirectory() ? folderRows(given) : sheetRows(given)
        def name = sample ?: Samples.sampleName(given.name.replaceFirst(/(?i)\.(csv|tsv)$/, ''))
        rows.each { row -> Samples.checkCanBeStaged("--input ${input}: ${row.path}", row.path) }
        def quoted = rows.find { row -> row.path.name.contains('"') }
        if (quoted) {
            error("--input ${input}: ${quoted.path}: a name with a quotation mark cannot stand in a sheet; rename it")
        }
        def columns = rows[0].keySet().findAll { column -> column != 'path' } as List
        def lines = rows.withIndex().collect { row, i ->
            columns.collect { column -> column == 'file' ? ".genomes/${i + 1}/${row.path.name}" : row[column] }.join('\t')
        }
        return [[id: name.toString()], ([columns.join('\t')] + lines).join('\n'), rows.collect { row -> row.path }]
    }

    static folderRows(folder) {
        def rows = [cellular: 'others', viral: 'virus'].collectMany { kind, label ->
            def here = folder.resolve(kind)
            def files = here.isDirectory() ? here.listFiles().findAll { file -> file.isFile() && !file.name.startsWith('.') } : []
            if (!files) {
                error("--input ${folder}: the folder ${kind} holds no file; put genomes there")
            }
            files.sort { file -> file.name }.collect { file -> [file: file.name, label: label, path: file] }
        }
        return rows
    }

    static sheetRows(sheet) {
        def lines = sheet.readLines()
        def separator = lines && lines[0].contains('\t') ? '\t' : ','
        def rows = sheet.splitCsv(header: true, sep: separator, quote: '"', strip: true).collect { row ->
            // A spreadsheet may begin its file with a byte order mark.
            row.collectEntries { column, value -> [column.replace('\uFEFF', ''), value] }
        }
        if (!rows || !rows[0].containsKey('file')) {
            error("--input ${sheet}: this is no sheet of genomes; it needs a header with the columns file and label, and a row for each genome")
        }
        return rows.withIndex().collect { row, i ->
            if (row.values().any { value -> value == null }) {
                error("--input ${sheet}, row ${i + 2}: has fewer fields than the header; fill it up with separators")
            }
            def path = row.file ? sheet.parent.resolve(row.file) : null
            if (path == null || !path.isFile()) {
                error("--input ${sheet}: names '${row.file}', which is not a file; paths are relative to the sheet")
            }
            row + [path: path]
        }
    }
}
