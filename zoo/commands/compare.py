"""compare networks: cost, speed, memory and accuracy; with --data on your own photos"""

from importlib import import_module

from registry.commandline import Parser

COMPARISON = "benchmarks.compare"  # on the floor above: named as text and loaded when it is asked for


def arguments(parser: Parser) -> None:
    command = import_module(COMPARISON)
    command.arguments(parser)
    parser.set_defaults(run=command.run)
