"""Batches made ready beside the steps: by a thread, and on a GPU on a stream of its own, so that neither waits."""

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from typing import Any

import torch

from zoo.contract import Sample

AHEAD = 2  # batches that are ready, or nearly
PAUSE = 0.1  # seconds from one look to the next at whether anybody still wants them


def ahead(source: Iterator[Sample], device: torch.device) -> Generator[Sample]:
    """The batches of an iterator; the next ones are made while one is in use.

    The first is made here, before there is a thread: with it begin the processes that make data, by a fork.
    """
    first = next(source, None)
    if first is None:
        return
    made = _Thread(source, device)
    try:
        yield first
        yield from made
    finally:
        made.end()


class _Thread(threading.Thread):
    """Goes through the source, a few batches before whoever takes them from here."""

    def __init__(self, source: Iterator[Sample], device: torch.device):
        super().__init__(daemon=True)
        self.source, self.device = source, device
        self.stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self.ready: queue.Queue[Any] = queue.Queue(AHEAD)  # a batch with the event at its end; None; or an error
        self.unwanted = threading.Event()
        self.start()

    def __iter__(self) -> Iterator[Sample]:
        while (found := self.ready.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            batch, event = found
            if event is not None:
                here = torch.cuda.current_stream(self.device)
                here.wait_event(event)
                for value in batch[:-1]:
                    value.record_stream(here)  # its memory was taken on the other stream
            yield batch

    def run(self) -> None:
        try:
            with torch.cuda.stream(self.stream) if self.stream else nullcontext():
                for batch in self.source:
                    self._put((batch, self.stream.record_event() if self.stream else None))
                    if self.unwanted.is_set():
                        return
            self._put(None)
        except BaseException as error:  # of a source, to be raised where batches are taken
            self._put(error)

    def _put(self, item: object) -> None:
        while not self.unwanted.is_set():
            try:
                self.ready.put(item, timeout=PAUSE)
            except queue.Full:
                continue
            return

    def end(self) -> None:
        self.unwanted.set()
        self.join()
