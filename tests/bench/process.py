"""The processes of the engines, seen from the one that runs the benchmark."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
START_S = 120
KEEP_BYTE_CODE = {"PYTHONDONTWRITEBYTECODE": ""}


class Engine:
    """An engine's process: one line of JSON each way per command.

    A process that died or did not answer in time leaves a fault; the next command starts another.
    """

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        self.name = name
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None
        self.answers: queue.Queue[str] = queue.Queue()
        self.version = self.start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> str:
        """The engine's version, empty when it is not installed."""
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        self.answers = queue.Queue()
        threading.Thread(target=_read, args=(self.process, self.answers), daemon=True).start()
        answer = self.hear(START_S)
        if "fault" in answer:
            raise RuntimeError(f"{self.name} could not be started: {answer['fault']}")
        return answer["version"]

    def ask(self, do: str, limit: float, **arguments: object) -> dict:
        """Sends a command and waits for its answer, `limit` seconds at most."""
        if self.process is None:
            self.start()
        assert self.process is not None
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # then there is no answer either
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        return self.hear(limit)

    def hear(self, limit: float) -> dict:
        """The next answer."""
        assert self.process is not None
        try:
            line = self.answers.get(timeout=limit)
        except queue.Empty:
            self.stop(kill=True)
            return {"fault": f"Timeout: no answer in {limit:g} s"}
        if line:
            return json.loads(line)
        status = self.process.wait()
        self.stop()
        return {"fault": f"Died: exit status {status}"}

    def stop(self, kill: bool = False) -> None:
        """Ends the process: its input ends, or it is killed."""
        process, self.process = self.process, None
        if process is None:
            return
        if kill:
            process.kill()
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        process.wait()


def _read(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    """Passes on each line, and an empty one at the end."""
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            answers.put(line)
    answers.put("")


def empty_caches(folder: Path) -> dict[str, str]:
    """The environment of a process whose engine finds no compiled code but in this folder.

    Python's byte code is kept, as pip leaves it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ours = [os.environ.get("ARIGNOTE_FLAGS", ""), f"cache_dir={folder / 'arignote'}"]
    theirs = [os.environ.get("PYTENSOR_FLAGS", ""), f"base_compiledir={folder / 'pytensor'}"]
    return {
        **KEEP_BYTE_CODE,
        "ARIGNOTE_FLAGS": ",".join(filter(None, ours)),
        "PYTENSOR_FLAGS": ",".join(filter(None, theirs)),
    }
