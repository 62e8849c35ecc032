"""Metrics against second implementations, intervals against their coverage, and the field's known traps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from zeroshot.errors import OptionError
from zeroshot.statistics.intervals import (
    Count,
    bootstrap,
    t_interval,
)
from zeroshot.statistics.means import difference_over_rounds, mean_class_accuracy
from zeroshot.statistics.metrics import (
    Edited,
    accuracy,
    bias_metrics,
    class_counts,
    contrast,
    correct,
    generalized,
    pair_outcomes,
    relative_accuracy,
    swap_accuracies,
    target_ranks,
)


def share(sums):
    return sums[..., 0] / sums[..., 1]


def columns(outcomes):
    return np.column_stack([outcomes, np.ones(len(outcomes), int)])


@pytest.fixture
def guesses():
    """(scores (60, 9), targets (60,)) of a model that is right about half the time."""
    generator = np.random.default_rng(3)
    targets = generator.integers(0, 9, 60)
    scores = generator.normal(size=(60, 9))
    scores[np.arange(60), targets] += 1.3
    return scores, targets


def one_hot(rows, num_labels):
    return np.eye(num_labels)[rows]


class TestAccuracy:
    @pytest.mark.parametrize("k", [1, 2, 5, 8])
    def test_top_k_like_scikit_learn(self, guesses, k):
        scores, targets = guesses
        hits = sklearn.metrics.top_k_accuracy_score(targets, scores, k=k, labels=range(9), normalize=False)
        assert Count.of(correct(scores, targets, k)) == Count(int(hits), 60)

    def test_mean_class_accuracy_like_scikit_learn(self, guesses):
        scores, targets = guesses
        estimate = mean_class_accuracy(class_counts(correct(scores, targets), targets, 9))
        expected = sklearn.metrics.balanced_accuracy_score(targets, scores.argmax(1))
        assert estimate.value == pytest.approx(expected, abs=1e-12)
        assert estimate.low < estimate.value < estimate.high
        assert estimate.n == 60

    def test_a_label_without_videos_is_not_averaged(self):
        counts = class_counts(np.array([True, True, False]), np.array([0, 0, 3]), 5)
        assert counts.tolist() == [[2, 2], [0, 0], [0, 0], [0, 1], [0, 0]]
        assert mean_class_accuracy(counts).value == 0.5

    def test_batches_do_not_matter(self, guesses):
        scores, targets = guesses
        whole = correct(scores, targets, 3)
        for size in (1, 7, 60):
            parts = [correct(scores[i : i + size], targets[i : i + size], 3) for i in range(0, 60, size)]
            assert (np.concatenate(parts) == whole).all()
            assert sum((Count.of(part) for part in parts), Count(0, 0)) == Count.of(whole)
            starts = range(0, 60, size)
            counts = sum(
                class_counts(part, targets[i : i + size], 9) for i, part in zip(starts, parts, strict=True)
            )
            assert (counts == class_counts(whole, targets, 9)).all()

    def test_the_mean_of_uneven_batches_is_another_number(self):
        outcomes = np.array([True] * 4 + [False])
        batches = [outcomes[:4], outcomes[4:]]
        assert np.mean([Count.of(batch).share for batch in batches]) == 0.5
        assert sum((Count.of(batch) for batch in batches), Count(0, 0)).share == 0.8

    def test_oracle_and_constant(self):
        targets = np.repeat(np.arange(8), 5)
        oracle, constant = one_hot(targets, 8), one_hot(np.full(40, 6), 8)
        assert Count.of(correct(oracle, targets)) == Count(40, 40)
        assert Count.of(correct(constant, targets)) == Count(5, 40)
        assert Count.of(correct(np.zeros((40, 8)), targets)) == Count(5, 40)
        assert mean_class_accuracy(class_counts(correct(constant, targets), targets, 8)).value == 1 / 8

    def test_ties_go_to_the_lower_row_like_argmax(self):
        scores = np.random.default_rng(0).integers(0, 3, (200, 6)).astype(float)
        targets = np.random.default_rng(1).integers(0, 6, 200)
        assert (correct(scores, targets) == (scores.argmax(1) == targets)).all()
        expected = [
            sorted(range(6), key=lambda label: (-row[label], label)).index(t)
            for row, t in zip(scores, targets, strict=True)
        ]
        assert target_ranks(scores, targets).tolist() == expected

    def test_all_labels_compete(self, guesses):
        """Ranking, or a softmax, over the first few labels alone flatters the model."""
        scores, targets = guesses
        few = targets < 3
        among_all = Count.of(correct(scores[few], targets[few]))
        among_few = Count.of(correct(scores[few, :3], targets[few]))
        assert among_few.hits > among_all.hits
        odds = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        assert (target_ranks(odds, targets) == target_ranks(scores, targets)).all()

    @pytest.mark.parametrize(
        ("scores", "targets", "message"),
        [
            (np.zeros((2, 3)), np.array([0, 3]), r"0\.\.2"),
            (np.zeros((2, 3)), np.array([0, -1]), r"run from -1"),
            (np.zeros((2, 3)), np.array([0]), r"\(2,\) integers"),
            (np.zeros((2, 3)), np.array([0.0, 1.0]), "float64"),
            (np.zeros(3), np.array([0]), r"floats \(n, K\)"),
            (np.array([[0.0, 1.0], [np.nan, 0.0]]), np.array([0, 0]), "video 1"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, scores, targets, message):
        with pytest.raises(OptionError, match=message) as caught:
            correct(scores, targets)
        assert "\n" not in str(caught.value)

    def test_k_and_counts_are_checked(self):
        with pytest.raises(OptionError, match="k is 0"):
            correct(np.zeros((1, 2)), np.array([0]), 0)
        with pytest.raises(OptionError, match="3 hits of 2"):
            Count(3, 2)
        with pytest.raises(OptionError, match="float64"):
            Count.of(np.array([0.5, 1.0]))
        with pytest.raises(OptionError, match="no label has a video"):
            mean_class_accuracy(np.zeros((3, 2), np.int64))
        with pytest.raises(OptionError, match=r"expected 0\.\.1"):
            class_counts(np.array([True]), np.array([2]), 2)
        with pytest.raises(OptionError, match="like the targets"):
            class_counts(np.array([True]), np.array([0, 1]), 2)


class TestBias:
    def test_a_mean_of_batches_is_not_bor(self):
        """The ratio of sums is 3/6 however the clips come; a mean of ratios follows the batches."""
        original = np.array([1, 1, 1, 1, 1, 1, 0, 0], bool)
        edited = np.array([1, 1, 0, 0, 0, 1, 0, 0], bool)
        assert relative_accuracy(edited, original).value == 3 / 6
        means = {}
        for cut in (2, 3, 5):
            batches = [slice(0, cut), slice(cut, 8)]
            means[cut] = np.mean([edited[b].sum() / original[b].sum() for b in batches])
        assert means == pytest.approx(
            {2: (2 / 2 + 1 / 4) / 2, 3: (2 / 3 + 1 / 3) / 2, 5: (2 / 5 + 1 / 1) / 2}
        )
        order = [7, 0, 5, 2, 4, 1, 6, 3]
        assert relative_accuracy(edited[order], original[order]) == relative_accuracy(edited, original)

    def test_scene_only_oracle(self):
        """Who answers by the background is wrong on every swap, in the way SBErr counts."""
        targets = np.arange(12) % 6
        places = (targets + 1) % 6
        right = Edited(one_hot(targets, 6), targets)
        by_scene = {
            "original": right,
            "background-only": right,
            "human-only": Edited(one_hot(np.zeros(12, int), 6), targets),
            "swap": Edited(one_hot(places, 6), targets, places),
        }
        metrics = bias_metrics(by_scene)
        assert metrics["sberr"].value == 1
        assert metrics["shacc"].value == 0
        assert metrics["bor"].value == 1
        assert metrics["hor"].value == pytest.approx(1 / 6)
        assert set(metrics) == {"orig", "bor", "hor", "shacc", "sberr"}

    def test_action_only_oracle(self):
        targets = np.arange(12) % 6
        right, wrong = one_hot(targets, 6), one_hot((targets + 2) % 6, 6)
        kinds = ("original", "background-only", "human-only", "swap", "scuba", "scufo")
        said = (right, wrong, right, right, right, wrong)
        places = (targets + 1) % 6
        edited = {kind: Edited(scores, targets, places) for kind, scores in zip(kinds, said, strict=True)}
        values = {name: estimate.value for name, estimate in bias_metrics(edited).items()}
        assert values == {
            "orig": 1, "bor": 0, "hor": 1, "shacc": 1, "sberr": 0, "scuba": 1, "scufo": 0, "contra": 1,
        }  # fmt: skip

    def test_the_label_of_a_swap_is_the_persons(self):
        person, background = np.array([0, 1, 2]), np.array([1, 2, 2])
        answers = one_hot(np.array([0, 2, 2]), 3)
        shacc, sberr = swap_accuracies(answers, person, background)
        assert (shacc.value, shacc.n) == (pytest.approx(2 / 3), 3)
        assert (sberr.value, sberr.n) == (pytest.approx(1 / 2), 2), "the third clip's labels agree: no error"
        exchanged, _ = swap_accuracies(answers, background, person)
        assert exchanged.value == pytest.approx(2 / 3)
        assert swap_accuracies(one_hot(person, 3), person, background)[0].value == 1
        assert swap_accuracies(one_hot(person, 3), background, person)[0].value == pytest.approx(1 / 3)

    def test_contrast_pairs_clips(self):
        """Both sets at 50 %, and the share of contrasted clips anything between 0 and 50 %."""
        scuba = np.array([1, 1, 0, 0], bool)
        assert Count.of(contrast(scuba, scuba)) == Count(0, 4)
        assert Count.of(contrast(scuba, ~scuba)) == Count(2, 4)
        assert Count.of(contrast(scuba, np.array([1, 0, 1, 0], bool))) == Count(1, 4)

    def test_every_figure_against_a_loop(self):
        generator = np.random.default_rng(5)
        n, num_labels = 40, 4
        targets, places = generator.integers(0, num_labels, (2, n))
        tables = {
            name: generator.normal(size=(n, num_labels)) + one_hot(targets, num_labels)
            for name in ("original", "background-only", "human-only", "swap", "scuba", "scufo")
        }
        metrics = bias_metrics({kind: Edited(table, targets, places) for kind, table in tables.items()})
        hits = dict.fromkeys([*tables, "misled", "differ", "contra"], 0)
        for i in range(n):
            answers = {
                name: max(range(num_labels), key=lambda k, t=table: t[i, k]) for name, table in tables.items()
            }
            for name, answer in answers.items():
                hits[name] += answer == targets[i]
            if targets[i] != places[i]:
                hits["differ"] += 1
                hits["misled"] += answers["swap"] == places[i]
            hits["contra"] += answers["scuba"] == targets[i] != answers["scufo"]
        expected = {
            "orig": hits["original"] / n,
            "bor": hits["background-only"] / hits["original"],
            "hor": hits["human-only"] / hits["original"],
            "shacc": hits["swap"] / n,
            "sberr": hits["misled"] / hits["differ"],
            "scuba": hits["scuba"] / n,
            "scufo": hits["scufo"] / n,
            "contra": hits["contra"] / n,
        }
        assert {name: estimate.value for name, estimate in metrics.items()} == pytest.approx(expected)
        for name, estimate in metrics.items():
            assert estimate.low <= estimate.value <= estimate.high, name
            assert estimate.n == (hits["differ"] if name == "sberr" else n)

    def test_incomplete_sets_are_refused(self):
        scores = np.zeros((3, 2))
        with pytest.raises(OptionError, match="swap comes without others"):
            bias_metrics({"swap": Edited(scores, np.zeros(3, int))})
        with pytest.raises(OptionError, match="same videos"):
            relative_accuracy(np.array([True]), np.array([True, False]))
        with pytest.raises(OptionError, match="same videos"):
            contrast(np.array([0.5]), np.array([True]))

    def test_bor_of_a_model_that_is_never_right_has_no_value(self):
        nothing = np.zeros(5, bool)
        assert math.isnan(relative_accuracy(nothing, nothing).value)
        assert relative_accuracy(nothing, nothing).as_dict() == {
            "value": None,
            "low": None,
            "high": None,
            "n": 5,
        }


class TestGeneralized:
    def test_hand_made(self):
        # Rows: 2 seen labels, 2 unseen; the model prefers seen ones.
        scores = np.array(
            [[3, 0, 0, 0], [0, 3, 0, 0], [2, 0, 1.5, 0], [0, 0, 0, 2], [0, 2, 0, 1.5], [2, 0, 0, 1.9]]
        )
        targets = np.array([0, 1, 2, 3, 3, 3])
        seen = np.array([True, True, False, False])
        result = generalized(scores, targets, seen)
        assert (result.seen.value, result.unseen.value) == (1, 1 / 4)
        assert result.harmonic.value == pytest.approx(2 * 1 * 0.25 / 1.25)
        assert (result.seen.n, result.unseen.n, result.harmonic.n) == (2, 4, 6)
        stacked = generalized(scores, targets, seen, gamma=1.0)
        assert stacked.harmonic.value == 1
        assert generalized(scores, targets, seen, gamma=10.0).harmonic.value == 0

    def test_harmonic_like_scipy_and_stacking_trades(self, guesses):
        scores, targets = guesses
        seen = np.arange(9) < 5
        values = []
        for gamma in (-9.0, 0.0, 0.5, 9.0):
            result = generalized(scores, targets, seen, gamma)
            values.append((result.seen.value, result.unseen.value))
            expected = 0 if 0 in values[-1] else scipy.stats.hmean(values[-1])
            assert result.harmonic.value == pytest.approx(expected)
            assert result.harmonic.low <= result.harmonic.value <= result.harmonic.high
        assert sorted((s for s, _ in values), reverse=True) == [s for s, _ in values]
        assert sorted(u for _, u in values) == [u for _, u in values]
        assert values[0][1] == values[-1][0] == 0

    def test_unseen_labels_compete_with_seen_ones(self, guesses):
        scores, targets = guesses
        seen = np.arange(9) < 5
        unseen = ~seen[targets]
        alone = accuracy(correct(scores[unseen][:, 5:], targets[unseen] - 5))
        assert generalized(scores, targets, seen).unseen.value < alone.value

    def test_the_interval_keeps_how_many_are_unseen(self):
        """One seen video, right, and seven unseen: the seven say more of U than the one says of S."""
        targets = np.array([0] + [1] * 7)
        answers = np.array([0, 1, 1, 1, 1, 0, 0, 0])
        harmonic = generalized(one_hot(answers, 2), targets, np.array([True, False])).harmonic
        assert harmonic.value == pytest.approx(2 * 4 / (7 + 4))
        assert harmonic.low < 2 * 0.21 * 4 / 7 / (0.21 + 4 / 7), (
            "Wilson's lower end of one video of one is 0.21"
        )
        more = np.repeat([0, 1], [7, 7])
        surer = generalized(one_hot(np.r_[[0] * 7, answers[1:]], 2), more, np.array([True, False])).harmonic
        assert surer.value == harmonic.value
        assert surer.low > harmonic.low

    def test_one_sided_sets_are_refused(self, guesses):
        scores, targets = guesses
        with pytest.raises(OptionError, match="no video has an unseen label"):
            generalized(scores, targets, np.ones(9, bool))
        with pytest.raises(OptionError, match="no video has a seen label"):
            generalized(scores, targets, np.zeros(9, bool))
        with pytest.raises(OptionError, match="booleans"):
            generalized(scores, targets, np.arange(5))


class TestOrderPairs:
    def test_only_the_partner_competes(self):
        scores = np.array([[0.1, 0.0, 0.9], [0.0, 0.1, 0.9], [0.1, 0.0, 0.9], [0.0, 0.0, 0.9]])
        targets = np.array([0, 1, 1, 2])
        assert pair_outcomes(scores, targets, [(0, 1)]).tolist() == [True, True, False]

    def test_a_model_blind_to_order_is_at_one_half(self):
        targets = np.tile([0, 1, 2, 3], 25)
        assert Count.of(pair_outcomes(np.zeros((100, 5)), targets, [(0, 1), (3, 2)])) == Count(50, 100)
        assert Count.of(pair_outcomes(one_hot(targets, 5), targets, [(0, 1), (3, 2)])) == Count(100, 100)

    @pytest.mark.parametrize("pairs", [[(0, 1), (1, 2)], [(0, 0)], [(0, 7)], [(-1, 0)]])
    def test_odd_pairs_are_refused(self, pairs):
        with pytest.raises(OptionError, match="one pair at most"):
            pair_outcomes(np.zeros((1, 3)), np.array([0]), pairs)


class TestIntervals:
    @pytest.mark.parametrize(("hits", "total"), [(0, 10), (1, 10), (5, 10), (10, 10), (999, 1000), (47, 391)])
    @pytest.mark.parametrize("level", [0.9, 0.95])
    def test_wilson_like_scipy(self, hits, total, level):
        estimate = Count(hits, total).estimate(level)
        expected = scipy.stats.binomtest(hits, total).proportion_ci(level, "wilson")
        assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1

    def test_nothing_counted_says_nothing(self):
        estimate = Count(0, 0).estimate()
        assert math.isnan(estimate.value)
        assert (estimate.low, estimate.high, estimate.n) == (0, 1, 0)

    @pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
    def test_student_of_two_and_three_seeds_is_known_in_closed_form(self, level):
        """t = tan(π (p − 1/2)) for one degree of freedom, (2p − 1) / √(2p (1 − p)) for two."""
        p = (1 + level) / 2
        for values, t in (
            ([1.0, 4.0], math.tan(math.pi * (p - 0.5))),
            ([1.0, 4.0, 2.0], (2 * p - 1) / math.sqrt(2 * p * (1 - p))),
        ):
            n, mean = len(values), sum(values) / len(values)
            error = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
            found = t_interval(values, level)
            assert (found.low, found.high) == pytest.approx((mean - t * error, mean + t * error), rel=1e-9)

    @pytest.mark.parametrize(("n", "t"), [(5, 2.776), (10, 2.262), (30, 2.045), (61, 2.000), (121, 1.980)])
    def test_student_is_that_of_the_printed_tables(self, n, t):
        values = np.random.default_rng(n).normal(size=n)
        found = t_interval(values.tolist())
        assert (found.high - found.value) / (values.std(ddof=1) / math.sqrt(n)) == pytest.approx(t, abs=5e-4)
        assert found.n == n

    def test_one_seed_has_no_spread(self):
        estimate = t_interval([3.0])
        assert (estimate.value, estimate.low, estimate.high) == (3.0, -math.inf, math.inf)
        assert estimate.as_dict() == {"value": 3.0, "low": None, "high": None, "n": 1}

    def test_bootstrap_like_scipy(self):
        generator = np.random.default_rng(0)
        first, second = generator.random(300) < 0.4, generator.random(300) < 0.6
        ours = bootstrap(np.column_stack([first, second]), share, seed=1)
        theirs = scipy.stats.bootstrap(
            (first, second), lambda a, b, axis: a.sum(axis) / b.sum(axis),
            paired=True, method="percentile", rng=np.random.default_rng(2), n_resamples=4000,
        ).confidence_interval  # fmt: skip
        assert ours.value == first.sum() / second.sum()
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)

    def test_bootstrap_is_seeded_and_blind_to_order(self):
        outcomes = np.random.default_rng(0).random((50, 2)) < 0.5
        estimate = bootstrap(outcomes, share, seed=4)
        assert estimate == bootstrap(outcomes[::-1], share, seed=4)
        assert estimate != bootstrap(outcomes, share, seed=5)

    def test_coverage(self):
        """Of 300 intervals for a ratio and a share at least 90 % hold the truth, and not all."""
        generator = np.random.default_rng(7)
        covered = {"ratio": 0, "share": 0}
        for seed in range(300):
            original = generator.random(120) < 0.7
            edited = generator.random(120) < np.where(original, 0.5, 0.1)
            ratio = bootstrap(np.column_stack([edited, original]), share, seed=seed, num_draws=500)
            covered["ratio"] += ratio.low <= 0.38 / 0.7 <= ratio.high
            estimate = accuracy(edited)
            covered["share"] += estimate.low <= 0.38 <= estimate.high
        assert 270 <= covered["ratio"] < 300
        assert 270 <= covered["share"] < 300

    def test_strata_keep_their_sizes(self):
        """With the sizes fixed, a share of group members does not vary at all."""
        member = np.arange(40) < 10
        counted = columns(member)
        fixed, free = bootstrap(counted, share, strata=member), bootstrap(counted, share)
        assert fixed.low == fixed.high == 0.25
        assert free.low < 0.25 < free.high

    def test_pairing_narrows_a_difference(self):
        generator = np.random.default_rng(1)
        hard = generator.random(200) < 0.5
        first = ~hard & (generator.random(200) < 0.95)
        second = first & (generator.random(200) < 0.93)
        paired = difference_over_rounds(columns(first), columns(second))
        assert paired.value == pytest.approx(first.mean() - second.mean())
        assert paired.low > 0
        apart = [bootstrap(columns(rows), share) for rows in (first, second)]
        assert apart[0].low < apart[1].high, "each interval alone could not tell the models apart"

    def test_a_ratio_over_no_hits_stays_infinite(self):
        estimate = bootstrap(np.array([[1, 0], [1, 1]]), share)
        assert estimate.value == 2
        assert estimate.high == math.inf
        assert estimate.as_dict()["high"] is None

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: t_interval([]), "one seed or more"),
            (lambda: t_interval([1.0, math.nan]), "seed 1"),
            (lambda: t_interval([1.0, 2.0], level=95), "level is 95"),
            (lambda: bootstrap(np.zeros((0, 2), int), share), "no videos"),
            (lambda: bootstrap(np.zeros((2, 2)), share), "whole numbers"),
            (lambda: bootstrap(np.zeros((2, 2), int), share, strata=np.zeros(3, int)), "3 strata for 2"),
            (lambda: bootstrap(np.ones((2, 2), int), share, num_draws=0), "0 bootstrap draws"),
        ],
    )
    def test_bad_input(self, call, message):
        with pytest.raises(OptionError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
