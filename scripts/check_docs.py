"""Holds the documents against the code: links, commands, options, the version."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    path for path in sorted(ROOT.rglob("*.md")) if not {"build", "dist", ".venv", "venv"} & set(path.parts)
]


def broken_links() -> list[str]:
    """Relative links of any document that lead nowhere."""
    found = []
    for document in DOCUMENTS:
        targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8"))
        lost = (t for t in targets if "://" not in t and not (document.parent / t).exists())
        found += [f"{document.relative_to(ROOT)}: link to {target} leads nowhere" for target in lost]
    return found


def commands_of(text: str) -> list[str]:
    """Lines of the shell blocks in a document, and of others that call us; continuation lines joined."""
    shell = re.findall(r"```(?:bash|sh|console)\n(.*?)```", text, flags=re.DOTALL)
    other = re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in shell for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    ours = ("zeroshot ", "docker run", "accelerate launch")
    return lines + [line for block in other for line in block.splitlines() if line.startswith(ours)]


@cache
def help_of(verb: str) -> str:
    """The help page of a verb, or "" where there is none."""
    done = subprocess.run(
        [sys.executable, "-m", "zeroshot", *verb.split(), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else ""


def wrong_commands() -> list[str]:
    """Verbs and options in documents and help pages that the command line does not know."""
    found, pages = [], {}
    for document in DOCUMENTS:
        for line in commands_of(document.read_text(encoding="utf-8")):
            shown = line.split("  # ")[0]
            for verb, rest in re.findall(r"\bzeroshot (bias \w+|[a-z]+)\b([^|;&<>]*)", shown):
                page = pages[verb] = help_of(verb)
                if not page:
                    found.append(f"{document.relative_to(ROOT)}: no command `zeroshot {verb}`")
                used = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", re.sub(r'"[^"]*"', "", rest))
                strange = set(used) - set(re.findall(r"--?[a-z][a-z-]*", page)) if page else ()
                found += [f"{document.relative_to(ROOT)}: `zeroshot {verb}` has no {o}" for o in strange]
    for verb, page in pages.items():
        if page and "Example:" not in page.split("\n\n")[1]:
            found.append(f"zeroshot {verb} --help does not open with an example")
    return found


def wrong_frame() -> list[str]:
    """The README's second command is what CI runs; the CHANGELOG knows the version."""
    found = []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    installs = [line for line in commands_of(readme) if line.startswith("pip install")]
    if (
        len(installs) < 2
        or installs[1] not in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    ):
        found.append(".ci/run does not run the README's second command to the letter")
    source = (ROOT / "zeroshot" / "resources.py").read_text(encoding="utf-8")
    version = re.search(r'^VERSION = "(.+)"$', source, flags=re.MULTILINE)[1]
    if f"## {version}" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        found.append(f"CHANGELOG.md has no section for {version}")
    if f"\nversion: {version}\n" not in (ROOT / "CITATION.cff").read_text(encoding="utf-8"):
        found.append(f"CITATION.cff is not of version {version}")
    return found


def main() -> None:
    """Print what is wrong, a line each; exit status 1 if there is any."""
    wrong = broken_links() + wrong_commands() + wrong_frame()
    for line in wrong:
        print(line)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
