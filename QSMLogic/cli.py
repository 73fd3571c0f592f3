"""The command line `qsm`: every refusal is one line on standard error and a status that is not zero."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType

from . import __version__
from .commands import acquisitions, atlas, bids, compare, demo, dicom, listing, roi, run, stage
from .commands.arguments import Parser, UsageError
from .commands.terminal import one_line
from .errors import Cancelled, InputError
from .io.archive import remove_unpacked
from .io.outputs import in_words

FAILED, MISUSED, BROKEN = 1, 2, 70
"""Exit status where the input is refused, where the command is not understood, and where the program is at fault."""

PIPE_CLOSED = 141
"""Exit status where the reader of our output went away, as shells tell it."""

SIGNALLED = 128
"""Added to the number of the signal that ended the program, as shells do."""


class Terminated(BaseException):
    """The system asked the program to end (SIGTERM)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        args = _parser().parse_args(words)
        args.command = ["qsm", *words]
        args.work(args)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (Exception, KeyboardInterrupt, Terminated) as error:  # noqa: BLE001 (the one place that shows any error)
        status, line = _told(error)
        if "--debug" in words or (status == BROKEN and "--child" in words):
            traceback.print_exc()
        elif status == BROKEN:
            line += " Run it again with --debug and report what that says."
        print(f"qsm: {one_line(line)}", file=sys.stderr)
        return status
    finally:
        remove_unpacked()


def _parser() -> Parser:
    parser = Parser(prog="qsm", description="Quantitative susceptibility mapping: from phase to susceptibility.")
    parser.add_argument("--version", action="version", version=f"slicerqsm {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (run, stage, bids, acquisitions, listing, roi, atlas, compare, dicom, demo):
        module.add(commands)
    return parser


def _told(error: BaseException) -> tuple[int, str]:
    """Return exit status and message for whatever ended a command; a note, where it has one, knows better."""
    for kinds, status, line in (
        ((KeyboardInterrupt, Cancelled), SIGNALLED + signal.SIGINT, "Cancelled; nothing was written."),
        ((Terminated,), SIGNALLED + signal.SIGTERM, "Stopped by the system; nothing was written."),
        ((UsageError,), MISUSED, str(error)),
        ((InputError,), FAILED, str(error)),
        ((OSError,), FAILED, in_words(error) if isinstance(error, OSError) else ""),
        ((MemoryError,), FAILED, "Not enough memory: close other programs, or crop the images to the head."),
    ):
        if isinstance(error, kinds):
            return status, " ".join(getattr(error, "__notes__", [line]))
    return BROKEN, f"Unexpected error ({type(error).__name__}: {error})."


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
