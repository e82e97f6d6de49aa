"""Commands in processes of their own that need not load torch: each is forked from one that has it.

What is of ours is imported in the fork, as in any process.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300.0  # that one command may take


class Process:
    """A command that was started: its process, what it has said so far on stderr, and its end."""

    def __init__(self, door: socket.socket, command: tuple[str, ...], out: IO[str], error: IO[str]):
        self.door, self.command, self.out, self.error = door, command, out, error
        self.pid = int(door.recv(64))
        self.done: CompletedProcess[str] | None = None

    def said(self) -> str:
        return os.pread(self.error.fileno(), 1 << 20, 0).decode()  # to seek would move where it writes

    def ended(self) -> bool:
        return self.done is not None or bool(select.select([self.door], [], [], 0)[0])

    def end(self) -> CompletedProcess[str]:
        """Waits for it."""
        if self.done is None:
            code = int(self.door.recv(64))
            self.out.seek(0)
            self.error.seek(0)
            self.done = CompletedProcess(self.command, code, self.out.read(), self.error.read())
        return self.done


class Warm:
    """The process that has torch, and the libraries that our networks come from."""

    def __init__(self, door: socket.socket):
        self.door = door

    @contextmanager
    def started(self, *command: str, stdout: int | None = None, **more: Any) -> Iterator[Process]:
        """What `python -m NAME ...` or `python -c CODE ...` starts; stdout: a file that takes it, -1 for a closed one.

        more: path, a folder before all others; cwd; env, on top of this process's; encoding, of stdout; session, a new
        one with a group of its own
        """
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
            files = [out.fileno() if stdout in (None, -1) else stdout, error.fileno()]
            asked = {"command": command, "closed": stdout == -1, "cwd": os.getcwd()} | more
            asked["env"] = dict(os.environ) | more.get("env", {})
            socket.send_fds(self.door, [json.dumps(asked, default=str).encode()], files)
            process = Process(self.door, command, out, error)
            try:
                yield process
            finally:
                if not process.ended():
                    os.kill(process.pid, signal.SIGKILL)
                process.end()

    def run(self, *command: str, stdout: int | None = None, **more: Any) -> CompletedProcess[str]:
        with self.started(*command, stdout=stdout, **more) as process:
            return process.end()


@contextmanager
def warm() -> Iterator[Warm]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(SECONDS)
    command = [sys.executable, __file__, str(theirs.fileno())]
    with ours, subprocess.Popen(command, pass_fds=[theirs.fileno()], env=os.environ | {"OMP_NUM_THREADS": "1"}):
        theirs.close()
        yield Warm(ours)
        ours.close()  # and with it the process


def serve(door: socket.socket) -> None:
    import segmentation_models_pytorch  # noqa: F401  with torch and timm

    del sys.path[0]  # the folder of this file
    gc.collect()
    gc.freeze()  # no fork looks through it again
    while True:
        text, files, *_ = socket.recv_fds(door, 1 << 20, 2)
        if not text:
            return
        child = os.fork()
        if not child:
            door.close()
            become(json.loads(text), *files)
            return
        for file in files:
            os.close(file)
        door.send(str(child).encode())
        door.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def become(asked: dict[str, Any], out: int, error: int) -> None:
    """Run the command with its files; its end is that of the process."""
    os.dup2(out, 1)
    os.dup2(error, 2)
    os.close(out)
    os.close(error)
    if asked.get("session"):
        os.setsid()
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.path[:0] = [path for path in (asked.get("path"), str(ROOT)) if path]
    if asked["closed"]:
        os.close(1)
    stdout = None if asked["closed"] else os.fdopen(1, "w", encoding=asked.get("encoding"), closefd=False)
    sys.stdout = sys.__stdout__ = stdout  # type: ignore[assignment, misc]  # as Python begins
    option, what, *arguments = asked["command"]
    sys.argv = [option, *arguments]
    if option == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
