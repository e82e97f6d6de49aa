"""look at, check, compose, pack and count data"""

from argparse import ArgumentParser, Namespace

from zoo.commands import commands


def arguments(parser: ArgumentParser) -> None:
    subparsers = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, module in commands("zoo.commands.data_actions").items():
        summary = (module.__doc__ or "").strip().splitlines()[0]
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        module.arguments(subparser)
        subparser.set_defaults(action=module.run)


def run(args: Namespace) -> int | None:
    """The action's exit code; none is 0."""
    code: int | None = args.action(args)
    return code
