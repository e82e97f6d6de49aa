"""show, check, compose, pack and summarise data"""

from registry.commandline import Parser
from zoo.commands import add_commands


def arguments(parser: Parser) -> None:
    add_commands(parser, "zoo.commands.data_actions", "action", required=True)
