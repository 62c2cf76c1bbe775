"""Fit the networks and the linear model of one deep model, and decide between them."""

from skdcca._deep.decision import compare
from skdcca._deep.linear_model import fit_linear_model, held_out_by_linear_model
from skdcca._deep.plan import FEWEST_HELD_OUT, n_folds
from skdcca._deep.run import fit_one, fit_several
from skdcca._utils.warnings import warn
from skdcca.exceptions import LinearFallbackWarning


def split_rows(rows, plan, seed):
    """Return the split of each network; the seed chooses the held-out rows.

    Large groups may leave too few rows to hold out. Then several networks are not worth a comparison
    with a linear model, and no split is returned; any other networks hold out no rows.
    """
    splits = []
    if plan.n_networks == 1:
        splits = [rows.hold_out(seed, plan.n_held_out)]
    elif plan.n_held_out:
        splits = rows.folds(seed, n_folds(plan.n_networks))[: plan.n_networks]
    if rows.n_measured(splits) >= FEWEST_HELD_OUT:
        return splits
    if plan.n_networks > 1 and not plan.not_compared:
        return []
    return [rows.hold_out(seed, 0)] * plan.n_networks


def fit_model(rows, plan, splits, seeds, training, *, states=None, checkpoint=None):
    """Fit networks, compare them with a linear model, and return the better model.

    Parameters
    ----------
    rows : FitRows
        Rows of the fit.
    plan : Plan
        Number of networks, and whether they are compared.
    splits : list of Split
        Split of each network.
    seeds : list of int
        Seed of each network.
    training : Training
        Networks, loss and settings.
    states, checkpoint
        As in `TrainingRun.train`, for a single network.

    Returns
    -------
    fitted : FittedVariates
        The better model.
    history : list of dict
        One entry for each epoch of each network, also if the linear model is better.
    decision : dict
        The entries of `DeepCCA.decision_`.
    """
    n_components = training.branches[0].n_outputs
    if plan.linear_at_once or not splits:
        fitted = fit_linear_model(rows, n_components, training.kind)
        decision = {"model": "linear", "reason": "there are too few rows to judge networks"}
        _tell(decision, rows, training.settings)
        return fitted, [], decision
    if len(splits) == 1:
        fitted = fit_one(rows, *splits, *seeds, training, states=states, checkpoint=checkpoint)
    else:
        fitted = fit_several(rows, splits, seeds, training)
    decision = {"model": "networks", "reason": plan.not_compared or "no rows are held out"}
    if plan.not_compared or fitted.held_out is None:
        return fitted, fitted.history, decision
    trained = splits[: fitted.n_networks]
    linear = held_out_by_linear_model(rows, trained, n_components, training.kind)
    decision = _decide(rows, fitted, linear)
    history = fitted.history
    if decision["model"] == "linear":
        fitted = fit_linear_model(rows, n_components, training.kind, linear)
    _tell(decision, rows, training.settings)
    return fitted, history, decision


def _decide(rows, fitted, linear):
    """Return the decision of process 0, because machines may differ in the last digit."""
    held_out = linear.rows
    groups = None if rows.groups is None else rows.groups[held_out]
    found = compare(
        fitted.held_out, linear, rows.weights.of(held_out), groups, joined=fitted.n_networks > 1
    )
    return rows.process_group.broadcast(found)


def _tell(decision, rows, settings):
    """Warn if the linear model was kept, and print the decision."""
    name, verbose = settings.model, settings.verbose
    is_linear = decision["model"] == "linear"
    found = decision["reason"]
    if is_linear:
        cause, figures = found, ""
        if "networks" in decision:
            # Without the figures, the many fits of a search show the warning once.
            cause = "its networks are not clearly better on held-out rows"
            figures = " The figures are in `decision_`."
        warn(
            f"{name} keeps a linear model, because {cause}.{figures} Pass fallback=None to keep "
            "networks.",
            LinearFallbackWarning,
        )
    if not verbose or rows.process_group.rank != 0:
        return
    if "networks" in decision:
        found = (
            f"sum of correlations of {decision['n_rows']} held-out rows: networks "
            f"{decision['networks']:.2f}, linear {decision['linear']:.2f}, standard error of the "
            f"difference {decision['standard_error']:.2f}"
        )
    print(f"{name} keeps {'the linear model' if is_linear else 'the networks'}: {found}.")
