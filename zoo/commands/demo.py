"""try networks in a local web page: plate and photo in, mask, cut-out and depth out"""

from argparse import ArgumentParser, Namespace

from registry.commandline import say, whole

PORT = 8008
DEFAULT = ("pairnet-small", "aligned_difference")


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    parser.description = (
        "Show a page to try networks in. Open the printed address in a browser of this machine; other machines cannot"
        " reach it. Needs pip install 'pairzoo[demo]'. Ctrl-C ends it."
    )
    add(
        "weights",
        nargs="*",
        metavar="WEIGHTS",
        help="files of zoo.save, training folders, or names from zoo list --weights; default: pairnet-small and"
        " aligned_difference",
    )
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps; default: auto")
    add("--port", type=whole(1), default=PORT, metavar="N", help=f"port of this machine; default: {PORT}")


def run(args: Namespace) -> int:
    from registry import ZooError
    from zoo.deploy import network
    from zoo.deploy.predict import placed

    try:
        import uvicorn

        from zoo.demo.app import app
    except ImportError:
        raise ZooError("the page needs starlette and uvicorn; install them with: pip install 'pairzoo[demo]'") from None
    _require_free(args.port)
    networks = {name: placed(network(name), args.device) for name in args.weights or DEFAULT}
    say(f"http://127.0.0.1:{args.port}/ shows the page, on this machine alone; Ctrl-C ends it")
    uvicorn.run(
        app(networks, args.port),
        host="127.0.0.1",
        port=args.port,
        log_level="warning",
        server_header=False,
        limit_concurrency=32,
        timeout_keep_alive=5,
    )
    return 0


def _require_free(port: int) -> None:
    """Raise ZooError where another program has the port."""
    import socket

    from registry import ZooError

    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "ports go up to 65,535"
            raise ZooError(f"port {port} cannot be used ({reason}); give another, as --port {PORT + 1}") from None
