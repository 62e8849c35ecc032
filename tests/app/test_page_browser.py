"""The page in a browser: upload, type, press, keys, names, narrow, dark; nothing is asked of anybody else.

Covers: app/page, app/page_layout.
"""

from __future__ import annotations

import importlib.util
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import zeroshot
from zeroshot.app.page import example_clips
from zeroshot.reports.document import Document, Note, Section
from zeroshot.reports.html import page as report_html

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs chromium"),
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="needs the extra app"),
    pytest.mark.timeout(900),
]

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
EVIL = "<script>alert(1)</script>\n<img src=x onerror=alert(2)>\n${7*7} {{7*7}}\nwalking right\nswimming"
DONE = '.z-result[aria-busy="false"]'


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Embeddings, a report that would like to do harm, odd uploads, and room for temporary files."""
    folder = tmp_path_factory.mktemp("app")
    with zeroshot.load_model("puppet-tiny") as model:
        zeroshot.embed([CLIPS], folder / "embeddings", model=model, window_seconds=1.0)
    (folder / "audited").mkdir()
    harm = (
        "<script>try { parent.document.title = 'harmed' } catch { fetch('/config').catch(() => 0) }</script>"
    )
    page = report_html(Document("Audit", [Section("", [Note("It leans on scenery.")])]))
    (folder / "audited" / "report.html").write_text(page.replace("</main>", f"{harm}</main>"))
    shutil.copy(CLIPS / "walking_right_swimming_pool.mp4", folder / "<img src=x onerror=alert(3)>.mp4")
    (folder / "broken.mp4").write_bytes(b"\0" * 3000)
    (folder / "tmp").mkdir()
    return folder


@pytest.fixture(scope="module")
def address(folder):
    """Of a page that a process of its own serves; what it keeps is gone once it was told to end."""
    words = [
        "app",
        "--port",
        "0",
        "--most-upload",
        "1",
        "--embeddings",
        folder / "embeddings",
        "--audit",
        folder / "audited",
    ]
    served = subprocess.Popen(
        [sys.executable, "-m", "zeroshot", *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
    )
    said: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: said.put(served.stdout.readline()), daemon=True).start()
    try:
        yield said.get(timeout=600).split()[0]
    finally:
        served.terminate()
        assert served.wait(timeout=120) == 0
        served.stdout.close()
    assert list((folder / "tmp").glob("zeroshot-app-*")) == []


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_at(browser, address):
    """Opens the page; what it asked of others, and what went wrong in it, is nothing."""
    contexts, asked, wrong = [], [], []

    def call(width: int = 1360, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.goto(address)
        page.wait_for_selector(DONE)
        return page

    yield call
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert wrong == []


def position(page) -> float:
    return page.evaluate("document.querySelector('.z-player video').currentTime")


def answered(page, words: str) -> None:
    """Wait until the answer has these words and is whole."""
    page.wait_for_function(
        "words => document.querySelector('.z-result').textContent.includes(words)", arg=words
    )
    page.wait_for_selector(DONE)
    page.wait_for_function("document.querySelector('.z-player video').readyState >= 1")


def test_the_first_screen_has_an_answer_and_a_press_moves_the_player(open_at):
    page = open_at()
    assert page.locator(".z-best").inner_text() == "waving"
    assert page.locator(".z-verdict").inner_text().endswith("the motion says waving.")
    assert page.locator(".z-strip img").count() == 8
    page.get_by_role("button", name="Example: film").click()
    answered(page, "film.mp4")
    page.get_by_role("button", name=re.compile("^swimming, ")).click()
    assert position(page) == pytest.approx(4.02, abs=0.1)
    box = page.locator(".z-strip").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 10)
    assert position(page) == pytest.approx(12, abs=0.3)
    assert page.locator(".z-playhead").get_attribute("style").startswith("left: 7")


def test_an_upload_with_hostile_name_and_labels_is_shown_and_obeyed_by_nobody(open_at, folder):
    page = open_at()
    page.locator("input[type=file]").set_input_files(folder / "<img src=x onerror=alert(3)>.mp4")
    answered(page, "onerror")
    assert page.locator(".z-verdict").inner_text().endswith("the motion says walking right.")
    page.get_by_label("Labels, one a line").fill(EVIL)
    page.get_by_role("button", name="Look").click()
    answered(page, "among 5 labels")
    names = page.locator(".z-answer .z-name").all_inner_texts()
    assert sorted(names) == sorted(EVIL.split("\n"))
    assert names[0] == "walking right"
    assert page.locator(".z-result script, .z-result img[src=x]").count() == 0


def test_a_broken_file_is_one_line_and_the_next_video_is_answered(open_at, folder):
    page = open_at()
    page.locator("input[type=file]").set_input_files(folder / "broken.mp4")
    page.wait_for_selector(".z-error:not([hidden])")
    line = page.locator(".z-error").inner_text()
    assert line.startswith("cannot decode broken.mp4")
    assert "zeroshot-app" not in line
    page.get_by_role("button", name="Example: waving beach").click()
    answered(page, "waving_beach.mp4")
    assert page.locator(".z-error").is_hidden()
    assert page.locator(".z-best").inner_text() == "waving"


def test_an_upload_goes_when_the_page_is_closed(open_at, folder):
    page = open_at()
    page.locator("input[type=file]").set_input_files(CLIPS / "kicking_street.mp4")
    answered(page, "kicking_street.mp4")
    there = lambda: list((folder / "tmp").rglob("kicking_street.mp4"))  # noqa: E731
    assert there()
    page.get_by_role("button", name="Example: film").click()
    answered(page, "film.mp4")
    assert not there()


def test_it_is_used_by_keys_alone(open_at):
    page = open_at()
    example = page.get_by_role("button", name="Example: running left gym")
    for _ in range(40):
        page.keyboard.press("Tab")
        if example.evaluate("it => it === document.activeElement"):
            break
    page.keyboard.press("Enter")
    answered(page, "running_left_gym.mp4")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('z-strip')"):
            break
    assert page.get_by_label("Labels, one a line").input_value().startswith("waving\n")
    page.keyboard.press("End")
    assert position(page) == pytest.approx(2.0, abs=0.2)
    page.keyboard.press("Home")
    assert position(page) == 0
    page.keyboard.press("ArrowRight")
    assert position(page) > 0
    assert page.locator(".z-strip").get_attribute("aria-valuetext").startswith("0:00")


def test_what_is_pressed_while_another_is_read_is_looked_at(open_at):
    page = open_at()
    page.get_by_role("button", name="Example: film").click()
    page.wait_for_selector('.z-result[aria-busy="true"]')
    page.get_by_role("button", name="Example: running left gym").click()
    page.get_by_role("button", name="Example: waving beach").click()
    answered(page, "waving_beach.mp4")


def test_the_slider_holds_labels_against_others(open_at):
    page = open_at()
    page.get_by_label("number input for None of these, if the fit is below").fill("0.6")
    page.keyboard.press("Tab")
    answered(page, "stand beside yours; nothing is promised")


def test_every_control_has_a_name(open_at):
    page = open_at()
    told = page.locator("body").aria_snapshot()
    for line in told.splitlines():
        if control := re.match(r" *- '?(button|textbox|combobox|slider|tab|spinbutton|checkbox)\b(.*)", line):
            assert re.search(r'"[^"]+"', control[2]), line
    assert page.evaluate("[...document.images].every(image => image.hasAttribute('alt'))")
    assert page.evaluate("[...document.querySelectorAll('iframe')].every(frame => frame.title)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_is_not_moved_sideways_and_a_dark_one_is_dark(open_at, scheme):
    page = open_at(390, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) is (scheme == "dark")


def test_words_find_clips_that_play_and_the_report_may_touch_nothing(open_at):
    page = open_at()
    page.get_by_role("tab", name="Search").click()
    page.get_by_label("What to look for").fill("waving")
    page.keyboard.press("Enter")
    page.wait_for_selector(".z-matches video")
    assert "waving" in page.locator(".z-path").first.inner_text()
    assert page.locator(".z-matches video").first.evaluate(
        "video => video.play().then(() => video.currentTime >= 0)"
    )
    page.get_by_role("tab", name="Audit").click()
    frame = page.frame_locator("iframe.z-report")
    assert frame.get_by_text("It leans on scenery.").inner_text()
    assert page.title() == "zeroshot"


def test_what_is_served_is_the_page_the_clips_and_the_report(address, folder):
    httpx = pytest.importorskip("httpx")
    with httpx.Client(base_url=address, timeout=300) as client:
        config = client.get("config").text
        clips = re.findall(r"/clips/[\w-]+", config)
        assert len(set(clips)) == len(example_clips())
        part = client.get(clips[0], headers={"range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert part.headers["content-type"] == "video/mp4"
        assert client.get("clips/" + "a" * 24).status_code == 404
        report = client.get("report")
        assert "It leans on scenery." in report.text
        assert report.headers["content-security-policy"].startswith(
            "sandbox allow-scripts; default-src 'none'"
        )
        assert client.get(f"gradio_api/file={CLIPS / 'waving_beach.mp4'}").status_code == 404
        assert client.get("/", headers={"host": "evil.example"}).status_code == 403
        large = {"files": ("a.mp4", b"a" * (3 << 20))}
        assert client.post("gradio_api/upload", files=large).status_code == 413
        small = client.post("gradio_api/upload", files={"files": ("../../a<b>.mp4", b"abc")})
        (path,) = small.json()
        assert Path(path).resolve().is_relative_to((folder / "tmp").resolve())


def test_all_examples_are_there(open_at):
    assert open_at().locator(".z-example").count() == len(example_clips())
