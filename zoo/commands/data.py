"""look at, check, compose, pack and count data"""

from argparse import ArgumentParser

from zoo.commands import add_commands, commands


def arguments(parser: ArgumentParser) -> None:
    add_commands(parser, "action", commands("zoo.commands.data_actions"), required=True)
