// What the command line may say, and one clear line for everything that it may not.

def help() {
    """
    Which reads or contigs are viral; embeddings of proteins or DNA; or a model of your own.

      nextflow run main.nf --input reads.fastq.gz --outdir results [options]
      nextflow run main.nf --task embed --input proteins.faa --outdir results [options]
      nextflow run main.nf --task train --input genomes.csv --outdir results [options]

    --input FILE          FASTA or FASTQ, plain or compressed with gzip, bzip2, xz or zstd
    --sample NAME         name of the sample [the file's name without its extensions]
    --outdir DIR          where the results go [results]
    --model MODEL         model bundle: a folder, a name of 'virnucpro model list' or an s3://
                          prefix [demo]; for embed also a folder with an ESM-2 or DNABERT-S as
                          Hugging Face lays it out
    --task TASK           what to do: predict, embed or train [predict]

    predict:
    --threshold X         lowest score that is called virus, 0 to 1 [0.5]
    --save_embeddings     keep the embeddings under <outdir>/<sample>/embeddings

    embed:
    --molecule MOLECULE   what the input is: protein or dna [protein]

    train (docs/models.md):
    --input               a sheet of genomes (file,label,group), or a folder with viral/ and cellular/
    --model MODEL         whose encoders the new model has
    --sample NAME         name of the new model
    --recipe RECIPE       how the classifier is fitted: default or authors [default]
    --windows N           windows with a frame for each class [20000]
    --shortest_window N   bases of the shortest window [100]
    --longest_window N    bases of the longest window [500]
    --frames FRAMES       all stop-free frames, or cds: those in annotated genes [all]
    --validation_share X  share of the genomes kept for choosing [0.1]
    --test_share X        share of the genomes kept for the figures [0.15]
    --seed N              of the draw, the split and the fit [1]

    --device DEVICE       auto, cpu, cuda or cuda:N [auto]
    --precision FORMAT    auto, fp32, bf16, fp16 or int8 [auto]
    --attention BACKEND   auto, sdpa, varlen or flash [auto]
    --token_budget N      tokens in a batch; 0 chooses [0]
    --max_failed_fraction X
                          share of a shard's sequences that may fail and be set aside [0.01]
    --checkpoint_dir DIR  where finished parts are kept until the run has succeeded: a folder or
                          an s3:// prefix [checkpoints in the work folder]
    --part_seconds X      seconds of work in a part: what is lost with a machine [60]
    --shard_frames N      frames (embed: sequences) in a shard, the unit of work that is spread
                          [20000]
    --preemption_wait N   longest wait in seconds before a task whose machine was lost starts
                          again; 0 to 3600 [30]

    with -profile slurm:
    --slurm_account NAME  account that pays
    --slurm_partition P   partition, or several with commas [SLURM's default]
    --slurm_gres GRES     devices of an embedding job, for example gpu:1 [none]
    --slurm_time TIME     time limit of a job, for example 90m, 8h or '1d 12h' [the partition's]
    --slurm_cpus N        cores of an embedding job [8]
    --slurm_memory SIZE   most memory that a job may ask for [64 GB]
    --slurm_array N       tasks in a job array; 0 sends each task by itself [0]
    --slurm_options=TEXT  further options of sbatch, as in --slurm_options='--qos=long' [none]

    with -profile docker, singularity, apptainer, awsbatch:
    --container IMAGE     image that the tasks run in

    with -profile awsbatch (docs/aws.md):
    --aws_queue NAME      queue of the tasks
    --aws_queue_gpu NAME  queue of the embedding tasks, with a GPU for each [that of all tasks]
    --aws_workdir PREFIX  s3:// prefix for the work files
    --aws_region REGION   [that of the AWS settings]
    --aws_cpus N          vCPUs of an embedding task, the most that a task asks for [8]
    --aws_memory SIZE     memory of an embedding task, the most that a task asks for [28 GB]
    --aws_spot_attempts N how often Batch starts a task whose machine spot takes away, 0 to 10 [10]
    --aws_cli PATH        the aws program of the machines [that of the image]

    Nextflow's own options have one dash: -resume, -work-dir DIR, and
    -profile demo|test|gpu|slurm|awsbatch|docker|singularity|apptainer|conda.
    """.stripIndent()
}

