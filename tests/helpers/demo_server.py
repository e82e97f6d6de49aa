"""The page of `zoo demo` at a free port of this machine, for tests."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

import uvicorn
from torch import nn

from zoo.demo import app as demo


class Server:
    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = uvicorn.Config(demo.app(networks, self.port), port=self.port, log_level="error")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any, Any]:
        """Status, what came (JSON or bytes), and headers."""
        given = {"Host": f"127.0.0.1:{self.port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, given)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        is_json = "json" in response.headers.get("content-type", "")
        return response.status, json.loads(data) if is_json else data, response.headers

    def find(self, plate: bytes, photo: bytes, network: str = "known", **headers: str) -> tuple[int, Any, Any]:
        given = {"X_Plate_Bytes": str(len(plate)), **headers}
        return self.ask("POST", f"/predict?network={network}", plate + photo, **given)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
