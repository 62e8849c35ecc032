"""`open_page`: the page of `zeroshot app` and the server that shows it. The door to uvicorn."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.app.hosts import address_at
from zeroshot.app.page_answers import Answers, Library
from zeroshot.app.page_files import MOUNT, ShownFiles, media_type
from zeroshot.app.page_guard import Guard, Rules, is_loopback
from zeroshot.app.page_layout import Page, lay_out, served
from zeroshot.app.server import listening
from zeroshot.checkpoint import load_model, require_model
from zeroshot.checks import PUPPETS, Checks
from zeroshot.errors import OptionError, ReportError, printable, require_whole
from zeroshot.resources import examples_folder, from_home, require_installed
from zeroshot.text.prompts import read_labels
from zeroshot.video_search import VideoIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REPORT = "/report"
_MOST_REPORT_BYTES = 64 << 20
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'"
)
_CONNECTIONS = 256
_OF_PUPPETS = (
    "It knows drawn puppets only, and is here to try things out; for videos of the real world start the page "
    "with another --model."
)
_FIRST = "waving kitchen"  # whose scenery says one thing and whose motion another
_USUAL_LABELS = "kinetics400"


@dataclass(frozen=True)
class PageSettings:
    """What `zeroshot app` is asked.

    Attributes:
        model: as for `zeroshot.load`.
        labels: as for `zeroshot.load`, shown first; None: those of the puppets, or Kinetics' 400.
        embeddings: a folder that `zeroshot embed` wrote, to be searched; None: no search.
        audit: a page that `zeroshot audit` wrote, or its folder; None: none is shown.
        host: to bind; others than this machine's loopback need a password.
        port: 0: any that is free.
        password_file: a file with NAME:PASSWORD, which everybody is then asked for.
        most_megabytes: of an upload.
        device: as for `zeroshot.load`.
    """

    model: str = PUPPETS
    labels: str | None = None
    embeddings: str | None = None
    audit: str | None = None
    host: str = "127.0.0.1"
    port: int = 7860
    password_file: str | None = None
    most_megabytes: int = 512
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Checked:
    """What settings name.

    Attributes:
        labels: shown first.
        login: NAME:PASSWORD, or None.
        index: the embeddings that are searched, or None.
    """

    labels: str
    login: str | None
    index: VideoIndex | None


def open_page(settings: PageSettings | None = None, tell: Callable[[str], None] | None = None) -> None:
    """Show the page of `zeroshot app` until the process is told to end.

    Args:
        settings: None: the bundled model and its example clips, on this machine alone.
        tell: is given the page's address once it answers.

    Raises:
        ZeroshotError: one line that names what cannot be used and the remedy.
    """
    asked = settings or PageSettings()
    checked = _checked(asked)
    import uvicorn

    with (
        listening(asked.host, asked.port) as bound,
        tempfile.TemporaryDirectory(prefix="zeroshot-app-") as uploads,
    ):
        application = make_application(asked, checked, Path(uploads))
        options = uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=2,
        )
        if tell is not None:
            tell(f"{address_at(asked.host, bound.getsockname()[1])}/")
        with _ending_quietly():
            uvicorn.Server(options).run(sockets=[bound])


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """Ctrl-C, and a request to end as service managers make it, are the way to end; both clean up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        before = signal.signal(signal.SIGTERM, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def make_application(settings: PageSettings, checked: Checked, uploads: Path) -> Guard:
    """The application that answers browsers.

    Args:
        settings: what is asked.
        checked: what was found of them.
        uploads: the folder that files come to.
    """
    # What gradio would send to its makers, and where it would keep what is uploaded, is settled before it is
    # imported.
    os.environ.update({"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(uploads)})
    most_bytes = settings.most_megabytes << 20
    files = ShownFiles()
    model = load_model(settings.model, device=settings.device)
    library = None
    if checked.index is not None:
        library = Library(checked.index, model, files, device=settings.device)
    is_puppets = settings.model == PUPPETS
    clips = example_clips()
    page = Page(
        Answers(model, checked.labels, files),
        clips,
        uploads,
        library,
        "" if settings.audit is None else _REPORT,
    )
    first = str(clips.get(_FIRST, "")) if is_puppets else ""
    blocks = lay_out(page, _OF_PUPPETS if is_puppets else "", first)
    beside = [(MOUNT + "{key}", _file_endpoint(files)), (_REPORT, _report_endpoint(settings.audit))]
    application = served(blocks, most_bytes, beside)
    return Guard(application, Rules(most_bytes + (1 << 20), checked.login))


def example_clips() -> dict[str, Path]:
    """The bundled example videos by name, the film first; none where they were not installed."""
    folder = examples_folder()
    found = [folder / "film.mp4", *sorted((folder / "clips").glob("*.mp4"))]
    return {path.stem.replace("_", " "): path for path in found if path.is_file()}


def read_login(file: str) -> str:
    """NAME:PASSWORD from a file's first line.

    Raises:
        OptionError: it cannot be read, or holds something else.
    """
    try:
        with Path(from_home(file)).open(encoding="utf-8") as lines:
            line = lines.readline(4096).strip()
    except (OSError, UnicodeDecodeError):
        raise OptionError(f"cannot read {printable(file)}; expected a file with NAME:PASSWORD") from None
    name, colon, password = line.partition(":")
    if not (name and colon and len(password) >= 8):
        raise OptionError(
            f"the first line of {printable(file)} is no NAME:PASSWORD with a password of 8 letters or more"
        )
    return line


def report_page(audit: str) -> Path:
    """The page of a report: the file itself, or the report.html in its folder.

    Raises:
        ReportError: there is none, or it is far too large.
    """
    path = Path(from_home(audit))
    page = path / "report.html" if path.is_dir() else path
    if not page.is_file() or page.suffix.lower() not in {".html", ".htm"}:
        raise ReportError(
            f"{printable(audit)} is no report; expected the folder, or the report.html, that `zeroshot audit "
            "--output` wrote"
        )
    if page.stat().st_size > _MOST_REPORT_BYTES:
        raise ReportError(f"{printable(page)} is larger than {_MOST_REPORT_BYTES >> 20} MB; no report is")
    return page


def _checked(settings: PageSettings) -> Checked:
    """What the settings name, once all has been looked at that needs no weights."""
    first = Checks()
    drawn_by = ("gradio", "uvicorn")
    first.add("options", lambda: require_installed("the page needs", drawn_by, extra="app"))
    first.add("options", lambda: require_whole("port", settings.port, 0, 65535))
    first.add("options", lambda: require_whole("most_megabytes", settings.most_megabytes, 1, 1 << 20))
    login = first.add("options", lambda: _login(settings))
    usual = "puppet_actions" if settings.model == PUPPETS else _USUAL_LABELS
    labels = settings.labels or usual
    first.add("words", lambda: read_labels(labels))
    if (audit := settings.audit) is not None:
        first.add("files", lambda: report_page(audit))
    index = first.add("files", lambda: _library_of(settings))
    first.add("model", lambda: require_model(settings.model, device=settings.device))
    first.run()
    return Checked(labels, login(), index())


def _library_of(settings: PageSettings) -> VideoIndex | None:
    """The embeddings that are searched, whose model can be had; None where none are asked for."""
    if settings.embeddings is None:
        return None
    index = VideoIndex(settings.embeddings)
    index.require_model(device=settings.device)
    return index


def _login(settings: PageSettings) -> str | None:
    """What everybody is asked for.

    Raises:
        OptionError: others could come without being asked.
    """
    if settings.password_file is not None:
        return read_login(settings.password_file)
    if not is_loopback(settings.host):
        raise OptionError(
            f"host is {printable(settings.host)}, where others can come; give a --password-file with "
            "NAME:PASSWORD, or leave the host at 127.0.0.1"
        )
    return None


def _file_endpoint(files: ShownFiles) -> Any:  # noqa: ANN401 - starlette's
    """Answers with the file of a key."""
    from starlette.responses import FileResponse, PlainTextResponse

    async def answer(request: Any) -> Any:  # noqa: ANN401
        path = files.path(request.path_params["key"])
        if path is None or not path.is_file():
            return PlainTextResponse("no such video\n", 404)
        return FileResponse(path, media_type=media_type(path), content_disposition_type="inline")

    return answer


def _report_endpoint(audit: str | None) -> Any:  # noqa: ANN401 - starlette's
    """Answers with the report, which may touch nothing and fetch nothing, whatever is in it."""
    from starlette.responses import FileResponse, PlainTextResponse

    async def answer(request: Any) -> Any:  # noqa: ANN401, ARG001
        if audit is None:
            return PlainTextResponse("no report was named\n", 404)
        return FileResponse(
            report_page(audit), media_type="text/html", headers={"content-security-policy": _REPORT_POLICY}
        )

    return answer