/** The settings of the tasks as a map, typed; stops at the first parameter that is wrong. */
def checkParameters(given) {
    def known = [
        'help', 'task', 'input', 'sample', 'outdir', 'model', 'threshold', 'save_embeddings',
        'molecule', 'device', 'precision', 'attention', 'token_budget', 'shard_frames',
        'max_failed_fraction', 'checkpoint_dir', 'part_seconds', 'preemption_wait',
        'recipe', 'windows', 'shortest_window', 'longest_window', 'frames', 'validation_share',
        'test_share', 'seed', 'container', 'aws_region', 'aws_queue', 'aws_queue_gpu', 'aws_workdir',
        'aws_cpus', 'aws_memory', 'aws_spot_attempts', 'aws_cli',
    ] + slurmParameters()
    // Nextflow adds a camel-case twin to every name with a dash.
    def unknown = given.keySet().find { name -> !(name in known) }
    if (unknown) {
        error("Unknown parameter --${unknown}; --help lists those that exist")
    }
    checkSlurm(given)
    if (given.task == 'benchmark') {
        error('--task benchmark does not exist yet; --task predict, embed and train do')
    }
    if (!(given.task in ['predict', 'embed', 'train'])) {
        error("--task is '${given.task}', it must be predict, embed or train")
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
    number('part_seconds', given.part_seconds, 86400)
    if (wholeNumber('preemption_wait', given.preemption_wait, 0) > 3600) {
        error("--preemption_wait is '${given.preemption_wait}', it must be at most 3600 seconds")
    }
    def settings = [
        task: given.task,
        device: given.device.toString(),
        precision: given.precision.toString(),
        attention: given.attention.toString(),
        token_budget: wholeNumber('token_budget', given.token_budget, 0),
        max_failed_fraction: number('max_failed_fraction', given.max_failed_fraction, 1),
        shard_frames: wholeNumber('shard_frames', given.shard_frames, 1),
    ]
    def own = [
        predict: { [threshold: number('threshold', given.threshold, 1)] },
        embed: { [molecule: given.molecule] },
        train: { checkTraining(given) },
    ]
    return settings + own[given.task].call()
}

/** What training is told: data, for the making of the dataset, and fit, for the classifier. */
def checkTraining(given) {
    if (!(given.recipe in ['default', 'authors'])) {
        error("--recipe is '${given.recipe}', it must be default or authors")
    }
    if (!(given.frames in ['all', 'cds'])) {
        error("--frames is '${given.frames}', it must be all or cds")
    }
    def data = [
        windows: wholeNumber('windows', given.windows, 1),
        shortest: wholeNumber('shortest_window', given.shortest_window, 3),
        longest: wholeNumber('longest_window', given.longest_window, 3),
        frames: given.frames,
        validation: number('validation_share', given.validation_share, 1),
        test: number('test_share', given.test_share, 1),
        shard_frames: wholeNumber('shard_frames', given.shard_frames, 1),
        seed: wholeNumber('seed', given.seed, 0),
    ]
    if (data.longest < data.shortest) {
        error("--longest_window is ${data.longest}, it must be at least --shortest_window (${data.shortest})")
    }
    if (data.validation == 0 || data.test == 0 || data.validation + data.test >= 1) {
        error("--validation_share is ${data.validation} and --test_share ${data.test}; both must be above 0, and leave something to train on")
    }
    return [data: data, fit: [recipe: given.recipe, seed: data.seed]]
}

def slurmParameters() {
    return [
        'slurm_account', 'slurm_partition', 'slurm_gres', 'slurm_time', 'slurm_cpus', 'slurm_memory',
        'slurm_array', 'slurm_options',
    ]
}

/** Stops at a SLURM parameter that is wrong, or that nothing would read. */
def checkSlurm(given) {
    def present = slurmParameters().findAll { name -> given.containsKey(name) }
    if (present.size() < slurmParameters().size()) {
        // Only the profile defines all of them.
        if (present) {
            error("--${present[0]} is for jobs of SLURM; add -profile slurm")
        }
        return
    }
    // These go to sbatch as they stand.
    ['slurm_account', 'slurm_partition', 'slurm_gres'].each { name ->
        def plain = given[name] == null || given[name].toString() ==~ /[A-Za-z0-9_][A-Za-z0-9_.,:=@\/+-]*/
        if (!plain || given[name].toString() == 'true') {
            error("--${name} is '${given[name]}', it must be a name as sbatch takes it, without spaces")
        }
    }
    if (given.slurm_time != null && !(given.slurm_time.toString() ==~ /(\d+ ?(m|min|h|d) ?)+/)) {
        error("--slurm_time is '${given.slurm_time}', it must be a time such as 90m, 8h or '1d 12h'")
    }
    if (!(given.slurm_memory.toString() ==~ /\d+ ?[MGT]B/)) {
        error("--slurm_memory is '${given.slurm_memory}', it must be a size such as '64 GB'")
    }
    wholeNumber('slurm_cpus', given.slurm_cpus, 1)
    if (wholeNumber('slurm_array', given.slurm_array, 0) == 1) {
        error('--slurm_array is 1, it must be 0 (no arrays) or at least 2')
    }
    if (given.slurm_options != null && !(given.slurm_options.toString() ==~ /-[^\n\r]*/)) {
        error("--slurm_options is '${given.slurm_options}', it must be options of sbatch in one line, such as '--qos=long'")
    }
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

def number(name, value, most) {
    def text = value.toString()
    if (!text.isNumber() || text.toDouble() < 0 || text.toDouble() > most) {
        error("--${name} is '${text}', it must be a number from 0 to ${most}")
    }
    return text.toDouble()
}
