"""How the page is laid out and what follows what. The door to gradio."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.app import page_html
from zeroshot.app.page_answers import Asked
from zeroshot.errors import ZeroshotError
from zeroshot.text.lists import bundled_lists
from zeroshot.text.prompts import read_labels
from zeroshot.text.stages import bundled_stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from zeroshot.app.page_answers import Answers, Library
    from zeroshot.app.page_html import Seen

_PAUSE_SECONDS = 0.4  # between two states of one page: a browser has to draw each
_ASKERS = 32  # that may wait
_CLEANED_SECONDS, _OLD_SECONDS = 600, 6 * 3600  # what was uploaded and left lying goes
_PICK = """
element.addEventListener("click", event => {
  const button = event.target.closest("[data-clip]");
  if (button) trigger("click", { clip: button.dataset.clip });
});
"""


@dataclass
class Desk:
    """What one visitor has before them.

    Attributes:
        path: of their video; "": none yet.
        turn: grows with each thing that they ask, so that what was asked before comes to an end.
        answered: what the answer before them is to; None: there is none, or it is not whole.
    """

    path: str = ""
    turn: int = 0
    answered: Asked | None = None


class Page:
    """What happens on the page: functions of what stands in its fields, which need no browser."""

    def __init__(
        self,
        answers: Answers,
        clips: dict[str, Path],
        uploads: Path,
        library: Library | None = None,
        report: str = "",
    ) -> None:
        """Nothing is asked yet.

        Args:
            answers: to any question.
            clips: name → path of the bundled examples.
            uploads: the folder that browsers' files come to; what lies elsewhere is never removed.
            library: searched; None: there is no search.
            report: address of a report; "": there is none.
        """
        self.answers, self.clips, self.library, self.report = answers, clips, library, report
        self._uploads = uploads.resolve()
        self._holders: dict[str, int] = {}  # two people may upload the same content, which lies there once

    def take_upload(self, path: str | None, desk: Desk) -> Desk:
        """The desk with a file that was uploaded; the one before it goes."""
        if path is not None and self._is_upload(path):
            self._holders[path] = self._holders.get(path, 0) + 1
            self._put(desk, path)
        return desk

    def take_example(self, name: str, desk: Desk) -> Desk:
        """The desk with an example; the upload before it goes."""
        if name in self.clips:
            self._put(desk, str(self.clips[name]))
        return desk

    def leave(self, desk: Desk) -> None:
        """Remove the upload of somebody who is gone."""
        self._put(desk, "")

    def look(
        self, desk: Desk, words: str, stages: str, window: float | None, reject: float = 0.0
    ) -> Iterator[str]:
        """What is shown of the video on a desk, more and more of it, until something else is asked there.

        Nothing where it is shown already: fields tell that they were left, changed or not.
        """
        asked = Asked(desk.path, words, "" if stages == _NO_STAGES else stages, float(window or 0), reject)
        if asked == desk.answered:
            return
        desk.turn, desk.answered = desk.turn + 1, None
        if not desk.path:
            yield page_html.result(page_html.Seen())
            return
        turn = desk.turn
        for seen in _paced(self.answers.look(asked)):
            if desk.turn != turn:
                return
            if not (seen.reading or seen.error):
                desk.answered = asked
            yield page_html.result(seen)

    def list_of(self, name: str | None, words: str) -> str:
        """The labels of a bundled list, one a line; the words that are there where none is chosen."""
        return "\n".join(read_labels(name)) if name in bundled_lists() else words

    def find(self, words: str) -> str:
        """The videos that fit words best; or one line."""
        if self.library is None:
            return ""
        try:
            return page_html.matches(words, self.library.find(words))
        except ZeroshotError as error:
            return page_html.alert(str(error))

    def _put(self, desk: Desk, path: str) -> None:
        """Put another video on a desk, or none; an upload that lies on no desk any more is removed."""
        before, desk.path = desk.path, path
        desk.turn += 1
        if not before or not self._is_upload(before):
            return
        self._holders[before] = self._holders.get(before, 1) - 1
        if self._holders[before] <= 0:
            del self._holders[before]
            self.answers.files.forget(before)
            with suppress(OSError):
                Path(before).unlink()
                Path(before).parent.rmdir()

    def _is_upload(self, path: str) -> bool:
        return Path(path).resolve().is_relative_to(self._uploads)


def lay_out(page: Page, note: str, chosen: str) -> Any:  # noqa: ANN401 - gradio's Blocks
    """The page as gradio has it.

    Args:
        page: what happens on it.
        note: what people should know of its model first.
        chosen: path of the video that is looked at first; "": none.
    """
    import gradio as gr

    with gr.Blocks(
        title="zeroshot", analytics_enabled=False, delete_cache=(_CLEANED_SECONDS, _OLD_SECONDS)
    ) as blocks:
        gr.HTML(page_html.head(page.answers.model.name, note), **_PLAIN)
        if page.library is None and not page.report:
            _video(blocks, page, chosen)
            return blocks
        with gr.Tab("One video"):
            _video(blocks, page, chosen)
        if page.library is not None:
            with gr.Tab("Search"):
                _search(page, len(page.library))
        if page.report:
            with gr.Tab("Audit"):
                gr.HTML(page_html.framed(page.report, "Audit report"), **_PLAIN)
    return blocks


_NO_STAGES = "none"
_PLAIN: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}


def _video(blocks: Any, page: Page, chosen: str) -> None:  # noqa: ANN401
    """Fields on the left, what comes of them on the right."""
    import gradio as gr

    shown = [(name, page.answers.files.address(path)) for name, path in page.clips.items()]
    with gr.Row(elem_classes="z-columns"):
        with gr.Column(scale=1, min_width=300, elem_classes="z-side"):
            gr.HTML("<h2>1. A video</h2>", **_PLAIN)
            file = gr.File(label="Upload a video", show_label=False, height=104, elem_classes="z-file")
            examples = gr.HTML(
                "",
                html_template="${clips}",
                clips=page_html.examples(shown),
                js_on_load=_PICK,
                visible=bool(shown),
                apply_default_css=False,
            )
            gr.HTML("<h2>2. What might happen in it</h2>", **_PLAIN)
            words = gr.Textbox(
                page.answers.first_words,
                label="Labels, one a line",
                lines=6,
                max_lines=6,
                elem_classes="z-words",
            )
            lists = gr.Dropdown(list(bundled_lists()), value=None, label="Or all of a list")
            reject = gr.Slider(0, 0.99, value=0, step=0.01, label="None of these, if the fit is below")
            button = gr.Button("Look", variant="primary")
            with gr.Accordion("More", open=False):
                stages = gr.Dropdown(
                    [_NO_STAGES, *bundled_stages()],
                    value=_NO_STAGES,
                    label="Stages",
                    info="How labels start and end, so that the order of the frames counts.",
                )
                window = gr.Number(
                    0, label="Seconds of a stretch", minimum=0, info="0: by the video's length."
                )
        with gr.Column(scale=4, min_width=320, elem_classes="z-main"):
            result = gr.HTML(page_html.result(page_html.Seen()), elem_id="z-result", **_PLAIN)
    desk = gr.State(Desk(chosen), delete_callback=page.leave)
    asked = {"fn": _looking(page), "inputs": [desk, words, stages, window, reject], "outputs": [result]}
    # Without the last what is asked would be left aside while an answer comes that it has just ended.
    model = {"concurrency_id": "model", "trigger_mode": "always_last"}
    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    starts = [
        file.upload(
            lambda path, desk: (page.take_upload(path, desk), None), [file, desk], [desk, file], **quiet
        ),
        examples.click(_picking(page), [desk], [desk], **quiet, trigger_mode="multiple"),
        lists.input(page.list_of, [lists, words], [words], **quiet),
        button.click(_next_turn, [desk], [desk], **quiet),
        reject.release(_next_turn, [desk], [desk], **quiet),
    ]
    for start in (*(start.then for start in starts), words.submit, blocks.load):
        start(**asked, **quiet, **model)


def _picking(page: Page) -> Callable[..., Desk]:
    """What takes the example that was pressed; the press says which: a field's value may be an older one."""
    import gradio as gr

    def pick(desk: Desk, press: Any) -> Desk:  # noqa: ANN401 - gradio's
        return page.take_example(press.clip, desk)

    pick.__annotations__["press"] = gr.EventData  # by which gradio knows what is wanted
    return pick


