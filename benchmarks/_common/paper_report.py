"""Figures of the paper's table that compare several cells: choices, differences, curves, a picture.

Cells are found by (split, audio, model, text, rows, components).
"""

import numpy as np
from scipy import stats

from skdcca import tokenize

from _common.end_to_end import END_TO_END
from _common.intervals import interval
from _common.systems import MODELS

# Rows, and the rows without what they are to show.
CONTROLS = {
    "aligned": ["frozen", "shuffled"],
    "gru": ["gru, shuffled", "mean over steps"],
    "deep": ["linear"],
    "linear": ["cca-zoo CCA"],
    "kernel": ["cca-zoo KCCA"],
}
MARKERS = {"linear": "o", "kernel": "s", "deep": "^"}


def groups_of(songs):
    """Return the group of each song."""
    return [song["group"] for song in songs]


def print_chosen(name, split, songs, found):
    """Print the score of choosing a cell in each outer fold by its inner score alone."""
    candidates = {
        key: result
        for key, result in found.items()
        if key[0] == split and key[2] in MODELS and key[4:] == ("paired", None)
    }
    if len(candidates) < 2:
        return
    reciprocal, means, picks = np.empty(len(songs)), [], []
    tests = next(iter(candidates.values()))["tests"]
    for i, test in enumerate(tests):
        pick = max(candidates, key=lambda key: candidates[key]["inner"][i])
        reciprocal[test] = np.array(candidates[pick]["reciprocal"])[test]
        means.append(reciprocal[test].mean())
        picks.append(", ".join(pick[1:4]))
    low, high = interval(reciprocal, groups_of(songs))
    named = "; ".join(f"{picks.count(pick)} x {pick}" for pick in dict.fromkeys(picks))
    print(
        f"chosen[{name}, {len(songs)}, {split}]={np.mean(means):.4f} ({low:.3f}-{high:.3f}) "
        f"by {named}"
    )


def print_curves(name, songs, found, sizes):
    """Print the score of each number of components, for all rows that were measured so."""
    rows = dict.fromkeys(key[:5] for key in found if key[5] is not None)
    for key in rows:
        values = [found.get((*key, size)) for size in sizes]
        shown = [f"{k}: {v['mrr']:.3f}" for k, v in zip(sizes, values, strict=True) if v]
        print(f"components[{name}, {len(songs)}, {', '.join(key)}] {', '.join(shown)}")


def print_differences(name, songs, found):
    """Print the difference of each row to its controls, with group bootstrap intervals."""
    for key, whole in found.items():
        for control in CONTROLS.get(key[2], []):
            other = found.get((*key[:2], control, *key[3:]))
            if other and key[5] is None:
                title = (
                    f"{key[2]} - {control}[{name}, {len(songs)}, {key[1]}, {', '.join(key[3:5])}]"
                )
                print(title + difference(whole, other, songs))


def difference(whole, other, songs):
    """Return the difference of two cells, as text."""
    apart = np.subtract(whole["folds"], other["folds"])
    p = stats.ttest_rel(whole["folds"], other["folds"]).pvalue if apart.any() else 1.0
    low, high = interval(np.subtract(whole["reciprocal"], other["reciprocal"]), groups_of(songs))
    return (
        f"={apart.mean():.4f} ({low:.3f} to {high:.3f}; folds {apart.min():.3f} to {apart.max():.3f}, "
        f"paired t-test of the folds p={p:.1e})"
    )


def print_unshared(name, songs, found, n_words=5):
    """Print the scores of text models on songs that share no run of words with another group."""
    runs = [runs_of_words(song["lyrics"], n_words) for song in songs]
    groups = {}
    for run, song in zip(runs, songs, strict=True):
        for five in run:
            groups.setdefault(five, set()).add(song["group"])
    alone = np.array([all(len(groups[five]) == 1 for five in run) for run in runs])
    for key, result in found.items():
        if key[2] == "aligned" and key[4] == "paired":
            value = np.array(result["reciprocal"])[alone].mean()
            shared = f"{alone.sum()} of {len(alone)} songs that share no {n_words} words in a row"
            print(f"aligned[{name}, {key[0]}]={value:.4f} for the {shared} with another group")


def runs_of_words(text, n_words):
    """Return all runs of `n_words` consecutive words."""
    words = tokenize(text)
    return {tuple(words[i : i + n_words]) for i in range(len(words) - n_words + 1)}


def draw(reports, file):
    """Plot the intervals of the folds by group, one panel per collection, and the curves."""
    from matplotlib.figure import Figure

    panels = [(name, songs, shown(found)) for name, songs, found in reports]
    panels = [panel for panel in panels if panel[2]]
    curves = [(name, curve_rows(found)) for name, _, found in reports]
    n_rows = -(-(len(panels) + 1) // 2)
    figure = Figure(figsize=(13, 5.2 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 2, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        draw_panel(axis, *panel)
    draw_curves(axes[len(panels)], curves)
    for axis in axes[len(panels) + 1 :]:
        axis.remove()
    figure.savefig(file, dpi=100)


def shown(found):
    """Return the rows of a panel, from the lowest score to the highest."""
    rows = [(k, r) for k, r in found.items() if k[0] == "by group" and k[5] is None]
    return sorted(rows, key=lambda item: item[1]["mrr"])


def draw_panel(axis, name, songs, rows):
    """Plot the interval of each row of a collection."""
    for place, (key, result) in enumerate(rows):
        low, high = result["interval"]
        axis.plot([low, high], [place, place], color="black", linewidth=1)
        face = "white" if key[4] == "permuted" else "black"
        marker = MARKERS.get(key[2], "P" if key[2] in END_TO_END else "v")
        axis.plot(result["mrr"], place, marker, color="black", markerfacecolor=face)
    axis.set_yticks(range(len(rows)), [label(key) for key, _ in rows], fontsize=7)
    axis.axvline(rows[0][1]["chance"], color="black", linestyle=":", label="chance")
    axis.set_title(f"{name}, {len(songs)} songs, gallery {rows[0][1]['gallery']}", fontsize=9)
    axis.set_xlabel("MRR, folds by group, 95 %")
    axis.set_xlim(left=0)
    axis.legend(loc="lower right", fontsize=7)


def label(key):
    """Return the label of a row."""
    _, audio, model, text, rows, _ = key
    pieces = [model] if audio == "end-to-end" else [audio, model]
    return " | ".join([*pieces, text]) + (", permuted" if rows == "permuted" else "")


def curve_rows(found):
    """Return the numbers of components and scores of each row that was measured for a curve."""
    rows = {}
    for key, result in found.items():
        if key[5] is not None:
            rows.setdefault(key[1:3], []).append((key[5], result["mrr"]))
    return {key: sorted(points) for key, points in rows.items()}


def draw_curves(axis, curves):
    """Plot the score against the number of components."""
    for name, rows in curves:
        for (audio, model), points in rows.items():
            sizes, scores = zip(*points, strict=True)
            title = f"{name} | {audio} | {model}"
            axis.plot(sizes, scores, marker=MARKERS[model], label=title)
    axis.set_xlabel("components")
    axis.set_ylabel("MRR, folds by group")
    axis.set_ylim(bottom=0)
    if axis.lines:
        axis.legend(fontsize=7)
