"""What all commands share: errors as one sentence, `--debug`, and what diffkeras logs on stderr."""

import contextlib
import errno
import logging
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import click

from diffkeras.errors import DiffkerasError, ProblemWarning
from diffkeras.reporting.terminal import fitted
from diffkeras.system.interruption import Terminated, raising_sigterm
from diffkeras.system.packages import missing_package

UNEXPECTED = 70  # exit status of an error that diffkeras didn't foresee, EX_SOFTWARE of BSD
INTERRUPTED, TERMINATED = 130, 143  # what shells expect after Ctrl-C and SIGTERM
OUTPUT_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF)
ALIKE = 0.7  # names of options that are probably confused, for difflib
LONGEST_LINE = 1500  # characters of a message


class StatusHandler(logging.Handler):
    """Prints log records on standard error, since standard output holds results alone."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record; warnings and errors are marked."""
        from tqdm import tqdm

        line, mark = _cut_line(self.format(record)), ""
        if record.levelno >= logging.WARNING:
            mark = f"{record.levelname.lower()}: "
        line = fitted(line, before=len(mark))
        line = f"{click.style(mark, fg='yellow') if sys.stderr.isatty() else mark}{line}"
        # RuntimeError: a signal handler prints while another line is being printed
        with contextlib.suppress(RuntimeError, OSError):
            # tqdm moves a progress bar that is being drawn out of the line's way
            tqdm.write(line, file=sys.stderr)


@contextlib.contextmanager
def printed_log(lowest: int = logging.INFO) -> Iterator[None]:
    """Print what diffkeras logs while a command runs, and its warnings of problems."""
    package = logging.getLogger("diffkeras")
    handler, level = StatusHandler(), package.level
    package.addHandler(handler)
    package.setLevel(lowest)
    package.propagate = False  # other packages may have given the root logger a handler
    show = warnings.showwarning

    def show_as_line(message: Any, *place: Any, **options: Any) -> None:
        if isinstance(message, ProblemWarning):
            package.warning(str(message))
        else:
            show(message, *place, **options)

    warnings.showwarning = show_as_line
    try:
        yield
    finally:
        warnings.showwarning = show
        package.removeHandler(handler)
        package.setLevel(level)
        package.propagate = True