def _looking(page: Page) -> Callable[..., Iterator[Any]]:
    """`Page.look`; where it shows nothing new, what is there stays, which gradio would take away."""
    import gradio as gr

    def look(*asked: Any) -> Iterator[Any]:  # noqa: ANN401 - what stands in the fields
        shown = None
        for shown in page.look(*asked):
            yield shown
        if shown is None:
            yield gr.skip()

    return look


def _next_turn(desk: Desk) -> Desk:
    """The desk, at which what was asked before comes to an end."""
    desk.turn += 1
    return desk


def _search(page: Page, number: int) -> None:
    """Words above, videos below."""
    import gradio as gr

    with gr.Row(equal_height=True):
        words = gr.Textbox(
            label=f"What to look for in {number:,} embedded videos or stretches",
            placeholder="a person waving",
            scale=5,
        )
        button = gr.Button("Search", variant="primary", scale=1)
    found = gr.HTML("", elem_classes="z-found", **_PLAIN)
    for event in (button.click, words.submit):
        event(
            page.find,
            [words],
            [found],
            api_visibility="private",
            show_progress="hidden",
            concurrency_id="model",
        )


def served(blocks: Any, most_bytes: int, files: Iterable[tuple[str, Any]]) -> Any:  # noqa: ANN401
    """The application of the page.

    Args:
        blocks: from `lay_out`.
        most_bytes: of one upload.
        files: (path, endpoint) of what is served beside it.
    """
    import gradio as gr
    from fastapi import FastAPI

    here = Path(__file__)
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for path, endpoint in files:
        application.add_route(path, endpoint)
    blocks.queue(max_size=_ASKERS, default_concurrency_limit=1, api_open=False)
    script = here.with_name("page.js").read_text(encoding="utf-8")
    return gr.mount_gradio_app(
        application,
        blocks,
        path="/",
        server_name="127.0.0.1",
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size=most_bytes,
        ssr_mode=False,
        show_error=False,
        theme=_theme(),
        css_paths=[here.with_name("page.css")],
        head=f"<script>{script}</script>",
    )


