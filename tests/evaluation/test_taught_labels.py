"""Taught labels are evaluated beside their words alone, and never on what was shown."""

from __future__ import annotations

import pytest
from tiny_world import coloured, write_checkpoint

import zeroshot
from zeroshot.errors import DatasetError, OptionError
from zeroshot.video.write import write_video

NONSENSE = ("blorp", "quav", "zindle")


def test_taught_labels_are_evaluated_beside_their_words(tmp_path):
    model = zeroshot.load_model(write_checkpoint(tmp_path / "tiny"), num_workers=1)
    rows = ["path,label"]
    for label, word in enumerate(NONSENSE):
        (tmp_path / "shown" / word).mkdir(parents=True)
        for place in range(3):
            write_video(tmp_path / "shown" / word / f"{place}.mp4", coloured(label, 10 * label + place), 12.0)
        write_video(tmp_path / f"{word}.mp4", coloured(label, 99 + label), 12.0)
        rows.append(f"{word}.mp4,{word}")
    table, output = tmp_path / "videos.csv", str(tmp_path / "my.labels")
    table.write_text("\n".join(rows) + "\n")
    zeroshot.teach(tmp_path / "shown", output, model=model)
    settings = zeroshot.EvaluationSettings(labels=output)
    report = zeroshot.evaluate(table, model, settings=settings)
    streams = {each.stream: each for each in report.models[0].streams}
    assert list(streams) == ["clip", "clip, taught by 9 examples"]
    assert report.models[0].stream == "clip, taught by 9 examples"
    assert streams["clip, taught by 9 examples"].top1.value == 1
    ranked = zeroshot.load(model, output).similarity([tmp_path / f"{word}.mp4" for word in NONSENSE])
    assert streams["clip, taught by 9 examples"].outcomes[0].scores == pytest.approx(ranked, abs=1e-5)
    table.write_text(table.read_text() + "shown/blorp/1.mp4,blorp\n")
    with pytest.raises(DatasetError, match=r"1\.mp4 is an example of these labels \(blorp/1\.mp4\)"):
        zeroshot.evaluate(table, model, settings=settings)
    with pytest.raises(OptionError, match="examples of its own"):
        zeroshot.evaluate(tmp_path / "shown", model, protocol="few-shot-2", settings=settings)
    model.close()
