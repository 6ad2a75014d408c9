"""Figures of cross-validation: quality against cost."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gatewise._extras import import_extra
from gatewise.decompose import SparsityChoice
from gatewise.plots.figures import COLORS, annotate_below, annotate_right, new_figure, style_axes
from gatewise.validation import CrossValidation, ExpertChoice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def comparison(result: CrossValidation) -> "Figure":
    """Draw the models of `gw.compare`: mean score against the time to predict a row.

    Parameters
    ----------
    result : CrossValidation
        The result of `gw.compare`.

    Returns
    -------
    matplotlib.figure.Figure
        A point for each model, with a bar of one standard error up and down. The ring marks the
        chosen model; the band shows means within one standard error of the best.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    """
    figure = new_figure(7.2, 4.2)
    axes = figure.subplots()
    times, means, errors = result.row_microseconds, result.means, result.standard_errors
    _draw_band(axes, result)
    for at, name in enumerate(result.names):
        color = COLORS[at % len(COLORS)]
        axes.errorbar(times[at], means[at], errors[at], color=color, marker="o", capsize=3)
        annotate_right(axes, name, times[at], means[at], color)
    chosen = result.names.index(result.chosen)
    _mark_chosen(axes, times[chosen], means[chosen])
    ticker = import_extra("matplotlib.ticker", "plots")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.margins(x=0.15)
    axes.set_xlabel("microseconds to predict a row")
    axes.set_ylabel(f"{result.measure} (held out)")
    axes.set_title("Quality against time", loc="left", fontweight="bold")
    style_axes(axes)
    return figure


def expert_choice(choice: ExpertChoice) -> "Figure":
    """Draw the measurements of `gw.choose_experts`: quality and time by expert count and k.

    Parameters
    ----------
    choice : ExpertChoice
        The result of `gw.choose_experts`.

    Returns
    -------
    matplotlib.figure.Figure
        Left: the mean score, with bars of one standard error and the band of means within one
        standard error of the best. Right: the microseconds per predicted row. One line per k; the
        ring marks the choice.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    """
    result = choice.result
    figure = new_figure(9.2, 3.9)
    quality, time = figure.subplots(1, 2)
    _draw_band(quality, result)
    for line, k in enumerate(sorted({k for _, k in choice.pairs})):
        at = [index for index, pair in enumerate(choice.pairs) if pair[1] == k]
        experts = [choice.pairs[index][0] for index in at]
        color = COLORS[line % len(COLORS)]
        errors = result.standard_errors[at]
        quality.errorbar(
            experts, result.means[at], errors, color=color, marker="o", capsize=3, label=f"k = {k}"
        )
        time.plot(experts, result.row_microseconds[at], color=color, marker="o", label=f"k = {k}")
    chosen = choice.pairs.index((choice.num_experts, choice.k))
    _mark_chosen(quality, choice.num_experts, result.means[chosen])
    _mark_chosen(time, choice.num_experts, result.row_microseconds[chosen])
    counts = sorted({count for count, _ in choice.pairs})
    for axes in (quality, time):
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, labels=[str(count) for count in counts])
        axes.minorticks_off()
        axes.set_xlabel("experts")
        style_axes(axes)
    quality.set_ylabel(f"{result.measure} (held out)")
    quality.set_title("Quality", loc="left", fontweight="bold")
    quality.legend(frameon=False, fontsize=8.5)
    time.set_ylim(bottom=0)
    time.set_ylabel("microseconds to predict a row")
    time.set_title("Time", loc="left", fontweight="bold")
    return figure


def _draw_band(axes: "Axes", result: CrossValidation) -> None:
    """Draws the band of means within one standard error of the best."""
    best = int(np.argmax(result.means))
    top, error = result.means[best], result.standard_errors[best]
    axes.axhspan(top - error, top, color="0.93", zorder=0)


def _mark_chosen(axes: "Axes", x: float, y: float) -> None:
    axes.plot([x], [y], marker="o", markersize=14, fillstyle="none", color="0.2", linestyle="none")


def sparsity_choice(choice: SparsityChoice) -> "Figure":
    """Draw the measurements of `gw.decompose.choose_sparsity`: score against weights kept.

    Parameters
    ----------
    choice : SparsityChoice
        The result of `choose_sparsity`.

    Returns
    -------
    matplotlib.figure.Figure
        Mean scores with bars of one standard error, and the band of means within one standard
        error of the best. The ring marks the choice.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    """
    result = choice.result
    figure = new_figure(6.4, 4.0)
    axes = figure.subplots()
    _draw_band(axes, result)
    order = np.argsort(choice.keeps)
    keeps = np.asarray(choice.keeps)[order] * 100
    means, errors = result.means[order], result.standard_errors[order]
    axes.errorbar(keeps, means, errors, color=COLORS[0], marker="o", capsize=3)
    chosen = choice.keeps.index(choice.keep)
    _mark_chosen(axes, choice.keep * 100, result.means[chosen])
    axes.set_xscale("log")
    axes.set_xticks(keeps, labels=[f"{keep:g}" for keep in keeps])
    axes.minorticks_off()
    axes.set_xlabel("weights kept (%)")
    axes.set_ylabel(f"{result.measure} (held out)")
    axes.set_title("Quality against weights kept", loc="left", fontweight="bold")
    style_axes(axes)
    return figure


def quality_against_share(curves: Mapping[str, Sequence[tuple[int, float, float]]]) -> "Figure":
    """Draw the score of a model split into experts against the parameters used per row.

    Parameters
    ----------
    curves : mapping of str to list of (k, share, score)
        Results of `gw.decompose.quality_by_share`, by name.

    Returns
    -------
    matplotlib.figure.Figure
        One line per name; the points of the first line are labelled with k.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message names the extra that installs it.
    ValueError
        If there are no curves.
    """
    if not curves:
        raise ValueError("curves: expected at least one, got none")
    figure = new_figure(6.8, 4.2)
    axes = figure.subplots()
    for at, (name, points) in enumerate(curves.items()):
        counts, shares, scores = zip(*sorted(points), strict=True)
        color = COLORS[at % len(COLORS)]
        percent = np.asarray(shares) * 100
        axes.plot(percent, scores, color=color, marker="o", label=name)
        if at == 0:
            for k, share, score in zip(counts, percent, scores, strict=True):
                annotate_below(axes, f"k {k}", share, score, color)
    axes.set_xlim(left=0)
    axes.set_xlabel("parameters used per row (% of the dense pair)")
    axes.set_ylabel("score (held out)")
    axes.set_title("Quality against parameters used", loc="left", fontweight="bold")
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    style_axes(axes)
    return figure