def _theme() -> Any:  # noqa: ANN401
    """Letters of the reader's own machine, one accent, quiet fields."""
    import gradio as gr

    letters = [gr.themes.Font(name) for name in ("system-ui", "-apple-system", "Segoe UI", "sans-serif")]
    code = [gr.themes.Font(name) for name in ("ui-monospace", "monospace")]
    theme = gr.themes.Base(neutral_hue="slate", font=letters, font_mono=code, radius_size="lg")
    accent = {"button_primary_background_fill": "#0b6fb8", "button_primary_background_fill_hover": "#095d9b"}
    accent |= {f"{name}_dark": colour for name, colour in accent.items()}
    ground = {"body_background_fill": "#ffffff", "body_background_fill_dark": "#14181d"}
    fields = {"block_background_fill_dark": "#1c2229", "block_border_color_dark": "#303943"}
    return theme.set(button_primary_text_color="#ffffff", **accent, **ground, **fields)


def _paced(coming: Iterator[Seen]) -> Iterator[Seen]:
    """The same, without what would be shown for less than a blink; the last one always."""
    shown_at, last = 0.0, None
    for seen in coming:
        last = seen
        if time.monotonic() - shown_at >= _PAUSE_SECONDS:
            yield seen
            shown_at, last = time.monotonic(), None
    if last is not None:
        yield last
