// What a run will take on this machine: 'virnucpro estimate' in the place of all tasks.
include { findPython } from './parameters'
include { lastLine; runProgram } from './programs'

/** The estimate as text; stops where it cannot be made. */
def estimateRun(given, checked, bundle) {
    def settings = checked.settings
    if (settings.engine != 'v2') {
        error("--dry_run times engine v2 only; leave out --engine, or start the run without --dry_run")
    }
    def files = checked.sheet ? checked.sheet.collectMany { sample -> sample.files } : []
    def remote = ([given.input] + files).find { name -> name.toString().contains('://') }
    if (remote) {
        error("--dry_run reads files of this machine, and ${remote} is not one; copy it here, or start the run without --dry_run")
    }
    def python = findPython('torch, dnaio, h5py, pyarrow, typer')
    if (!python) {
        error("No Python to estimate with: python3 on PATH must have the packages of the project, torch among them; run 'make setup' and '. .venv/bin/activate'")
    }
    def command = [
        'env', "PYTHONPATH=${projectDir}", 'PYTHONDONTWRITEBYTECODE=1', python, "${projectDir}/bin/estimate.py",
        '--model', bundle.path.toUriString(),
        '--device', settings.device,
        '--precision', settings.precision,
        '--attention', settings.attention,
        '--token-budget', settings.token_budget,
        '--shard-frames', settings.shard_frames,
    ] + (checked.sheet ? ['--sheet', given.input] : ['--', given.input])
    log.info('Nothing is run: reading a part of the input and timing the encoders')
    def estimate = runProgram(command, null)
    if (!estimate.succeeded) {
        error(lastLine(estimate.errors))
    }
    return estimate.output
}
