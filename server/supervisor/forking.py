"""The supervisor's side of the zygote: asks it for children, and starts it again where it has died."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Process", "Zygote", "ZygoteError"]

_MODULE: Final = "fairpost.server.supervisor.zygote"
_FORK_SECONDS: Final = 60.0
"""For the code to be loaded and for one fork; on a machine that does much else both may take long."""
_PR_SET_CHILD_SUBREAPER: Final = 36


class ZygoteError(Exception):
    """A child could not be forked."""


class Process(Protocol):
    """What the supervisor needs of a child's process; subprocess.Popen has it, too."""

    @property
    def pid(self) -> int: ...

    def wait(self) -> int:
        """Its exit status, once it has ended; that of a signal is negative."""

    def kill(self) -> None:
        """Nothing happens if it has ended."""


class _Forked:
    """A child that the zygote has forked. One thread waits, any may kill."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended = False
        self._lock = threading.RLock()  # a signal's handler may kill, too

    def wait(self) -> int:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # its number stays taken
        with self._lock:
            self._ended = True
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        with self._lock:
            if not self._ended:
                os.kill(self.pid, signal.SIGKILL)


class Zygote:
    """The supervisor's side. The process is started with the first fork, and again if it has died. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may close it in the midst of that
        self._popen: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._closed = False

    def fork(self, kind: str, descriptors: Sequence[int]) -> Process:
        """A new child. descriptors: its end of the channel, and what else it is to have; the caller closes its own.

        Raises:
            ZygoteError: none could be made; it can be tried again.
        """
        with self._lock:
            end = self._started()
            try:
                socket.send_fds(end, [kind.encode()], list(descriptors))
                reply = end.recv(4096).decode()
            except TimeoutError:
                reply = f"the process that forks workers does not answer within {_FORK_SECONDS:g} s"
            except ConnectionError:
                reply = ""
            if reply.isdecimal():
                return _Forked(int(reply))
            self._end()
        raise ZygoteError(reply or "the process that forks workers has ended; its log says more")

    def close(self) -> None:
        self._closed = True
        popen = self._popen
        if popen is not None:
            popen.kill()  # who waits for it in `fork` waits no longer
        with self._lock:
            self._end()

    def _started(self) -> socket.socket:
        if self._closed:
            raise ZygoteError("the server is being stopped")
        if self._socket is None:
            _adopt()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.settimeout(_FORK_SECONDS)
            command = [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())]
            with theirs:
                self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),))
            self._socket = ours
        return self._socket

    def _end(self) -> None:
        end, popen = self._socket, self._popen
        self._socket = self._popen = None
        if end is not None:
            end.close()
        if popen is not None:
            popen.kill()
            popen.wait()


def _adopt() -> None:
    """Become the parent of what descendants leave behind."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise ZygoteError(f"prctl(PR_SET_CHILD_SUBREAPER): {os.strerror(ctypes.get_errno())}")
