"""A process that has loaded what workers need and forks them: `python -m fairpost.server.supervisor.zygote FD`.

Loading the code takes a second of processor time, a fork some milliseconds: a worker that has died is replaced before
most callers notice. Forked workers share the memory of what was loaded, too.

A request is one message on the socket FD: the kind of the child ("worker", "web"), with the descriptors that it is to
have, its end of the channel first; the reply is its process id, or what went wrong. The zygote forks twice and waits
for the first: so the child's parent is the supervisor (which is a "subreaper", Linux 3.4), that waits for it as for any
child of its own, and no child depends on the zygote. It has one thread (a fork copies no other), and the children's
signals are none of its concern.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
from typing import Final

__all__ = ["main"]

_MOST_DESCRIPTORS: Final = 16
_PR_SET_NAME: Final = 15


def main(descriptor: int) -> int:
    """Fork children until the supervisor has gone; in each of them: be that child, and give its exit status."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # sent to whole groups; the supervisor tells its own
        signal.signal(number, signal.SIG_IGN)
    # Workers multiply no matrices, and the threads would be lost in the fork.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()  # loading leaves little to collect
    import numpy.ma  # noqa: F401
    import sqlalchemy.dialects.sqlite  # noqa: F401  what libraries load when it is first used

    import fairpost.server.supervisor.worker  # noqa: F401
    from fairpost.server.supervisor import child

    gc.enable()
    gc.freeze()  # the collector writes to what it looks at, and what is written to is no longer shared
    end = socket.socket(fileno=descriptor)
    while True:
        kind, descriptors, _, _ = socket.recv_fds(end, 64, _MOST_DESCRIPTORS)
        if not kind:
            return 0
        reading, writing = os.pipe()
        first = os.fork()
        if not first:
            os.close(reading)
            if second := os.fork():
                os.write(writing, str(second).encode())
                os._exit(0)
            end.close()
            os.close(writing)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until it serves, it has nothing to finish
            _name_process(f"fairpost {kind.decode()}")
            return child.main(kind.decode(), descriptors)
        os.close(writing)
        for each in descriptors:
            os.close(each)
        os.waitpid(first, 0)  # from now on the supervisor is the child's parent
        with open(reading, "rb") as pipe:
            reply = pipe.read() or b"a process could not be forked; the log says more"
        with contextlib.suppress(BrokenPipeError):
            end.send(reply)


def _name_process(name: str) -> None:
    """What `ps` and `top` call this process (15 bytes of it); its command line is the zygote's."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
