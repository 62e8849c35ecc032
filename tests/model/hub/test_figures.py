"""Figures as cards of the model hub hold them: read back by the hub's own library."""

from __future__ import annotations

from huggingface_hub import ModelCard

from zeroshot.model.hub.figures import Figure, model_index


def test_the_hub_reads_what_is_written():
    figures = [
        Figure("UCF 101: half", "ucf101-zeroshot", "top-1", 0.75, {"low_95": 0.7, "videos": 12}),
        Figure("…", "csv", "H", 0.5, {}),
    ]
    data = ModelCard(f"{model_index('a: model', figures)}\n\n# words").data
    assert data.model_name == "a: model"
    assert [(each.metric_name, each.metric_value) for each in data.eval_results] == [
        ("top-1", 0.75),
        ("H", 0.5),
    ]
    first, second = data.eval_results
    assert (first.dataset_name, first.dataset_type) == ("UCF 101: half (ucf101-zeroshot)", "UCF-101-half")
    assert second.dataset_type
    assert first.metric_args == {"low_95": 0.7, "videos": 12}
