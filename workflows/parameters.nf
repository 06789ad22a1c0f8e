// What the command line may say, and one clear line for everything that it may not.

def help() {
    """
    Which reads or contigs are viral; or embeddings of proteins or DNA.

      nextflow run main.nf --input reads.fastq.gz --outdir results [options]
      nextflow run main.nf --task embed --input proteins.faa --outdir results [options]

    --input FILE          FASTA or FASTQ, plain or compressed with gzip, bzip2, xz or zstd
    --sample NAME         name of the sample [the file's name without its extensions]
    --outdir DIR          where the results go [results]
    --model DIR           model bundle: a folder, or a name in assets/models [demo]; for embed
                          also a folder with an ESM-2 or DNABERT-S as Hugging Face lays it out
    --task TASK           what to do: predict or embed [predict]

    predict:
    --threshold X         lowest score that is called virus, 0 to 1 [0.5]
    --save_embeddings     keep the embeddings under <outdir>/<sample>/embeddings

    embed:
    --molecule MOLECULE   what the input is: protein or dna [protein]

    --device DEVICE       auto, cpu, cuda or cuda:N [auto]
    --precision FORMAT    auto, fp32, bf16, fp16 or int8 [auto]
    --attention BACKEND   auto, sdpa, varlen or flash [auto]
    --token_budget N      tokens in a batch; 0 chooses [0]
    --shard_frames N      frames (embed: sequences) in a shard, the unit of work that is spread
                          [20000]

    -profile docker, singularity, apptainer, awsbatch:
    --container IMAGE     image that the tasks run in

    -profile awsbatch (docs/aws.md):
    --aws_queue NAME      queue of the tasks
    --aws_queue_gpu NAME  queue of the embedding tasks, with a GPU for each [that of all tasks]
    --aws_workdir PREFIX  s3:// prefix for the work files
    --aws_region REGION   [that of the AWS settings]
    --aws_cpus N          vCPUs of an embedding task, the most that a task asks for [8]
    --aws_memory SIZE     memory of an embedding task, the most that a task asks for [28 GB]
    --aws_spot_attempts N how often Batch starts a task whose machine spot takes away, 0 to 10 [10]
    --aws_cli PATH        the aws program of the machines [that of the image]

    Nextflow's own options have one dash: -resume, -work-dir DIR, and
    -profile demo|test|gpu|awsbatch|docker|singularity|apptainer|conda.
    """.stripIndent()
}

/** The settings of the tasks as a map, typed; stops at the first parameter that is wrong. */
def checkParameters(given) {
    def known = [
        'help', 'task', 'input', 'sample', 'outdir', 'model', 'threshold', 'save_embeddings',
        'molecule', 'device', 'precision', 'attention', 'token_budget', 'shard_frames',
        'checkpoint_dir', 'container', 'aws_region', 'aws_queue', 'aws_queue_gpu', 'aws_workdir',
        'aws_cpus', 'aws_memory', 'aws_spot_attempts', 'aws_cli',
    ]
    // Nextflow adds a camel-case twin to every name with a dash.
    def unknown = given.keySet().find { name -> !(name in known) }
    if (unknown) {
        error("Unknown parameter --${unknown}; --help lists those that exist")
    }
    if (given.task in ['train', 'benchmark']) {
        error("--task ${given.task} does not exist yet; --task predict and --task embed do")
    }
    if (!(given.task in ['predict', 'embed'])) {
        error("--task is '${given.task}', it must be predict or embed")
    }
    if (isEmpty(given.outdir)) {
        error('--outdir has no value; name a folder for the results')
    }
    if (!(given.save_embeddings.toString() in ['true', 'false'])) {
        error("--save_embeddings is '${given.save_embeddings}', it must be true or false")
    }
    if (!(given.device.toString() ==~ /auto|cpu|cuda(:\d+)?/)) {
        error("--device is '${given.device}', it must be auto, cpu, cuda or cuda:N")
    }
    if (!(given.precision in ['auto', 'fp32', 'bf16', 'fp16', 'int8'])) {
        error("--precision is '${given.precision}', it must be auto, fp32, bf16, fp16 or int8")
    }
    if (!(given.attention in ['auto', 'sdpa', 'varlen', 'flash'])) {
        error("--attention is '${given.attention}', it must be auto, sdpa, varlen or flash")
    }
    if (!(given.molecule in ['protein', 'dna'])) {
        error("--molecule is '${given.molecule}', it must be protein or dna")
    }
    def threshold = given.threshold.toString()
    if (!threshold.isNumber() || threshold.toDouble() < 0 || threshold.toDouble() > 1) {
        error("--threshold is '${threshold}', it must be a number from 0 to 1")
    }
    def settings = [
        task: given.task,
        device: given.device.toString(),
        precision: given.precision.toString(),
        attention: given.attention.toString(),
        token_budget: wholeNumber('token_budget', given.token_budget, 0),
        shard_frames: wholeNumber('shard_frames', given.shard_frames, 1),
    ]
    def own = given.task == 'embed' ? [molecule: given.molecule] : [threshold: threshold.toDouble()]
    return settings + own
}

/** The sample as [ [id: name], file ]. */
def readSample(input, sample) {
    if (isEmpty(input)) {
        error('--input is missing; name a FASTA or FASTQ file')
    }
    def reads = file(input.toString(), glob: false)
    if (!reads.exists()) {
        error("--input ${input}: there is no such file")
    }
    if (!reads.isFile()) {
        error("--input ${input}: this is not a file; name a FASTA or FASTQ file")
    }
    if (reads.toString() =~ /[$`\n]/) {
        error("--input ${input}: a path with '\$', '`' or a line break cannot reach the tasks; rename it")
    }
    def name = isEmpty(sample) ? sampleName(reads.name) : sample.toString()
    if (!(name ==~ /[A-Za-z0-9_][A-Za-z0-9._-]*/) || name == 'pipeline_info') {
        error("--sample is '${name}', it must be letters, digits, '_', '.' and '-', not begin with '.' or '-', and not be pipeline_info")
    }
    return [[id: name], reads]
}

/** A file's name without the extensions of its format, made safe for file names. */
def sampleName(fileName) {
    def plain = fileName.replaceFirst(/(?i)\.(gz|bz2|xz|zst)$/, '')
    def stem = plain.replaceFirst(/(?i)\.(fasta|fa|fna|fas|ffn|faa|fastq|fq)$/, '')
    def safe = stem.replaceAll(/[^A-Za-z0-9._-]/, '_').replaceFirst(/^[.-]+/, '')
    return safe ?: 'sample'
}

def isEmpty(value) {
    // An option without a value arrives as true.
    return value == null || value.toString() in ['', 'true']
}

def wholeNumber(name, value, least) {
    def text = value.toString()
    if (!(text ==~ /\d{1,9}/) || text.toInteger() < least) {
        error("--${name} is '${text}', it must be a whole number of at least ${least}")
    }
    return text.toInteger()
}
