"""The table of all methods: settings, published orderings, report; on known figures, then from end to end."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from zeroshot.training.methods.table import METHODS

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _beside(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_tried_with_six_settings_its_own_terms_among_them(name):
    import debias_rows
    import systems_rows as rows

    found = rows.settings_of(name)
    assert len({rows.in_words(each) for each in found}) == len(found) == rows.NUM_SETTINGS
    tried = [debias_rows.settings(row, 280, 0) for row in rows.tried_rows((name,)).values()]
    assert len(tried) == rows.NUM_SETTINGS
    assert all(each.choice.num_folds == 0 for each in tried)
    chosen = rows.chosen_rows({name: found[0]})[name]
    assert chosen.way == METHODS[name]
    weights = debias_rows.settings(chosen, 720, 0).objective.weights
    assert {term: weight for term, weight in weights.items() if weight} == pytest.approx(
        {term: weight for term, weight in METHODS[name].weights.items() if weight}, rel=0.01
    )


def test_test_persons_and_samples_are_those_of_no_other_benchmark():
    import debias_plan

    mine = {name: world for name, world in debias_plan.WORLDS.items() if name.startswith("systems")}
    assert len(mine) == 2
    assert not set(mine["systems"].places) & set(mine["systems-validation"].places)


@pytest.mark.parametrize(
    ("sign", "low", "high", "word"),
    [
        (1, 1, 5, "yes"), (1, -5, -1, "no"), (1, -1, 1, "open"), (-1, -5, -1, "yes"), (-1, 1, 5, "no"),
        (0, -2, 3, "yes"), (0, 6, 9, "no"), (0, -9, -6, "no"), (0, 2, 9, "open"),
    ],
)  # fmt: skip
def test_an_ordering_is_repeated_where_its_interval_says_so(sign, low, high, word):
    import systems_orderings as orderings
    from debias_tables import Figure

    one = orderings.Ordering("said", "albar", "plain", "contra", sign, "small")
    assert orderings.verdict(one, Figure((low + high) / 2, low, high)) == word
    assert orderings.verdict(one, None) == "–"
    assert one.pair == (("albar", "dynamic"), ("plain", "dynamic"))


def test_what_subtracts_is_compared_by_what_is_served():
    import systems_orderings as orderings

    served = orderings.Ordering("said", "dct", "plain", "shacc", 1, "small")
    assert served.pair == (("dct", "fused"), ("plain", "fused"))
    told = orderings.told_of(["plain", "albar"])
    assert {each.first for each in told} == {"plain", "albar"}
    assert all((rho, *each.pair, each.metric) in orderings.asked_for(["plain", "albar"], [rho])
               for rho in (0.7, 0.95) for each in told)  # fmt: skip


def test_a_report_tells_what_the_tables_say(tmp_path):
    import systems_report as report
    from debias_tables import FIGURE_COLUMNS, PAIR_COLUMNS, write_table

    rows = {"plain": "no debiasing", "albar": "a still clip tells nothing", "streams": "ours"}
    shares = {"plain": 40.0, "albar": 55.0, "streams": 80.0}
    lines = [(0.95, "clip", "clip", metric, 30.0, 25.0, 35.0, "") for metric in report.COLUMNS]
    for row, share in shares.items():
        for stream in report.STREAMS:
            figures = {**dict.fromkeys(report.COLUMNS, share), "information": 0.5, "information_share": 25.0}
            lines += [
                (0.95, row, stream, name, each, each - 3, each + 3, "") for name, each in figures.items()
            ]
        lines.append((0.95, row, "", "nhsic", 0.1, 0.05, 0.15, ""))
    write_table(tmp_path / "systems.csv", FIGURE_COLUMNS, lines)
    pair = (0.95, "albar", "dynamic", "plain", "dynamic", "contra", 15.0, 10.0, 20.0, 0.001, 0.002)
    write_table(tmp_path / "systems_pairs.csv", PAIR_COLUMNS, [pair])
    size = {"train": 720, "test_per_label": 20}
    tried = [{"setting": "learning_rate=0.001", "shacc": 50.0, "chosen": True}]
    facts = {
        "backbone": ["tiny", "0123"], "size": size, "tuning_size": {"train": 280}, "seeds": [0, 1],
        "couplings": [0.95], "num_labels": [20, 12], "home_chance": 10.0, "machine": "Machine",
        "whole_run": {"trainings": 3, "minutes": 2, "processes": 2}, "rows": rows,
        "network": {"hidden_dim": 128}, "steps": 150, "tuning_steps": 75,
        "cpu_seconds": {"plain": {"mean": 5.0, "most": 6.0}}, "tuning": dict.fromkeys(rows, tried),
    }  # fmt: skip
    (tmp_path / "systems.json").write_text(json.dumps(facts))
    report.write_report(tmp_path)
    text = (tmp_path / "systems.md").read_text()
    assert "| ALBAR: Contra 53.2 against 27.8 without it (HMDB51) | contra: albar − plain, dynamic " in text
    assert "**yes** 15.0 ± 5.0 (p 0.002)" in text
    served, alone = text.split("the dynamic stream alone\n")
    assert "| **streams** | 80.0 ± 3.0" in served  # its fused stream is what it trains to be right
    assert "| **albar** | 55.0 ± 3.0" in alone
    assert f"80.0 ± 3.0{report._MARK}" in alone  # streams subtract: zero on stills
    assert "0.50 ± 3.00 \\| 25 %" in served
    assert report.ranked(report.read_tables(tmp_path, "systems")[0], list(rows), 0.95)[:2] == [
        "clip",
        "streams",
    ]
    assert (tmp_path / "systems.png").stat().st_size > 5000


@pytest.mark.slow
def test_one_command_tries_settings_and_writes_the_table(tmp_path):
    command = [
        sys.executable, str(BENCHMARKS / "systems.py"), "--tiny", "--methods", "plain", "albar",
        "--workers", "1", "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    with (tmp_path / "results" / "systems.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["row"] for line in lines} == {"clip", "plain", "albar"}
    assert {"information", "information_share", "nhsic"} <= {line["metric"] for line in lines}
    facts = json.loads((tmp_path / "results" / "systems.json").read_text())
    assert facts["whole_run"]["trainings"] == 2 * 2 + 2 * 2
    # A second call finds everything done, and writes the same.
    before = (tmp_path / "results" / "systems.csv").read_text()
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "seed" not in again.stderr
    assert (tmp_path / "results" / "systems.csv").read_text() == before