def _note(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Note a flag that may stand before or after the command's name."""
    ctx.meta[str(param.name)] = value or ctx.meta.get(str(param.name), False)
    return value


def debug_option() -> click.Option:
    """`--debug`."""
    flag: dict[str, Any] = {"is_flag": True, "expose_value": False, "callback": _note}
    return click.Option(["--debug"], help="Print the traceback of an error.", **flag)


quiet_option = click.option(
    "--quiet",
    is_flag=True,
    callback=_note,
    help="Print nothing but warnings, errors, and what --json prints.",
)


class DiffkerasCommand(click.Command):
    """A command that turns every error into one sentence and an exit status.

    `interrupted` says what is kept after Ctrl-C or SIGTERM.
    """

    def __init__(self, *args: Any, interrupted: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.interrupted = interrupted
        self.params.append(debug_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options; for an unknown one, name the commands that have it."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            group = ctx.parent.command if ctx.parent else None
            others = group.commands.values() if isinstance(group, click.Group) else ()
            name = error.option_name
            having = [f"`{c.name}`" for c in others if any(name in p.opts for p in c.params)]
            if having:
                words = f"No such option {name!r} of {ctx.command_path}, only of "
                message = words + " and ".join(having)
                vars(error).update(message=message, possibilities=[])  # Click declares them final
                raise
            alike = error.possibilities or ()  # with Click's measure, --help is like --step
            vars(error)["possibilities"] = get_close_matches(name, alike, cutoff=ALIKE)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        _check_environment()
        try:
            lowest = logging.WARNING if ctx.meta.get("quiet") else logging.INFO
            with raising_sigterm(), printed_log(lowest):
                return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise  # Click's own; it also ends quietly where nobody reads the output any more
        except KeyboardInterrupt as error:
            message = "; ".join(filter(None, ("interrupted", self.interrupted)))
            status = TERMINATED if isinstance(error, Terminated) else INTERRUPTED
            raise _with_status(click.ClickException(message), status) from error
        except Exception as error:
            if ctx.meta.get("debug"):
                traceback.print_exc()
            message, status = self._explain(error, ctx)
            raise _with_status(click.ClickException(message), status) from error

    def _explain(self, error: Exception, ctx: click.Context) -> tuple[str, int]:
        """The line and the exit status for an error."""
        words = " ".join(str(error).split())
        if isinstance(error, ModuleNotFoundError):
            error = missing_package(f"`{ctx.command_path}`", error)
            words = str(error)
        if isinstance(error, DiffkerasError):
            return words, getattr(error, "exit_code", 1)
        if isinstance(error, MemoryError):
            hint = "; choose a coarser --lattice" if ctx.params.get("lattice") else ""
            return f"out of memory: {words}{hint}", 1
        if isinstance(error, OSError) and error.errno in OUTPUT_ERRORS and not error.filename:
            return _discard_output(error), 1
        if isinstance(error, OSError) and error.filename and error.strerror:
            return f"{error.filename}: {error.strerror}", 1  # such as too long a name
        unexpected = f"{ctx.command_path} failed: {type(error).__name__}: {words[:500]}"
        return f"{unexpected}; --debug prints the traceback", UNEXPECTED


def _check_environment() -> None:
    """Refuse values of environment variables that would end in an error of another library."""
    if "MPLBACKEND" in os.environ:
        os.environ["MPLBACKEND"] = "agg"  # others are for windows, which no command opens
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch and not epoch.isdecimal():
        raise click.UsageError(
            f"SOURCE_DATE_EPOCH is {epoch!r:.60}, not a whole number of seconds; unset it, or "
            "set it to the date that pictures are to have"
        )


class DiffkerasGroup(click.Group):
    """The group of all commands, listed under headings."""

    command_class = DiffkerasCommand

    def __init__(self, *, headings: dict[str, list[click.Command]], **options: Any) -> None:
        commands = [command for group in headings.values() for command in group]
        super().__init__(commands=commands, **options)
        self.headings = headings
        self.params.append(debug_option())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their headings."""
        for heading, commands in self.headings.items():
            with formatter.section(heading):
                formatter.write_dl([(c.name or "", c.get_short_help_str(60)) for c in commands])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; every error that it prints is cut and wrapped where it is long."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            words = fitted(_cut_line(error.format_message()), before=len("Error: "))
            vars(error)["format_message"] = lambda: words
            # wrong options have the exit status of values that are refused later
            usage = isinstance(error, click.UsageError)
            raise _with_status(error, 1 if usage else error.exit_code) from None

    def make_context(
        self, info_name: str | None, args: list[str], *more: Any, **options: Any
    ) -> click.Context:
        """Parse the options that stand before the command, and keep all words for a report."""
        words = list(args)
        try:
            context = super().make_context(info_name, args, *more, **options)
            context.meta["words"] = words
            return context
        except click.UsageError as error:
            raise _with_status(error, 1) from None

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line."""
        if sys.stderr is None:  # closed by `2>&-`; what it would get is no result
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115, for the whole process
        for stream in (sys.stdout, sys.stderr):
            # a terminal or a file of another encoding than UTF-8 gets \\xd7 for ×, and no error
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().main(*args, **options)
        except OSError as error:  # while help is printed, since commands turn theirs into a line
            click.echo(f"Error: {_discard_output(error)}", err=True)
            sys.exit(1)


def say(text: str) -> None:
    """Print words on standard output, wrapped to the terminal."""
    click.echo(fitted(text))


def command_line() -> str:
    """The command that is running, as it would be typed in a shell."""
    return shlex.join(["diffkeras", *click.get_current_context().meta["words"]])


def _cut_line(text: str) -> str:
    """A long message without its middle, since its end says what to do."""
    if len(text) <= LONGEST_LINE:
        return text
    half = LONGEST_LINE // 2
    return f"{text[:half]} … {text[-half:]}"


def _with_status(error: click.ClickException, status: int) -> click.ClickException:
    vars(error)["exit_code"] = status
    return error


def _discard_output(error: OSError) -> str:
    """Discard standard output that can't be written; returns the error as a line."""
    # otherwise the interpreter would try once more, and print a traceback, when it exits
    with open(os.devnull, "w") as sink, contextlib.suppress(OSError):
        os.dup2(sink.fileno(), sys.stdout.fileno())
    return f"standard output can't be written: {error.strerror}"
