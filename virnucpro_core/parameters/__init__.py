"""The pipeline's parameters: their schema, checks and help. Standard library and jsonschema only.

The head job runs ``python3 -m virnucpro_core.parameters`` before the first task, on a machine that
may have nothing else of the package's dependencies.
"""

from virnucpro_core.parameters._check import CheckedParameters, check_parameters
from virnucpro_core.parameters._check_run import CheckedRun, check_run
from virnucpro_core.parameters._help import render_help
from virnucpro_core.parameters._params_file import render_params_file
from virnucpro_core.parameters._schema import Parameter, ParameterGroup, ParameterSchema

__all__ = [
    "CheckedParameters",
    "CheckedRun",
    "Parameter",
    "ParameterGroup",
    "ParameterSchema",
    "check_parameters",
    "check_run",
    "render_help",
    "render_params_file",
]
