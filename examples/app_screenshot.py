"""A picture of the page of `zeroshot app`, taken in headless Chromium.

    python examples/app_screenshot.py --output examples/app.png

Needs `pip install playwright` beside the package's extra `app`, and a Chromium.
"""

from __future__ import annotations

import argparse
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path

SIZE = {"width": 1360, "height": 1130}


def take(address: str, chromium: str, example: str, output: Path) -> None:
    """Open the page, press an example, wait for its answer, move the player, and take the picture."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(300_000)
        page.goto(address)
        page.get_by_role("button", name=f"Example: {example}", exact=True).click()
        name = example.replace(" ", "_") + "."
        page.wait_for_function(
            "name => { const it = document.querySelector('.z-result[aria-busy=false] figcaption');"
            " return it && it.textContent.startsWith(name); }",
            arg=name,
        )
        page.locator(".z-leads").first.click()
        page.mouse.move(0, 0)
        page.wait_for_timeout(2000)
        page.screenshot(path=str(output))
        browser.close()
    # 256 colours are enough for a page, and a third of the bytes.
    Image.open(output).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(output, optimize=True)


def main() -> None:
    """Serve, look, end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--example", default="waving kitchen", help="which clip is shown")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "/usr/bin/chromium")
    options = parser.parse_args()
    command = [sys.executable, "-m", "zeroshot", "app", "--port", "0"]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: said.put(served.stdout.readline()), daemon=True).start()
    try:
        take(said.get(timeout=600).split()[0], options.chromium, options.example, options.output)
    finally:
        served.terminate()
        served.wait()


if __name__ == "__main__":
    main()
