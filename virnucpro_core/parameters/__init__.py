"""The pipeline's parameters: their schema, checks and help.

Standard library, jsonschema and pyyaml only: the head job runs this package as a program before the
first task, on a machine that may have nothing else of the dependencies.
"""

from virnucpro_core.parameters._as_written import CommandLine, Given, as_written, read_texts
from virnucpro_core.parameters._check import CheckedParameters, check_parameters
from virnucpro_core.parameters._check_run import CheckedRun, check_run
from virnucpro_core.parameters._help import render_help
from virnucpro_core.parameters._params_file import render_params_file
from virnucpro_core.parameters._request import answer
from virnucpro_core.parameters._schema import Parameter, ParameterGroup, ParameterSchema

__all__ = [
    "CheckedParameters",
    "CheckedRun",
    "CommandLine",
    "Given",
    "Parameter",
    "ParameterGroup",
    "ParameterSchema",
    "answer",
    "as_written",
    "check_parameters",
    "check_run",
    "read_texts",
    "render_help",
    "render_params_file",
]
