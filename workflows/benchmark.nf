// A suite in, its reports out: one task, which measures with nothing else beside it.
include { BENCHMARK } from '../modules/benchmark'

workflow BENCHMARKS {
    take:
    reads    // channel: file of reads
    bundle   // map: path, sha256
    settings // map: suite, quick, against, device, precision
    code     // string: digest of the code

    main:
    BENCHMARK(
        settings.suite,
        reads,
        bundle.path,
        settings.subMap(['quick', 'against', 'device', 'precision']),
        bundle.sha256,
        code,
    )

    emit:
    reports  = BENCHMARK.out.reports
    versions = BENCHMARK.out.versions
}

/** The reads that are measured with: those given, else the bundled ones. */
def benchmarkReads(input) {
    def name = input == null ? "${projectDir}/assets/demo/reads.fasta.gz" : input.toString()
    def reads = file(name, glob: false)
    if (!reads.exists()) {
        error("--input ${input}: there is no such file")
    }
    Samples.checkCanBeStaged("--input ${input}", reads)
    return reads
}
