"""The command line: `zoo list`, `zoo describe unet`; the same as `python -m zoo list`."""

import sys

from registry.commandline import Parser, guarded
from zoo.commands import add_commands
from zoo.version import __version__


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code. Errors that a user can fix are one or two lines on stderr."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without some letter shows a question mark
    return guarded(lambda: _run(argv))


def _run(argv: list[str] | None) -> int | None:
    args = _parser().parse_args(argv)
    return args.run(args)  # most commands give none; one that finds fault with data gives 1


def _parser() -> Parser:
    parser = Parser(
        prog="zoo",
        description="Find an object's mask and the scene's depth from two photos, one without and one with the object.",
    )
    parser.add_argument("--version", action="version", version=f"pairzoo {__version__}")
    parser.set_defaults(run=lambda _: parser.print_help())
    add_commands(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
