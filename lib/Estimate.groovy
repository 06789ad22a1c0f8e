// What a run will take on this machine: 'virnucpro estimate' in the place of all tasks.
import static nextflow.Nextflow.error

class Estimate {
    /** The estimate as text; stops where it cannot be made. */
    static estimateRun(given, checked, settings, bundle, projectDir) {
        if (settings.engine != 'v2') {
            error("--dry_run times engine v2 only; leave out --engine, or start the run without --dry_run")
        }
        def files = checked.sheet ? checked.sheet.collectMany { sample -> sample.files } : []
        def remote = ([given.input] + files).find { name -> name.toString().contains('://') }
        if (remote) {
            error("--dry_run reads files of this machine, and ${remote} is not one; copy it here, or start the run without --dry_run")
        }
        def python = Programs.findPython('torch, dnaio, h5py, pyarrow, typer', projectDir)
        if (!python) {
            error("No Python to estimate with: python3 on PATH must have the packages of the project, torch among them; run 'make setup' and '. .venv/bin/activate'")
        }
        def command = Programs.moduleCommand(python, projectDir, 'virnucpro_core.cli') + [
            'estimate',
            '--model', bundle.path.toUriString(),
            '--device', settings.device,
            '--precision', settings.precision,
            '--attention', settings.attention,
            '--token-budget', settings.token_budget,
            '--shard-frames', settings.shard_frames,
            '--frame-rule', settings.frame_rule,
        ] + (checked.sheet ? ['--sheet', given.input] : ['--', given.input])
        def estimate = Programs.runProgram(command, null)
        if (!estimate.succeeded) {
            error(Programs.lastLine(estimate.errors))
        }
        return estimate.output
    }
}
