// What a profile for containers or AWS Batch needs: one clear line for whatever is missing.
import static nextflow.Nextflow.error

class Platform {
    /** Stops at the first setting that a chosen profile lacks or cannot use. */
    static checkPlatform(given, run) {
        def profiles = run.profile.tokenize(',')
        def contained = profiles.find { name -> name in ['awsbatch', 'docker', 'singularity', 'apptainer'] }
        if ('awsbatch' in profiles) {
            checkBatch(given, run.workDir)
        }
        if (!contained && !run.containerEngine && !Parameters.isEmpty(given.container)) {
            error("--container ${given.container}: tasks run in containers with -profile docker, singularity, apptainer or awsbatch only; add one of them, or leave it out")
        }
        if (contained && Parameters.isEmpty(given.container)) {
            error("--container is missing; name the image for -profile ${contained} (docs/usage.md says how to build it)")
        }
    }

    /** What would otherwise fail one task at a time, or wait in a queue for ever. */
    static checkBatch(given, workDir) {
        if (Parameters.isEmpty(given.aws_queue)) {
            error('--aws_queue is missing; name the Batch queue of the tasks (docs/aws.md)')
        }
        if (given.aws_queue_gpu != null && Parameters.isEmpty(given.aws_queue_gpu)) {
            error('--aws_queue_gpu has no value; name a Batch queue of machines with GPUs, or leave it out')
        }
        if (!workDir.toUriString().startsWith('s3://')) {
            error('--aws_workdir is missing; name a prefix in a bucket for the work files: s3://BUCKET/PREFIX')
        }
        if (Parameters.isEmpty(given.checkpoint_dir)) {
            error('--checkpoint_dir is missing; name a prefix in a bucket for the parts of tasks: s3://BUCKET/PREFIX')
        }
        if (!given.checkpoint_dir.toString().startsWith('s3://')) {
            error("--checkpoint_dir is '${given.checkpoint_dir}', on AWS Batch it must be an s3:// prefix: a machine's folders go with it")
        }
    }
}
