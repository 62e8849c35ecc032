"""What the shell offers on Tab: the completion is installed, and asks for no network library.

Covers: cli/completion, cli/main.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zeroshot.resources import bundled_names, prompts_folder

ASKED = """
import sys
sys.argv = ["zeroshot", *sys.argv[1:]]
from zeroshot.cli.main import main
try:
    main()
finally:
    heavy = {"torch", "open_clip", "transformers", "av", "faiss"} & sys.modules.keys()
    print("loaded:", *heavy, file=sys.stderr)
"""


def offered(line: str) -> list[str]:
    """What bash is offered for the last word of a line, an empty one behind a space."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_ZEROSHOT_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", ASKED], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == "loaded:\n"
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("zeroshot ", {"classify", "timeline", "embed", "bias", "show"}),
        ("zeroshot classify --num", {"--num-frames", "--num-views"}),
        ("zeroshot classify x.mp4 --labels ", set(bundled_names(prompts_folder() / "labels", ".txt"))),
        ("zeroshot classify x.mp4 --templates k", {"kinetics28"}),
        ("zeroshot timeline x.mp4 --model ", {"puppet-tiny", "ViT-B-32/openai"}),
        ("zeroshot evaluate x --protocol h", {"half-classes"}),
        ("zeroshot bias probe x --probe ", {"order", "dependence"}),
        ("zeroshot show ", {"puppet-tiny"}),
    ],
)
def test_tab_offers_verbs_options_and_names(line, words):
    assert words <= set(offered(line))


def test_a_name_of_ones_own_is_left_to_the_shell():
    assert offered("zeroshot classify x.mp4 --labels my_lab") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_it_is_installed_and_bash_asks_it(tmp_path):
    (tmp_path / "zeroshot").write_text(
        f"#!{sys.executable}\nimport sys\nsys.argv[0] = 'zeroshot'\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from zeroshot.cli.main import main\nmain()\n"
    )
    (tmp_path / "zeroshot").chmod(0o755)
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    typed = "zeroshot --install-completion; . ~/.bash_completions/zeroshot.sh; "
    typed += "COMP_WORDS=(zeroshot classify --labels hm); COMP_CWORD=3; _zeroshot_completion zeroshot; "
    typed += 'echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", typed], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "hmdb51", done.stderr
