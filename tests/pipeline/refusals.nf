// Asks the checks of lib/ what they say of runs that cannot be, without starting any (test_refusals.py).

def said(name, check) {
    def line = 'nothing'
    try {
        check.call()
    }
    catch (Exception problem) {
        line = problem.message
    }
    println("${name}: ${line}")
}

workflow {
    def project = params.project
    def here = workflow.launchDir
    ['absent.fasta', 'a$b.fasta', 'reads[1].fasta'].each { name ->
        said("input ${name}", { -> Samples.readGroups([input: name], null, 100, workflow) })
    }
    ['absent', 'empty', 'broken', 'my$model', 'mine'].each { name ->
        said("model ${name}", { -> Provenance.readBundle(name, 'predict', project) })
    }
    ['absent.csv', 'short.csv', 'bad.csv', 'genomes/viral', 'reads.fasta'].each { name ->
        said("genomes ${name}", { -> Genomes.readGenomes(here.resolve(name), null) })
    }
    said('batch', { -> Platform.checkBatch([:], here) })
    said('batch with a queue', { -> Platform.checkBatch([aws_queue: 'q'], here) })
    said('model odd', { -> Provenance.readBundle('odd', 'predict', project) })
    def cds = [task: 'train', data: [frames: 'cds']]
    said('cds of the model', { -> Parameters.withFrameRule(cds, [:], [frame_rule: 'longest']) })
    said('cds as asked', { -> Parameters.withFrameRule(cds, [frame_rule: 'longest'], [frame_rule: 'complete']) })
    said('cds complete', { -> Parameters.withFrameRule(cds, [frame_rule: 'complete'], [frame_rule: 'longest']) })
    said('preset', { -> Parameters.checkCalibrated([preset: 'strict', prevalence: 'auto'], [calibrated: false]) })
    said('no preset', { -> Parameters.checkCalibrated([prevalence: 'auto'], [calibrated: false]) })
}
