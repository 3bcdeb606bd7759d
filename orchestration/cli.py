"""The program's commands. The Makefile calls them; each says in one sentence what went wrong and what to do.

Thin: a command starts the outside systems of the demo, runs the Dagster job in this process, and prints what happened.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from common.settings import ROOT, Settings, settings
from orchestration import demo, summary
from orchestration.platform import Platform, Step, platform

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Throughline: from quote to cash, pushed exactly once."
)
# Wide enough for a line of progress, also where the output goes to a file.
console = Console(highlight=False, width=max(shutil.get_terminal_size((160, 24)).columns, 120))


@app.callback()
def _interruptible() -> None:
    """Throughline's commands. Ctrl-C and a termination signal end a command and everything that it started."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        settings()
    except ValidationError as error:
        said = "; ".join(f"THROUGHLINE_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        _stop_with(f"A setting is wrong. {said}.")


def _progress(line: str) -> None:
    console.print(f"           {line}", style="dim", soft_wrap=True)


def _tell(step: Step) -> None:
    rows = "" if step.rows is None else f"{step.rows:>9,} rows"
    console.print(
        f"  {step.phase:<8} {step.name:<38} {rows:>14} {step.seconds:>7.1f} s   {step.detail}", soft_wrap=True
    )


@contextmanager
def _held(path: Path, sentence: str) -> Iterator[None]:
    """Hold a lock file, which dies with us; or stop with the sentence where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _stop_with(sentence)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _alone(config: Settings) -> AbstractContextManager[None]:
    """One loop of a firm at a time: the warehouse admits one process."""
    return _held(
        config.home / "run.lock", f"Another run of firm {config.firm!r} is in progress; wait for it or stop it."
    )


def _stop_with(sentence: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(f"[red]{sentence}", soft_wrap=True)
    raise typer.Exit(1)


def _dagster_home(config: Settings) -> Path:
    home = config.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "orchestration" / "dagster.yaml", home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    # Libraries' own chatter belongs into Dagster's log, not between our lines of progress.
    logging.getLogger("great_expectations").propagate = False
    # Nor do their tracebacks where a log can't be written any more (a full disk): the step that needed room tells.
    logging.raiseExceptions = False
    return home


def _loop(here: Platform) -> bool:
    """One pass of the loop, and a second one to read back what was pushed. False where a step failed."""
    from orchestration.loop import run_loop

    started = time.perf_counter()
    outcome = run_loop(here)
    if outcome.error:
        console.print(f"\n[red]{outcome.error}", soft_wrap=True)
        return False
    summary.show(here.config, console, outcome.delivered, outcome.acknowledged)
    if not outcome.changed and not outcome.sent:
        console.print("\nNothing changed since the last run: nothing was rebuilt and nothing was sent.")
    console.print(f"\nLoop: {time.perf_counter() - started:.1f} s")
    return True


@app.command()
def run(once: Annotated[bool, typer.Option(help="End after the summary instead of serving the UIs.")] = False) -> None:
    """Run the loop: read, check, model, check, publish, push, read back. Then serve the Dagster UI and the dashboard."""
    config = settings()
    good = False
    with ExitStack() as ending:
        with _alone(config):
            console.print(f"[bold]Throughline[/bold], firm {config.firm}: starting its systems")
            started = time.perf_counter()
            systems = _systems(config)
            ending.callback(systems.stop)
            _tell(Step("start", ", ".join(config.systems), None, time.perf_counter() - started, "ready"))
            _dagster_home(config)
            here = platform(_tell)
            console.print(f"The firm's time is {here.clock.now():%Y-%m-%d %H:%M} UTC")
            good = _loop(here)
        # The lock is free while we serve: `make tick` in another terminal may run the loop.
        if good and not once:
            _serve(config)
    if not good:
        raise typer.Exit(1)


def _systems(config: Settings) -> demo.Systems:
    """The firm's systems, started or found, and this process's clients pointed at them."""
    try:
        systems = demo.start(config, _progress)
    except demo.DemoFailed as failed:
        _stop_with(str(failed))
    systems.enter()
    return systems


@app.command()
def tick(days: Annotated[float, typer.Option(help="Days that the simulated firm lives.")] = 7.0) -> None:
    """Let the simulated firm live for some days, then run the loop once: only what changed is read, built and sent."""
    config = settings()
    if config.firm != "sandbox":
        _stop_with("Only the simulated firm can be ticked; a real one lives by itself. Use `make run`.")
    good = False
    with ExitStack() as ending, _alone(config):
        systems = _systems(config)
        ending.callback(systems.stop)
        try:
            changed = systems.tick(days)
        except demo.DemoFailed as failed:
            _stop_with(str(failed))
        _dagster_home(config)
        here = platform(_tell)
        told = ", ".join(f"{name} {count:,}" for name, count in changed.items())
        console.print(
            f"The firm lived for {days:g} days; it is {here.clock.now():%Y-%m-%d %H:%M} UTC. Records changed: {told}"
        )
        good = _loop(here)
    if not good:
        raise typer.Exit(1)


@app.command()
def serve() -> None:
    """Serve the Dagster UI and the dashboard over what earlier runs left."""
    config = settings()
    _dagster_home(config)
    with ExitStack() as ending:
        ending.callback(_systems(config).stop)
        _serve(config)


@app.command()
def stop() -> None:
    """End what runs: a serving command, and outside systems that one left behind. Refuses while a loop is in progress."""
    for home in sorted(p for p in settings().state_dir.glob("*") if p.is_dir()):
        with _held(home / "run.lock", f"A run of firm {home.name!r} is in progress; wait for it or stop it."):
            _end_server(home / "serving.lock")
            note = home / "systems" / "running.json"
            ready = demo.running(note)
            if ready is not None:
                with suppress(OSError):
                    os.kill(ready["pid"], signal.SIGTERM)
            note.unlink(missing_ok=True)


def _end_server(path: Path) -> None:
    """End the process that holds the lock of the pages, if one does, and wait for its end."""
    if not path.exists():
        return
    with path.open("r+") as lock:
        for attempt in range(60):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if attempt == 0:
                    os.kill(int(path.read_text()), signal.SIGTERM)
                threading.Event().wait(0.5)
            else:
                return
    _stop_with(f"The pages of {path.parent.name!r} did not end; stop process {path.read_text()} yourself.")


def _serve(config: Settings) -> None:
    """Serve both UIs until Ctrl-C or a termination signal, then end both."""
    with _held(config.home / "serving.lock", f"Another command serves the pages of firm {config.firm!r} already."):
        _serve_pages(config)


def _serve_pages(config: Settings) -> None:
    dagster_port, dashboard_port = _free(config.dagster_port), _free(config.dashboard_port)
    logs = config.home / "logs"
    logs.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "THROUGHLINE_FIRM": config.firm,
        "THROUGHLINE_PUBLISHED": str(config.published),
        "DO_NOT_TRACK": "1",
    }
    commands = {
        "dagster": ["-m", "dagster", "dev", "-m", "orchestration.definitions", "-h", "127.0.0.1", "-p", str(dagster_port)],
        "dashboard": [
            "-m", "streamlit", "run", str(ROOT / "dashboards" / "app.py"), "--server.port", str(dashboard_port),
            "--server.address", "127.0.0.1",
        ],
    }  # fmt: skip
    children = {}
    try:
        for name, words in commands.items():
            with (logs / f"{name}.log").open("ab") as log:
                children[name] = subprocess.Popen(
                    [sys.executable, *words], cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
                )
        console.print("\nStarting the pages ...")
        for name, port in (("Dagster UI", dagster_port), ("Dashboard", dashboard_port)):
            ready = _listening(port, 90)
            console.print(f"  {name:<11} http://127.0.0.1:{port}" + ("" if ready else f"  (not up yet; see {logs})"))
        console.print("Ctrl-C ends everything.")
        while all(child.poll() is None for child in children.values()):
            threading.Event().wait(1)
        ended = ", ".join(name for name, child in children.items() if child.poll() is not None)
        _stop_with(f"Ended by itself: {ended}. Its log is in {logs}.")
    except KeyboardInterrupt:
        console.print("\nEnding.")
    finally:
        for child in children.values():
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and what it started."""
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(timeout=5)


def _free(port: int) -> int:
    """`port`, or the next one that nobody listens on."""
    for candidate in range(port, port + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    _stop_with(f"No free port between {port} and {port + 99}.")


def _listening(port: int, seconds: float) -> bool:
    """Wait until something accepts connections on the port, at most `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            threading.Event().wait(0.3)
    return False


if __name__ == "__main__":
    app()
