// What containers, AWS Batch and CUDA devices need: one clear line for whatever is missing.
import nextflow.Global
import static nextflow.Nextflow.error

class Platform {
    /** Stops at the first setting that a chosen profile lacks or cannot use. */
    static checkPlatform(given, run) {
        // There the configuration sees the defaults of parameters, whatever the command line says.
        def version = run.nextflow.version
        if (System.getenv('NXF_SYNTAX_PARSER') == 'v2' && version.matches('>=25.02.0') && !version.matches('>=25.10.0')) {
            error("Nextflow ${version} with NXF_SYNTAX_PARSER=v2 does not give parameters to the configuration; unset it, or take Nextflow 25.10 or later")
        }
        def isBatch = 'awsbatch' in run.profile.tokenize(',')
        if (isBatch) {
            checkBatch(given, run.workDir)
        }
        // Of --container or a configuration file, for all tasks or some.
        def settings = Global.session.config.process
        def image = ([settings] + settings.values().findAll { value -> value instanceof Map }).findResult { scope -> scope.get('container') }
        def engine = isBatch ? 'AWS Batch' : run.containerEngine
        if (!engine && image) {
            error("${given.container ? '--container' : 'process.container'} ${image}: tasks run in containers with -profile docker, singularity, apptainer or awsbatch only; add one of them, or leave it out")
        }
        if (engine && !image) {
            error("--container is missing; name the image that ${engine} runs (docs/usage.md says how to build it)")
        }
        if (given.device?.startsWith('cuda') && !run.stubRun) {
            checkDevice(given.device, run)
        }
    }

    /** Whether tasks get the Python that pythonOfTasks finds here: no container, no Conda, and no script of a site before them. */
    static tasksUsePythonOf(run) {
        def config = Global.session.config
        def isContained = run.containerEngine || 'awsbatch' in run.profile.tokenize(',')
        def before = config.process.beforeScript
        if (before instanceof Closure) {
            before = before.rehydrate([task: [cpus: 1], projectDir: run.projectDir], before.owner, before.thisObject)
            before.resolveStrategy = Closure.DELEGATE_FIRST
            before = before.call()
        }
        def isOwn = before?.toString()?.contains("${run.projectDir}/.venv/bin")
        return isOwn && !isContained && config.conda?.enabled?.toString() != 'true' && !config.process.module
    }

    /** Stops where tasks run on this machine and would not find the device. */
    static checkDevice(device, run) {
        def executor = Global.session.config.process.executor ?: System.getenv('NXF_EXECUTOR') ?: 'local'
        if (executor != 'local') {
            return
        }
        def wanted = device.contains(':') ? device.replaceFirst('cuda:', '').toInteger() + 1 : 1
        def found = tasksUsePythonOf(run) ? devicesOfTorch(run.projectDir) : devicesOfDriver()
        if (found < wanted) {
            def source = 'gpu' in run.profile.tokenize(',') ? ' (-profile gpu asks for it)' : ''
            error("--device ${device}${source}: this machine has ${found ?: 'no'} CUDA device${found == 1 ? '' : 's'} for the tasks; leave it out to compute on the CPU ('virnucpro doctor devices' tells what there is)")
        }
    }

    private static devicesOfTorch(projectDir) {
        def asked = Programs.runProgram([Programs.pythonOfTasks(projectDir), '-c', 'import torch; print(torch.cuda.device_count())'], null)
        return asked.succeeded ? asked.output.trim().toInteger() : 0
    }

    private static devicesOfDriver() {
        def asked = Programs.runProgram(['nvidia-smi', '--list-gpus'], null)
        return asked.succeeded ? asked.output.readLines().size() : 0
    }

    /** What would otherwise fail one task at a time, or wait in a queue for ever. */
    static checkBatch(given, workDir) {
        if (!given.aws_queue) {
            error('--aws_queue is missing; name the Batch queue of the tasks (docs/aws.md)')
        }
        if (!workDir.toUriString().startsWith('s3://')) {
            error('--aws_workdir is missing; name a prefix in a bucket for the work files: s3://BUCKET/PREFIX')
        }
        if (!given.checkpoint_dir) {
            error('--checkpoint_dir is missing; name a prefix in a bucket for the parts of tasks: s3://BUCKET/PREFIX')
        }
        if (!given.checkpoint_dir.startsWith('s3://')) {
            error("--checkpoint_dir is '${given.checkpoint_dir}', on AWS Batch it must be an s3:// prefix: a machine's folders go with it")
        }
    }
}
