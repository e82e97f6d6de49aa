"""Being asked to stop: the first Ctrl-C or SIGTERM lets the step end and saves; a second Ctrl-C does not wait."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopRequest:
    """Whether a signal has asked this process to stop; handlers are put back at the end."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.old: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            self.old = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self.old.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
